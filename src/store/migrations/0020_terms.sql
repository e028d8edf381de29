-- What a user accepted of the tenant's terms, and when.
CREATE TABLE terms_acceptances (
  tenant_id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  version VARCHAR(64) NOT NULL,
  accepted_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, user_id, version),
  CONSTRAINT terms_acceptances_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
