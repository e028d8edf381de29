-- Addresses of tenants that get their events, how far each has got in the log, and what was sent to it.
CREATE TABLE webhooks (
  tenant_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  url VARCHAR(2048) NOT NULL,
  description VARCHAR(200) NOT NULL,
  types MEDIUMTEXT NOT NULL,
  secrets VARBINARY(1024) NOT NULL,
  disabled_reason VARBINARY(16) NOT NULL,
  position BIGINT UNSIGNED NOT NULL,
  failing_since DATETIME(3) NULL,
  created_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE webhook_deliveries (
  tenant_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  webhook_id BINARY(16) NOT NULL,
  event_id BINARY(16) NOT NULL,
  type VARBINARY(64) NOT NULL,
  status VARBINARY(16) NOT NULL,
  attempts INT UNSIGNED NOT NULL,
  claims INT UNSIGNED NOT NULL,
  next_attempt_at DATETIME(3) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  since DATETIME(3) NOT NULL,
  ended_at DATETIME(3) NULL,
  PRIMARY KEY (tenant_id, id),
  KEY webhook_deliveries_due (status, next_attempt_at),
  KEY webhook_deliveries_webhook (tenant_id, webhook_id, id),
  KEY webhook_deliveries_status (tenant_id, webhook_id, status)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE webhook_attempts (
  tenant_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  delivery_id BINARY(16) NOT NULL,
  status_code SMALLINT UNSIGNED NOT NULL,
  error VARBINARY(64) NOT NULL,
  response VARCHAR(1024) NOT NULL,
  duration_ms INT UNSIGNED NOT NULL,
  created_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, id),
  KEY webhook_attempts_delivery (tenant_id, delivery_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
