-- A code to sign in belongs to an address or a number, which need not have an account yet.
ALTER TABLE challenges MODIFY user_id BINARY(16) NULL;
