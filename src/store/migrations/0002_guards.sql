-- Counters, budgets, idempotency and audit: the guards that every flow shares.

ALTER TABLE sessions ADD COLUMN refreshed_at DATETIME(3) NOT NULL DEFAULT '1970-01-02 00:00:00.000' AFTER refresh_salt;

-- Failed guesses by user, and by a keyed digest of the identifier where there is no
-- such user, so that both do the same work.
CREATE TABLE guess_counters (
  tenant_id BINARY(16) NOT NULL,
  kind VARBINARY(16) NOT NULL,
  subject BINARY(16) NOT NULL,
  failures INT UNSIGNED NOT NULL,
  next_attempt_at DATETIME(3) NULL,
  PRIMARY KEY (tenant_id, kind, subject)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What networks, tenants and recipients have used of a limit in the current window.
CREATE TABLE budgets (
  tenant_id BINARY(16) NOT NULL,
  name VARBINARY(64) NOT NULL,
  subject VARBINARY(32) NOT NULL,
  window_start DATETIME(3) NOT NULL,
  used INT UNSIGNED NOT NULL,
  PRIMARY KEY (tenant_id, name, subject)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE idempotency (
  tenant_id BINARY(16) NOT NULL,
  digest BINARY(32) NOT NULL,
  request_digest BINARY(32) NOT NULL,
  answer MEDIUMBLOB NULL,
  lease_until DATETIME(3) NOT NULL,
  expires_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, digest),
  KEY idempotency_expiry (tenant_id, expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE audit_events (
  tenant_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  action VARBINARY(64) NOT NULL,
  outcome VARBINARY(8) NOT NULL,
  reason VARBINARY(64) NOT NULL,
  user_id BINARY(16) NULL,
  session_id BINARY(16) NULL,
  key_id BINARY(16) NULL,
  address VARBINARY(45) NOT NULL,
  request_id VARBINARY(36) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, id),
  KEY audit_events_user (tenant_id, user_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
