-- When an account was confirmed for the first time. From then on it is its owner's, also
-- while none of its identifiers is confirmed, and no registration replaces it.

ALTER TABLE users ADD COLUMN confirmed_at DATETIME(3) NULL AFTER status;

UPDATE users JOIN identifiers ON identifiers.tenant_id = users.tenant_id AND identifiers.user_id = users.id
  SET users.confirmed_at = identifiers.confirmed_at
  WHERE identifiers.confirmed_at IS NOT NULL;
