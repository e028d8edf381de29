-- Events get their place in a log for each tenant. `position` is 0 for what was recorded before there was a
-- log, and NULL until the sequencer numbers a new row. Retention and erasure never change a position.
ALTER TABLE events
  ADD COLUMN position BIGINT UNSIGNED NULL DEFAULT 0,
  ADD COLUMN salt BINARY(16) NULL,
  ADD COLUMN commitment BINARY(32) NULL,
  ADD COLUMN mac BINARY(32) NULL;
ALTER TABLE events ALTER COLUMN position SET DEFAULT NULL;
ALTER TABLE events
  ADD KEY events_unnumbered (position),
  ADD KEY events_position (tenant_id, position);

-- A log ends where a backup is restored, and the next one begins at its size.
CREATE TABLE event_logs (
  tenant_id BINARY(16) NOT NULL,
  number INT UNSIGNED NOT NULL,
  log_id BINARY(16) NOT NULL,
  start BIGINT UNSIGNED NOT NULL,
  size BIGINT UNSIGNED NOT NULL,
  started_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, number)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Hashes of the tree over the events of a log: level 0 has the leaves, each level above the roots of full tiles.
CREATE TABLE event_tiles (
  tenant_id BINARY(16) NOT NULL,
  number INT UNSIGNED NOT NULL,
  level TINYINT UNSIGNED NOT NULL,
  tile BIGINT UNSIGNED NOT NULL,
  hashes VARBINARY(8192) NOT NULL,
  PRIMARY KEY (tenant_id, number, level, tile)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- One row: the instance that numbers events. Only the holder of the token may.
CREATE TABLE event_sequencer (
  id TINYINT UNSIGNED NOT NULL,
  token BINARY(16) NOT NULL,
  until DATETIME(3) NOT NULL,
  numbered BIGINT UNSIGNED NOT NULL,
  opened VARBINARY(255) NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT IGNORE INTO event_sequencer VALUES (1, REPEAT(CHAR(0), 16), '1970-01-02', 0, NULL);
