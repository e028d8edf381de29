-- Passkeys: longer data (a credential id has up to 1,023 bytes), and what the authenticator said of itself.
ALTER TABLE authenticators
  MODIFY COLUMN data VARBINARY(4096) NOT NULL,
  ADD COLUMN flags TINYINT UNSIGNED NOT NULL DEFAULT 0;

ALTER TABLE account_changes ADD COLUMN passkey_only TINYINT NOT NULL DEFAULT 0, ALGORITHM=INSTANT;

-- Whether every other way into the account asks for a passkey as well.
ALTER TABLE users ADD COLUMN passkey_only TINYINT NOT NULL DEFAULT 0, ALGORITHM=INSTANT;
