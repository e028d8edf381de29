-- Identity providers of tenants, by which of them an identity came, and the sessions that began at one.
CREATE TABLE connections (
  tenant_id BINARY(16) NOT NULL,
  name VARBINARY(32) NOT NULL,
  settings MEDIUMTEXT NOT NULL,
  secret VARBINARY(8192) NULL,
  created_at DATETIME(3) NOT NULL,
  updated_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Empty: of Google or of Manam, by the issuer. Instances of the version before write that as long as they run.
ALTER TABLE external_identities ADD COLUMN provider VARBINARY(32) NOT NULL DEFAULT '';

-- The way back from a provider names its issuer and its subject, each of up to 255 bytes.
ALTER TABLE challenges MODIFY COLUMN data VARBINARY(4096) NULL;

CREATE TABLE federated_sessions (
  tenant_id BINARY(16) NOT NULL,
  session_id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  provider VARBINARY(32) NOT NULL,
  subject_digest BINARY(32) NOT NULL,
  sid_digest BINARY(32) NULL,
  PRIMARY KEY (tenant_id, session_id),
  KEY federated_sessions_subject (tenant_id, subject_digest),
  KEY federated_sessions_sid (tenant_id, sid_digest),
  CONSTRAINT federated_sessions_session FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
