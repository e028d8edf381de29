-- Devices on which a user asked to be spared the second factor, by the key that they prove, and the one
-- that stood for the second factor of a session. Sessions remember what device they began on.
CREATE TABLE trusted_devices (
  tenant_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  jkt BINARY(32) NOT NULL,
  address VARBINARY(45) NOT NULL,
  user_agent VARCHAR(256) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  last_used_at DATETIME(3) NOT NULL,
  expires_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE KEY trusted_devices_key (tenant_id, user_id, jkt),
  CONSTRAINT trusted_devices_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

ALTER TABLE sessions
  ADD COLUMN device_id BINARY(16) NULL,
  ADD COLUMN device VARCHAR(160) NOT NULL DEFAULT '';
