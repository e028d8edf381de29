/** What is worth a line in the audit log. */
export type AuditAction =
  | 'register'
  | 'confirm-email'
  | 'confirm-mobile'
  | 'edit-user'
  | 'start-identifier-change'
  | 'change-identifier'
  | 'remove-identifier'
  | 'delete-account'
  | 'recover'
  | 'end-recovery'
  | 'change-password'
  | 'start-two-factor'
  | 'add-two-factor'
  | 'remove-two-factor'
  | 'regenerate-recovery-codes'
  | 'validate-two-factor'
  | 'send-confirmation'
  | 'login'
  | 'refresh'
  | 'reauthenticate'
  | 'logout'
  | 'revoke-session'
  | 'revoke-other-sessions'
  | 'login-google'
  | 'login-manam'
  | 'approve-manam-login'
  | 'link-google'
  | 'unlink-google'
  | 'link-identity'
  | 'take-over-account'
  | OperatorAction;

/** What operators do, by the admin service or the command line. */
export type OperatorAction =
  | 'create-tenant'
  | 'update-tenant'
  | 'suspend-tenant'
  | 'resume-tenant'
  | 'delete-tenant'
  | 'create-key'
  | 'rotate-key'
  | 'revoke-key'
  | 'set-tenant-secret'
  | 'create-user'
  | 'confirm-user'
  | 'end-user-sessions'
  | 'reset-user-factors'
  | 'disable-user'
  | 'enable-user'
  | 'delete-user'
  | 'set-user-roles'
  | 'rotate-signing-key'
  | 'rotate-master-key'
  | 'create-admin-key'
  | 'revoke-admin-key'
  | 'import-users'
  | 'export-users'
  | 'export-user'
  | 'retry-message'
  | 'drop-message';

/** A decision: who, what, from where, and how it ended. No secret and no address of a person is in it. */
export type AuditEvent = {
  readonly id: string;
  readonly tenantId: string;
  readonly action: AuditAction;
  readonly outcome: 'success' | 'failure';
  /** Why; empty for a plain success. */
  readonly reason: string;
  readonly userId: string | undefined;
  readonly sessionId: string | undefined;
  readonly keyId: string | undefined;
  /** The network address of the caller. */
  readonly address: string;
  readonly requestId: string;
  readonly createdAt: Date;
};

export type AuditFilter = {
  readonly tenantId: string;
  readonly userId?: string;
  readonly action?: string;
  readonly outcome?: string;
  /** Only events after the one with this id. */
  readonly afterId?: string;
};

export type AuditRepository = {
  add(event: AuditEvent): Promise<void>;
  /** Takes out of a user's lines who he was and where he called from; answers how many. */
  anonymize(tenantId: string, userId: string): Promise<number>;
  /** The newest events first, at most that many. */
  list(filter: AuditFilter, limit: number): Promise<AuditEvent[]>;
};
