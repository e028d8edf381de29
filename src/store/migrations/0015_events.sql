-- stop: version 0.1.0 writes audit_events.
-- The audit log becomes the table of events: an action and its outcome become one type, and what
-- the single text `reason` carried beside reasons becomes typed details.

CREATE TABLE events (
  tenant_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  type VARBINARY(64) NOT NULL,
  outcome VARBINARY(8) NOT NULL,
  reason VARBINARY(64) NOT NULL,
  details VARCHAR(1024) NOT NULL,
  key_id BINARY(16) NULL,
  request_id VARBINARY(36) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  user_id BINARY(16) NULL,
  session_id BINARY(16) NULL,
  address VARBINARY(45) NOT NULL,
  PRIMARY KEY (tenant_id, id),
  KEY events_user (tenant_id, user_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

INSERT INTO events (tenant_id, id, type, outcome, reason, details, key_id, request_id, created_at, user_id, session_id, address)
SELECT tenant_id, id,
  CASE
    WHEN action = 'register' AND reason = 'IDENTIFIER_TAKEN' THEN 'user.registration_repeated'
    WHEN action = 'register' THEN 'user.registered'
    WHEN action = 'confirm-email' AND outcome = 'failure' THEN 'identifier.confirmation_failed'
    WHEN action = 'confirm-email' THEN 'identifier.confirmed'
    WHEN action = 'confirm-mobile' AND outcome = 'failure' THEN 'identifier.confirmation_failed'
    WHEN action = 'confirm-mobile' THEN 'identifier.confirmed'
    WHEN action = 'edit-user' THEN 'user.updated'
    WHEN action = 'start-identifier-change' THEN 'identifier.change_started'
    WHEN action = 'change-identifier' AND outcome = 'failure' THEN 'identifier.change_failed'
    WHEN action = 'change-identifier' THEN 'identifier.changed'
    WHEN action = 'remove-identifier' THEN 'identifier.removed'
    WHEN action = 'delete-account' THEN 'user.deleted'
    WHEN action = 'delete-user' THEN 'user.deleted'
    WHEN action = 'recover' THEN 'recovery.started'
    WHEN action = 'end-recovery' AND outcome = 'failure' THEN 'recovery.failed'
    WHEN action = 'end-recovery' THEN 'recovery.completed'
    WHEN action = 'change-password' AND outcome = 'failure' THEN 'credential.change_failed'
    WHEN action = 'change-password' THEN 'credential.changed'
    WHEN action = 'start-two-factor' AND outcome = 'failure' THEN 'authenticator.enrolment_failed'
    WHEN action = 'start-two-factor' THEN 'authenticator.enrolment_started'
    WHEN action = 'add-two-factor' AND outcome = 'failure' THEN 'authenticator.enrolment_failed'
    WHEN action = 'add-two-factor' THEN 'authenticator.added'
    WHEN action = 'remove-two-factor' AND outcome = 'failure' THEN 'authenticator.removal_failed'
    WHEN action = 'remove-two-factor' THEN 'authenticator.removed'
    WHEN action = 'regenerate-recovery-codes' THEN 'recovery_codes.regenerated'
    WHEN action = 'validate-two-factor' AND outcome = 'failure' THEN 'sign_in.failed'
    WHEN action = 'validate-two-factor' THEN 'session.started'
    WHEN action = 'send-confirmation' THEN 'confirmation.sent'
    WHEN action = 'login' AND reason = 'SECOND_FACTOR_PENDING' THEN 'sign_in.pending'
    WHEN action = 'login' AND reason = 'LOGIN_CODE' THEN 'session.started'
    WHEN action = 'login' AND outcome = 'failure' THEN 'sign_in.failed'
    WHEN action = 'login' THEN 'session.started'
    WHEN action = 'refresh' AND outcome = 'failure' THEN 'session.reuse_detected'
    WHEN action = 'refresh' THEN 'session.refreshed'
    WHEN action = 'reauthenticate' AND outcome = 'failure' THEN 'step_up.failed'
    WHEN action = 'reauthenticate' THEN 'step_up.completed'
    WHEN action = 'logout' THEN 'session.ended'
    WHEN action = 'revoke-session' THEN 'session.ended'
    WHEN action = 'revoke-other-sessions' THEN 'sessions.ended'
    WHEN action = 'end-user-sessions' THEN 'sessions.ended'
    WHEN action = 'login-google' AND reason = 'SECOND_FACTOR_PENDING' THEN 'sign_in.pending'
    WHEN action = 'login-google' AND outcome = 'failure' THEN 'sign_in.failed'
    WHEN action = 'login-google' THEN 'session.started'
    WHEN action = 'login-manam' THEN 'sign_in.approved'
    WHEN action = 'approve-manam-login' THEN 'consent.granted'
    WHEN action = 'link-google' AND outcome = 'failure' THEN 'identity.link_failed'
    WHEN action = 'link-google' THEN 'identity.linked'
    WHEN action = 'unlink-google' THEN 'identity.unlinked'
    WHEN action = 'link-identity' THEN 'identity.linked'
    WHEN action = 'take-over-account' THEN 'user.taken_over'
    WHEN action = 'create-tenant' THEN 'tenant.created'
    WHEN action = 'update-tenant' THEN 'tenant.updated'
    WHEN action = 'suspend-tenant' THEN 'tenant.suspended'
    WHEN action = 'resume-tenant' THEN 'tenant.resumed'
    WHEN action = 'delete-tenant' THEN 'tenant.deleted'
    WHEN action = 'create-key' THEN 'key.created'
    WHEN action = 'rotate-key' THEN 'key.rotated'
    WHEN action = 'revoke-key' THEN 'key.revoked'
    WHEN action = 'create-admin-key' THEN 'operator_key.created'
    WHEN action = 'revoke-admin-key' THEN 'operator_key.revoked'
    WHEN action = 'set-tenant-secret' THEN 'tenant_secret.changed'
    WHEN action = 'create-user' THEN 'user.created'
    WHEN action = 'confirm-user' THEN 'user.confirmed'
    WHEN action = 'reset-user-factors' THEN 'authenticators.reset'
    WHEN action = 'disable-user' THEN 'user.disabled'
    WHEN action = 'enable-user' THEN 'user.enabled'
    WHEN action = 'set-user-roles' THEN 'user.roles_changed'
    WHEN action = 'rotate-signing-key' THEN 'signing_key.rotated'
    WHEN action = 'rotate-master-key' THEN 'master_key.rotated'
    WHEN action = 'export-users' THEN 'users.exported'
    WHEN action = 'export-user' THEN 'user.exported'
    WHEN action = 'import-users' THEN 'users.imported'
    WHEN action = 'retry-message' THEN 'message.retried'
    WHEN action = 'drop-message' THEN 'message.dropped'
    ELSE action
  END,
  outcome, IF(outcome = 'failure', reason, ''),
  CASE
    WHEN action = 'register' AND reason = 'IDENTIFIER_TAKEN' THEN '{}'
    WHEN action = 'register' THEN '{}'
    WHEN action = 'confirm-email' AND outcome = 'failure' THEN '{"kind":"email"}'
    WHEN action = 'confirm-email' THEN '{"kind":"email"}'
    WHEN action = 'confirm-mobile' AND outcome = 'failure' THEN '{"kind":"mobile"}'
    WHEN action = 'confirm-mobile' THEN '{"kind":"mobile"}'
    WHEN action = 'edit-user' THEN '{}'
    WHEN action = 'start-identifier-change' THEN '{}'
    WHEN action = 'change-identifier' AND outcome = 'failure' THEN '{}'
    WHEN action = 'change-identifier' THEN '{}'
    WHEN action = 'remove-identifier' THEN CONCAT('{"kind":"', reason, '"}')
    WHEN action = 'delete-account' THEN '{}'
    WHEN action = 'delete-user' THEN '{}'
    WHEN action = 'recover' THEN '{}'
    WHEN action = 'end-recovery' AND outcome = 'failure' THEN '{}'
    WHEN action = 'end-recovery' THEN '{}'
    WHEN action = 'change-password' AND outcome = 'failure' THEN '{}'
    WHEN action = 'change-password' THEN '{}'
    WHEN action = 'start-two-factor' AND outcome = 'failure' THEN '{}'
    WHEN action = 'start-two-factor' THEN CONCAT('{"kind":"', reason, '"}')
    WHEN action = 'add-two-factor' AND outcome = 'failure' THEN '{}'
    WHEN action = 'add-two-factor' THEN '{}'
    WHEN action = 'remove-two-factor' AND outcome = 'failure' THEN '{}'
    WHEN action = 'remove-two-factor' THEN '{}'
    WHEN action = 'regenerate-recovery-codes' THEN '{}'
    WHEN action = 'validate-two-factor' AND outcome = 'failure' THEN '{"method":"second-factor"}'
    WHEN action = 'validate-two-factor' THEN '{"method":"password"}'
    WHEN action = 'send-confirmation' THEN '{}'
    WHEN action = 'login' AND reason = 'SECOND_FACTOR_PENDING' THEN '{"method":"password"}'
    WHEN action = 'login' AND reason = 'LOGIN_CODE' THEN '{"method":"login-code"}'
    WHEN action = 'login' AND outcome = 'failure' THEN '{"method":"password"}'
    WHEN action = 'login' THEN '{"method":"password"}'
    WHEN action = 'refresh' AND outcome = 'failure' THEN '{}'
    WHEN action = 'refresh' THEN '{}'
    WHEN action = 'reauthenticate' AND outcome = 'failure' THEN '{}'
    WHEN action = 'reauthenticate' THEN '{}'
    WHEN action = 'logout' THEN '{"cause":"logout"}'
    WHEN action = 'revoke-session' THEN '{"cause":"revoked"}'
    WHEN action = 'revoke-other-sessions' THEN '{}'
    WHEN action = 'end-user-sessions' THEN '{}'
    WHEN action = 'login-google' AND reason = 'SECOND_FACTOR_PENDING' THEN '{"method":"google"}'
    WHEN action = 'login-google' AND outcome = 'failure' THEN '{"method":"google"}'
    WHEN action = 'login-google' THEN '{"method":"google"}'
    WHEN action = 'login-manam' THEN '{"provider":"manam"}'
    WHEN action = 'approve-manam-login' THEN CONCAT('{"tenant":"', reason, '"}')
    WHEN action = 'link-google' AND outcome = 'failure' THEN '{"provider":"google"}'
    WHEN action = 'link-google' THEN '{"provider":"google"}'
    WHEN action = 'unlink-google' THEN '{"provider":"google"}'
    WHEN action = 'link-identity' THEN '{}'
    WHEN action = 'take-over-account' THEN '{}'
    WHEN action = 'create-tenant' THEN '{}'
    WHEN action = 'update-tenant' THEN '{}'
    WHEN action = 'suspend-tenant' THEN '{}'
    WHEN action = 'resume-tenant' THEN '{}'
    WHEN action = 'delete-tenant' THEN CONCAT('{"slug":"', reason, '"}')
    WHEN action = 'create-key' THEN CONCAT('{"key":"', reason, '"}')
    WHEN action = 'rotate-key' THEN CONCAT('{"key":"', reason, '"}')
    WHEN action = 'revoke-key' THEN CONCAT('{"key":"', reason, '"}')
    WHEN action = 'create-admin-key' THEN CONCAT('{"key":"', reason, '"}')
    WHEN action = 'revoke-admin-key' THEN CONCAT('{"key":"', reason, '"}')
    WHEN action = 'set-tenant-secret' THEN CONCAT('{"name":"', reason, '"}')
    WHEN action = 'create-user' THEN '{}'
    WHEN action = 'confirm-user' THEN '{}'
    WHEN action = 'reset-user-factors' THEN '{}'
    WHEN action = 'disable-user' THEN '{}'
    WHEN action = 'enable-user' THEN '{}'
    WHEN action = 'set-user-roles' THEN '{}'
    WHEN action = 'rotate-signing-key' THEN '{}'
    WHEN action = 'rotate-master-key' THEN '{}'
    WHEN action = 'export-users' THEN '{}'
    WHEN action = 'export-user' THEN '{}'
    WHEN action = 'import-users' THEN CONCAT('{"count":', IF(CONVERT(reason USING utf8mb4) REGEXP '^[0-9]+$', reason, '0'), '}')
    WHEN action = 'retry-message' THEN CONCAT('{"message":"', reason, '"}')
    WHEN action = 'drop-message' THEN CONCAT('{"message":"', reason, '"}')
    ELSE '{}'
  END,
  key_id, request_id, created_at, user_id, session_id, address
FROM audit_events
ON DUPLICATE KEY UPDATE events.request_id = events.request_id;
