import type { Caller } from '../../domain/caller.ts';
import { parseEmail } from '../../domain/email.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import { isPlausiblePassword, normalizePassword } from '../../domain/password.ts';
import type { PasswordHasher, Store, UserView } from '../../domain/ports.ts';
import type { IssuedTokens, SessionGate } from '../session-gate.ts';

export type LoginDeps = {
  readonly store: Store<'users' | 'sessions'>;
  readonly hasher: PasswordHasher;
  readonly openSession: SessionGate;
};

export type LoginCommand = {
  readonly type: 'email' | 'mobile';
  readonly email: string;
  readonly password: string;
};

/**
 * Signs a user in with a password. Whatever the state of the account, exactly one
 * password hash is done, and a failure does not tell why (R5, R33).
 */
export function createLogin({ store, hasher, openSession }: LoginDeps) {
  return async function login(
    caller: Caller,
    command: LoginCommand,
  ): Promise<UserView & { tokens: IssuedTokens }> {
    if (command.type === 'mobile') throw new DomainError('NOT_IMPLEMENTED');
    const email = parseEmail(command.email);
    if (command.password === '') throw invalid({ field: 'password', reason: 'FIELD_REQUIRED' });
    if (!isPlausiblePassword(command.password)) throw new DomainError('CREDENTIALS_INVALID');

    const account = await store.users.findForLogin(caller.tenant.id, {
      kind: 'email',
      canonical: email.canonical,
    });
    const may = account?.identifier.confirmedAt !== undefined && account.user.status === 'active';
    const password = normalizePassword(command.password);
    const right = await hasher.verify(may ? account.passwordHash : undefined, password);
    if (!right || account?.passwordHash === undefined) throw new DomainError('CREDENTIALS_INVALID');

    const { user, email: held, mobile, passwordHash } = account;
    if (hasher.needsRehash(passwordHash)) {
      await store.users.updatePasswordHash(user.tenantId, user.id, await hasher.hash(password));
    }
    const tokens = await openSession(store, caller, user, ['pwd']);
    return { user, email: held, mobile, tokens };
  };
}
