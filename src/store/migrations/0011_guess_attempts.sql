-- The time of the last attempt tells how old a counter is. It is also written for an attempt that may not
-- be tried: without a change there was no commit to wait for, and a locked account answered sooner.

ALTER TABLE guess_counters
  ADD COLUMN attempted_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  ADD KEY guess_counters_attempted (tenant_id, attempted_at),
  DROP KEY guess_counters_next;

UPDATE guess_counters SET attempted_at = next_attempt_at WHERE next_attempt_at < attempted_at;
