-- The live sessions of a user, of those that ended however many: each sign-in counts them and ends the oldest beyond the limit.

ALTER TABLE sessions ADD KEY sessions_live (tenant_id, user_id, revoked_at, expires_at);
