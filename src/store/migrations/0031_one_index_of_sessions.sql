-- sessions_live has the sessions of a user too: one index less for each sign-in to write, and for retention to clear.

ALTER TABLE sessions DROP KEY sessions_user;
