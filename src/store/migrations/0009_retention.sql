-- What lets rows be found again when they have had their time, or their user goes: keys by
-- time, the recipient of a message as a keyed digest, and a lease for whoever clears up.

CREATE TABLE IF NOT EXISTS leases (
  name VARBINARY(64) NOT NULL,
  holder BINARY(16) NOT NULL,
  until DATETIME(3) NOT NULL,
  PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Recovery codes of the system that a user came from, hashed as it hashed them.
CREATE TABLE IF NOT EXISTS foreign_recovery_codes (
  tenant_id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  hash VARBINARY(100) NOT NULL,
  PRIMARY KEY (tenant_id, user_id, hash),
  CONSTRAINT foreign_recovery_codes_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

ALTER TABLE challenges ADD KEY challenges_expiry (tenant_id, expires_at);

ALTER TABLE sessions ADD KEY sessions_expiry (tenant_id, expires_at);

ALTER TABLE budgets ADD KEY budgets_window (tenant_id, window_start);

ALTER TABLE guess_counters ADD KEY guess_counters_failures (tenant_id, failures);

ALTER TABLE sms_backoffs ADD KEY sms_backoffs_next (tenant_id, next_at);

ALTER TABLE outbox
  ADD COLUMN recipient BINARY(32) NULL,
  ADD KEY outbox_recipient (tenant_id, recipient);
