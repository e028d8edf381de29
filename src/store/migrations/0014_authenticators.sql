-- stop: version 0.1.0 reads and writes totp_factors and sms_factors.
-- One table of authenticators replaces totp_factors and sms_factors. The ids are derived, so
-- that a second run after an interruption inserts nothing twice.

CREATE TABLE authenticators (
  tenant_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  kind VARBINARY(16) NOT NULL,
  slot VARBINARY(36) NOT NULL,
  label VARCHAR(100) NOT NULL,
  lookup VARBINARY(32) NULL,
  counter BIGINT NOT NULL,
  data VARBINARY(2048) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  last_used_at DATETIME(3) NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE KEY authenticators_slot (tenant_id, user_id, slot),
  UNIQUE KEY authenticators_lookup (tenant_id, lookup),
  CONSTRAINT authenticators_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

INSERT INTO authenticators (tenant_id, id, user_id, kind, slot, label, lookup, counter, data, created_at, last_used_at)
SELECT tenant_id, UNHEX(LEFT(SHA2(CONCAT('totp', tenant_id, user_id), 256), 32)), user_id, 'totp', 'totp', '', NULL, last_step, seed, confirmed_at, NULL
FROM totp_factors
ON DUPLICATE KEY UPDATE slot = 'totp';

INSERT INTO authenticators (tenant_id, id, user_id, kind, slot, label, lookup, counter, data, created_at, last_used_at)
SELECT tenant_id, UNHEX(LEFT(SHA2(CONCAT('sms', tenant_id, user_id), 256), 32)), user_id, 'sms', 'sms', '', NULL, 0, number, confirmed_at, NULL
FROM sms_factors
ON DUPLICATE KEY UPDATE slot = 'sms';
