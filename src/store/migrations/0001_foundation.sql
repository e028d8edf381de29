-- The tables of the foundation. Rules that hold for every table:
-- identifiers, digests and tokens are VARBINARY, because the collations of text
-- compare more than bytes (security.md, V6); every key of user data starts with
-- tenant_id; times are DATETIME(3) in UTC.

CREATE TABLE tenants (
  id BINARY(16) NOT NULL,
  slug VARBINARY(63) NOT NULL,
  name VARCHAR(100) NOT NULL,
  status VARBINARY(16) NOT NULL,
  policy MEDIUMTEXT NOT NULL,
  created_at DATETIME(3) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY tenants_slug (slug)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE api_keys (
  id BINARY(16) NOT NULL,
  tenant_id BINARY(16) NOT NULL,
  kind VARBINARY(16) NOT NULL,
  scopes MEDIUMTEXT NOT NULL,
  digest VARBINARY(32) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  revoked_at DATETIME(3) NULL,
  PRIMARY KEY (id),
  UNIQUE KEY api_keys_digest (digest),
  KEY api_keys_tenant (tenant_id),
  CONSTRAINT api_keys_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- All personal data but the identifiers stands here.
CREATE TABLE users (
  tenant_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  status VARBINARY(16) NOT NULL,
  locale VARBINARY(8) NOT NULL,
  roles MEDIUMTEXT NOT NULL,
  sender_email VARBINARY(254) NOT NULL,
  confirm_url VARBINARY(2048) NOT NULL,
  first_name VARCHAR(100) NOT NULL,
  last_name VARCHAR(100) NOT NULL,
  national_code VARCHAR(32) NOT NULL,
  birthday VARBINARY(10) NOT NULL,
  birthday_gregorian DATE NULL,
  picture VARCHAR(2048) NOT NULL,
  address VARCHAR(500) NOT NULL,
  postal_code VARCHAR(32) NOT NULL,
  marital_status VARCHAR(32) NOT NULL,
  facebook_id VARCHAR(200) NOT NULL,
  instagram_id VARCHAR(200) NOT NULL,
  twitter_id VARCHAR(200) NOT NULL,
  linkedin_id VARCHAR(200) NOT NULL,
  document VARCHAR(2048) NOT NULL,
  telephone VARCHAR(32) NOT NULL,
  custom_fields MEDIUMTEXT NOT NULL,
  created_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT users_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE identifiers (
  tenant_id BINARY(16) NOT NULL,
  kind VARBINARY(8) NOT NULL,
  canonical VARBINARY(254) NOT NULL,
  user_id BINARY(16) NOT NULL,
  address VARBINARY(254) NOT NULL,
  confirmed_at DATETIME(3) NULL,
  PRIMARY KEY (tenant_id, kind, canonical),
  UNIQUE KEY identifiers_user (tenant_id, user_id, kind),
  CONSTRAINT identifiers_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE credentials (
  tenant_id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  password_hash VARBINARY(255) NOT NULL,
  PRIMARY KEY (tenant_id, user_id),
  CONSTRAINT credentials_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- A new challenge takes the place of the one in its slot: "newest only" holds by
-- construction.
CREATE TABLE challenges (
  tenant_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  purpose VARBINARY(32) NOT NULL,
  slot BINARY(16) NOT NULL,
  digest VARBINARY(32) NOT NULL,
  identifier VARBINARY(254) NOT NULL,
  expires_at DATETIME(3) NOT NULL,
  consumed_at DATETIME(3) NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE KEY challenges_slot (tenant_id, purpose, slot),
  KEY challenges_user (tenant_id, user_id),
  CONSTRAINT challenges_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE sessions (
  tenant_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  level VARBINARY(16) NOT NULL,
  amr MEDIUMTEXT NOT NULL,
  auth_time DATETIME(3) NOT NULL,
  address VARBINARY(45) NOT NULL,
  user_agent VARCHAR(256) NOT NULL,
  refresh_counter INT UNSIGNED NOT NULL,
  refresh_salt BINARY(32) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  idle_expires_at DATETIME(3) NOT NULL,
  expires_at DATETIME(3) NOT NULL,
  revoked_at DATETIME(3) NULL,
  PRIMARY KEY (tenant_id, id),
  KEY sessions_user (tenant_id, user_id, expires_at),
  CONSTRAINT sessions_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE outbox (
  id BINARY(16) NOT NULL,
  tenant_id BINARY(16) NOT NULL,
  status VARBINARY(16) NOT NULL,
  payload MEDIUMBLOB NULL,
  created_at DATETIME(3) NOT NULL,
  expires_at DATETIME(3) NOT NULL,
  PRIMARY KEY (id),
  KEY outbox_status (status, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE data_keys (
  id BINARY(16) NOT NULL,
  sealed VARBINARY(255) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE signing_keys (
  id BINARY(16) NOT NULL,
  state VARBINARY(16) NOT NULL,
  public_jwk MEDIUMTEXT NOT NULL,
  sealed VARBINARY(1024) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
