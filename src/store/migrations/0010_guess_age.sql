-- Counters of wrong guesses are found by their age. Those that have none get one.

ALTER TABLE guess_counters ADD KEY guess_counters_next (tenant_id, next_attempt_at);

UPDATE guess_counters SET next_attempt_at = UTC_TIMESTAMP(3) - INTERVAL 1 DAY WHERE next_attempt_at IS NULL AND failures > 0;
