-- What strangers use up is counted apart from what users need, limits slide, and attempts that
-- are under way are told from those that failed.

ALTER TABLE budgets
  ADD COLUMN previous INT UNSIGNED NOT NULL DEFAULT 0,
  ADD COLUMN previous_start DATETIME(3) NOT NULL DEFAULT '1970-01-02 00:00:00.000',
  ADD COLUMN previous_end DATETIME(3) NOT NULL DEFAULT '1970-01-02 00:00:00.000',
  ADD COLUMN used_at DATETIME(3) NOT NULL DEFAULT '1970-01-02 00:00:00.000';

UPDATE budgets SET used_at = window_start;

ALTER TABLE guess_counters
  MODIFY COLUMN kind VARBINARY(32) NOT NULL,
  ADD COLUMN wrong INT UNSIGNED NOT NULL DEFAULT 0;

-- What was counted until now has failed: nothing is under way during a migration.
UPDATE guess_counters SET wrong = failures WHERE wrong < failures;

-- Sign-ins are counted for each network now, and over all of them: what was counted is the latter.
UPDATE IGNORE guess_counters SET kind = 'password-total' WHERE kind = 'password';

ALTER TABLE sms_counters
  ADD COLUMN audience VARBINARY(16) NOT NULL DEFAULT 'anonymous',
  DROP PRIMARY KEY,
  ADD PRIMARY KEY (tenant_id, country, hour, audience);
