-- Messages are claimed, tried, and told apart by how they ended. The payload of what is
-- sent or dropped is wiped. A row of an older version counts as an e-mail for the claim;
-- its payload says what it is.

-- When the next SMS to a number may be asked for, known or not.
CREATE TABLE IF NOT EXISTS sms_backoffs (
  tenant_id BINARY(16) NOT NULL,
  number BINARY(32) NOT NULL,
  sent INT UNSIGNED NOT NULL,
  next_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, number)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- How many codes were sent to a country in an hour, and how many of them somebody typed.
CREATE TABLE IF NOT EXISTS sms_counters (
  tenant_id BINARY(16) NOT NULL,
  country VARBINARY(2) NOT NULL,
  hour DATETIME(3) NOT NULL,
  sent INT NOT NULL,
  confirmed INT NOT NULL,
  PRIMARY KEY (tenant_id, country, hour)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

ALTER TABLE outbox
  ADD COLUMN channel VARBINARY(8) NOT NULL DEFAULT 'email' AFTER tenant_id,
  ADD COLUMN claims INT UNSIGNED NOT NULL DEFAULT 0,
  ADD COLUMN attempts INT UNSIGNED NOT NULL DEFAULT 0,
  ADD COLUMN charged TINYINT NOT NULL DEFAULT 0,
  ADD COLUMN next_attempt_at DATETIME(3) NOT NULL DEFAULT '1970-01-02 00:00:00.000',
  ADD COLUMN ended_at DATETIME(3) NULL,
  ADD COLUMN error VARBINARY(64) NOT NULL DEFAULT '',
  ADD KEY outbox_due (status, channel, next_attempt_at),
  ADD KEY outbox_tenant (tenant_id, id);
