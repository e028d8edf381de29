-- When an identifier came to its account, so that a recovery can take away what was added
-- lately; the older ones were there all along. And who made an account: what a back end made
-- is not replaced by an unproved registration.

ALTER TABLE identifiers ADD COLUMN added_at DATETIME(3) NOT NULL DEFAULT '1970-01-02 00:00:00.000';

ALTER TABLE users ADD COLUMN origin VARBINARY(16) NOT NULL DEFAULT 'self';

ALTER TABLE users ADD KEY users_unconfirmed (tenant_id, confirmed_at, created_at);

-- Roles are given by back ends alone.
UPDATE users SET origin = 'back-end' WHERE confirmed_at IS NULL AND roles <> '[]';

-- How a challenge went out; what is live was told by the look of its address.
ALTER TABLE challenges ADD COLUMN channel VARBINARY(8) NULL;

UPDATE challenges
SET channel = CASE WHEN identifier LIKE '%@%' THEN 'email' WHEN identifier <> '' THEN 'sms' END;
