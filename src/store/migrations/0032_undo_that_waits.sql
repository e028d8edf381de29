-- Whether an account had a password or an authenticator app before a change: an undo takes one of them. Rows from before say yes.
ALTER TABLE account_changes ADD COLUMN provable TINYINT NOT NULL DEFAULT 1, ALGORITHM=INSTANT;
