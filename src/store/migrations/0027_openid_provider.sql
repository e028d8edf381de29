-- The OpenID provider: applications with their secrets, what users let them do, devices, and the keys that their tokens
-- are signed with. Instances of the version before read none of it.
CREATE TABLE applications (
  tenant_id BINARY(16) NOT NULL,
  client_id VARBINARY(64) NOT NULL,
  settings MEDIUMTEXT NOT NULL,
  created_at DATETIME(3) NOT NULL,
  updated_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, client_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE application_secrets (
  tenant_id BINARY(16) NOT NULL,
  client_id VARBINARY(64) NOT NULL,
  id BINARY(16) NOT NULL,
  digest BINARY(32) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  expires_at DATETIME(3) NULL,
  PRIMARY KEY (tenant_id, client_id, id),
  CONSTRAINT application_secrets_application FOREIGN KEY (tenant_id, client_id)
    REFERENCES applications (tenant_id, client_id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE application_grants (
  tenant_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  client_id VARBINARY(512) NOT NULL,
  session_id BINARY(16) NOT NULL,
  scopes MEDIUMTEXT NOT NULL,
  resources MEDIUMTEXT NOT NULL,
  is_offline TINYINT NOT NULL,
  auth_time DATETIME(3) NOT NULL,
  amr MEDIUMTEXT NOT NULL,
  code_digest BINARY(32) NULL,
  code_expires_at DATETIME(3) NULL,
  -- Sealed: the redirect URI, the challenge and the nonce.
  code_data BLOB NULL,
  started_at DATETIME(3) NULL,
  refresh_counter INT UNSIGNED NOT NULL,
  refresh_salt BINARY(32) NOT NULL,
  refreshed_at DATETIME(3) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  idle_expires_at DATETIME(3) NOT NULL,
  expires_at DATETIME(3) NOT NULL,
  ended_at DATETIME(3) NULL,
  -- When the application was told of the end, or needed not to be.
  told_at DATETIME(3) NULL,
  PRIMARY KEY (tenant_id, id),
  KEY application_grants_user (tenant_id, user_id, told_at),
  KEY application_grants_expiry (tenant_id, expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE application_consents (
  tenant_id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  client_digest BINARY(32) NOT NULL,
  client_id VARBINARY(512) NOT NULL,
  scopes MEDIUMTEXT NOT NULL,
  resources MEDIUMTEXT NOT NULL,
  created_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, user_id, client_digest),
  CONSTRAINT application_consents_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE device_authorizations (
  tenant_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  digest BINARY(32) NOT NULL,
  user_code VARBINARY(8) NOT NULL,
  client_id VARBINARY(512) NOT NULL,
  scopes MEDIUMTEXT NOT NULL,
  resources MEDIUMTEXT NOT NULL,
  address VARBINARY(45) NOT NULL,
  status VARBINARY(16) NOT NULL,
  grant_id BINARY(16) NULL,
  interval_s INT UNSIGNED NOT NULL,
  polled_at DATETIME(3) NULL,
  created_at DATETIME(3) NOT NULL,
  expires_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE KEY device_authorizations_user_code (tenant_id, user_code),
  KEY device_authorizations_expiry (tenant_id, expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Where each tenant's log was read up to for the logouts of applications.
CREATE TABLE logout_cursors (
  tenant_id BINARY(16) NOT NULL,
  position BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (tenant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Beside `signing_keys`, whose rows instances of the version before take for Ed25519 keys without looking.
CREATE TABLE application_keys (
  id BINARY(16) NOT NULL,
  algorithm VARBINARY(16) NOT NULL,
  public_jwk MEDIUMTEXT NOT NULL,
  sealed VARBINARY(8192) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  activates_at DATETIME(3) NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
