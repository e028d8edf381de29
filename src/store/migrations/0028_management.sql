-- The people who run a tenant, keys that can do less, and the indexes and counters that the management API reads.

CREATE TABLE IF NOT EXISTS members (
  tenant_id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  role VARBINARY(16) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, user_id),
  KEY members_user (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS invitations (
  tenant_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  email VARBINARY(254) NOT NULL,
  role VARBINARY(16) NOT NULL,
  invited_by BINARY(16) NULL,
  digest BINARY(32) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  expires_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Set for a tenant that someone made for themselves, until it has proved a sender.
-- deleted_at: when its owner gave it up; it is purged a month later.
ALTER TABLE tenants
  ADD COLUMN confined TINYINT NOT NULL DEFAULT 0,
  ADD COLUMN deleted_at DATETIME(3) NULL;

CREATE TABLE IF NOT EXISTS domains (
  tenant_id BINARY(16) NOT NULL,
  name VARBINARY(253) NOT NULL,
  token VARBINARY(40) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  verified_at DATETIME(3) NULL,
  PRIMARY KEY (tenant_id, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Events by day: the sequencer counts each when it numbers it.
CREATE TABLE IF NOT EXISTS usage_days (
  tenant_id BINARY(16) NOT NULL,
  day DATE NOT NULL,
  type VARBINARY(64) NOT NULL,
  reason VARBINARY(64) NOT NULL,
  count BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (tenant_id, day, type, reason)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- One action on many users, done in the background.
CREATE TABLE IF NOT EXISTS user_jobs (
  tenant_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  action VARBINARY(16) NOT NULL,
  users MEDIUMTEXT NOT NULL,
  roles MEDIUMTEXT NOT NULL,
  state VARBINARY(16) NOT NULL,
  position MEDIUMTEXT NOT NULL,
  done INT UNSIGNED NOT NULL,
  failed INT UNSIGNED NOT NULL,
  key_id BINARY(16) NULL,
  member_id BINARY(16) NULL,
  request_id VARBINARY(36) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  ended_at DATETIME(3) NULL,
  lease_until DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, id),
  KEY user_jobs_due (state, lease_until)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

ALTER TABLE api_keys
  ADD COLUMN name VARCHAR(100) NOT NULL DEFAULT '',
  ADD COLUMN expires_at DATETIME(3) NULL,
  ADD COLUMN last_used_at DATETIME(3) NULL,
  ADD COLUMN limits MEDIUMTEXT NULL;

-- Names without regard to case and accents.
ALTER TABLE users
  ADD COLUMN first_name_search VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci GENERATED ALWAYS AS (first_name) VIRTUAL,
  ADD COLUMN last_name_search VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci GENERATED ALWAYS AS (last_name) VIRTUAL;

ALTER TABLE users
  ADD KEY users_created (tenant_id, created_at, id),
  ADD KEY users_status (tenant_id, status, created_at, id),
  ADD KEY users_first_name (tenant_id, first_name_search, id),
  ADD KEY users_last_name (tenant_id, last_name_search, id);

ALTER TABLE authenticators ADD KEY authenticators_kind (tenant_id, kind, user_id);

ALTER TABLE external_identities ADD KEY external_identities_provider (tenant_id, provider, user_id);
