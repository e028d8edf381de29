-- Second factors. The state of an enrolment and of a pending sign-in is rows, never
-- anything that a client holds (security.md, V1).

ALTER TABLE challenges ADD COLUMN data VARBINARY(512) NULL AFTER identifier;

CREATE TABLE totp_factors (
  tenant_id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  seed VARBINARY(255) NOT NULL,
  last_step BIGINT NOT NULL,
  confirmed_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, user_id),
  CONSTRAINT totp_factors_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE sms_factors (
  tenant_id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  number VARBINARY(20) NOT NULL,
  confirmed_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, user_id),
  CONSTRAINT sms_factors_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE recovery_codes (
  tenant_id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  digest BINARY(32) NOT NULL,
  PRIMARY KEY (tenant_id, user_id, digest),
  CONSTRAINT recovery_codes_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
