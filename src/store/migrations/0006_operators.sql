-- What operators need: keys of their own, and signing keys whose state follows from the
-- time at which they begin to sign, so that a rotation is one row and every instance
-- changes over at the same moment. Keys from before have always been signing.

CREATE TABLE IF NOT EXISTS admin_keys (
  id BINARY(16) NOT NULL,
  name VARCHAR(100) NOT NULL,
  digest VARBINARY(32) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  revoked_at DATETIME(3) NULL,
  PRIMARY KEY (id),
  UNIQUE KEY admin_keys_digest (digest)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

ALTER TABLE signing_keys
  ADD COLUMN activates_at DATETIME(3) NOT NULL DEFAULT '1970-01-02 00:00:00.000',
  DROP COLUMN state;
