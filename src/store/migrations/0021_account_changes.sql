-- What an account had before a change of an address, a number or the password, so that its owner can undo it.
CREATE TABLE account_changes (
  tenant_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  kind VARBINARY(8) NOT NULL,
  address VARBINARY(254),
  canonical VARBINARY(254),
  confirmed_at DATETIME(3),
  added_at DATETIME(3),
  password_hash VARBINARY(255),
  changed_at DATETIME(3) NOT NULL,
  expires_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, id),
  KEY account_changes_user (tenant_id, user_id),
  KEY account_changes_expiry (tenant_id, expires_at),
  CONSTRAINT account_changes_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- End of a freeze, during which the ways to sign in cannot be changed.
ALTER TABLE users ADD COLUMN frozen_until DATETIME(3) NULL, ALGORITHM=INSTANT;
