-- The key that a session is bound to (RFC 9449), from which refresh on, whether its access tokens are bound as well, and
-- whether the user asked to stay signed in. A proof, of a key or of work, is good once.
ALTER TABLE sessions
  ADD COLUMN jkt BINARY(32) NULL,
  ADD COLUMN binds_access TINYINT NOT NULL DEFAULT 0,
  ADD COLUMN bound_counter INT UNSIGNED NOT NULL DEFAULT 0,
  ADD COLUMN remember TINYINT NOT NULL DEFAULT 0;

CREATE TABLE spent_proofs (
  tenant_id BINARY(16) NOT NULL,
  digest BINARY(32) NOT NULL,
  expires_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, digest),
  KEY spent_proofs_expiry (tenant_id, expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
