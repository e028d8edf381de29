-- Codes are found by their digest where a request names nothing else, and their
-- attempts are counted. A user may come from an identity provider, and a user of Manam
-- itself may have consented to a tenant.

ALTER TABLE challenges
  ADD COLUMN attempts INT UNSIGNED NOT NULL DEFAULT 0 AFTER identifier,
  ADD KEY challenges_digest (tenant_id, purpose, digest);

CREATE TABLE external_identities (
  tenant_id BINARY(16) NOT NULL,
  issuer VARBINARY(255) NOT NULL,
  subject VARBINARY(255) NOT NULL,
  user_id BINARY(16) NOT NULL,
  profile MEDIUMTEXT NOT NULL,
  created_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, issuer, subject),
  KEY external_identities_user (tenant_id, user_id),
  CONSTRAINT external_identities_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- tenant_id is the tenant of Manam's own users; consented_tenant_id the one that may see them.
CREATE TABLE consents (
  tenant_id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  consented_tenant_id BINARY(16) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, user_id, consented_tenant_id),
  CONSTRAINT consents_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
