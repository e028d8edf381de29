-- Sign-ins that went to another site and are to come back, and secrets that a tenant has
-- there. A request names nobody yet; what belongs to it is sealed.

CREATE TABLE IF NOT EXISTS login_requests (
  tenant_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  kind VARBINARY(16) NOT NULL,
  digest BINARY(32) NOT NULL,
  data BLOB NOT NULL,
  expires_at DATETIME(3) NOT NULL,
  consumed_at DATETIME(3) NULL,
  PRIMARY KEY (tenant_id, id),
  KEY login_requests_expiry (tenant_id, expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS tenant_secrets (
  tenant_id BINARY(16) NOT NULL,
  name VARBINARY(64) NOT NULL,
  sealed VARBINARY(1024) NOT NULL,
  PRIMARY KEY (tenant_id, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
