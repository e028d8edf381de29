-- Waiting resets of second factors, for users who lost all of them. The owner can object until the time has passed.
CREATE TABLE factor_resets (
  tenant_id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  requested_at DATETIME(3) NOT NULL,
  ready_at DATETIME(3) NOT NULL,
  expires_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, user_id),
  KEY factor_resets_expiry (tenant_id, expires_at),
  CONSTRAINT factor_resets_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
