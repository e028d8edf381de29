import type { AccessTokens } from '../../domain/access-token.ts';
import type { AuthenticatorKind } from '../../domain/authenticator.ts';
import { type Caller, originOf } from '../../domain/caller.ts';
import type { DomainError } from '../../domain/errors.ts';
import { formatRefreshToken } from '../../domain/refresh-token.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import type { SessionRow } from '../../domain/session.ts';
import type { SignInProgress } from '../../domain/sign-in.ts';
import type { SessionAccount, UserView } from '../../domain/user.ts';
import type { Vault } from '../../domain/vault.ts';
import { type RecordDeps, record, recordAll } from '../events/record.ts';
import { type NewDeviceDeps, noticeNewDevice } from './new-device.ts';
import type { SessionGate } from './session-gate.ts';

export type TokenDeps = { readonly accessTokens: AccessTokens; readonly vault: Vault };

/** The repositories that every sign-in writes. */
export type SignInStores =
  | 'users'
  | 'sessions'
  | 'challenges'
  | 'trustedDevices'
  | 'attempts'
  | 'recoveryCodes'
  | 'factorResets'
  | 'identities'
  | 'budgets'
  | 'smsUsage'
  | 'outbox'
  | 'events';

export type CompleteDeps = TokenDeps &
  RecordDeps &
  NewDeviceDeps & { readonly store: Store<SignInStores>; readonly openSession: SessionGate };

/** The tokens of a sign-in or a refresh. */
export type IssuedTokens = {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** How the access token is presented: `DPoP` with a proof of its key. */
  readonly tokenType: 'Bearer' | 'DPoP';
  /** The lifetime of the access token, in seconds. */
  readonly expiresInS: number;
};

export type SignedIn = UserView & { readonly kind: 'session'; readonly tokens: IssuedTokens };

/** The first factor was right: nothing of the account is disclosed before the second (R24). */
export type SecondFactorPending = {
  readonly kind: 'pending';
  readonly token: string;
  readonly methods: readonly AuthenticatorKind[];
  readonly smsNumber: string | undefined;
};

/** The result of a sign-in. */
export type SignInResult = SignedIn | SecondFactorPending;

/** The tokens of a session as its row stands, with the roles of its user. */
export async function issueTokens(
  { accessTokens, vault }: TokenDeps,
  session: SessionRow,
  roles: readonly string[],
): Promise<IssuedTokens> {
  const { tenantId, userId, id: sessionId, level, authTime, amr, binding } = session;
  const jkt = binding?.bindsAccess ? binding.jkt : undefined;
  return {
    accessToken: await accessTokens.sign({ tenantId, userId, sessionId, level, authTime, amr, jkt, roles }),
    tokenType: jkt === undefined ? 'Bearer' : 'DPoP',
    refreshToken: formatRefreshToken(vault, session, session.refreshCounter),
    expiresInS: accessTokens.lifetimeS,
  };
}

/** How a user came to the end of a sign-in. */
export type SignIn = SignInProgress & {
  /** Runs first in the transaction of the session, such as the use of a code; throws to abort it. */
  readonly prepare?: (repositories: Pick<Repositories, SignInStores>) => Promise<void>;
  /** The result for a user who was disabled or erased after the account was read. */
  readonly refusal: () => DomainError;
};

/**
 * The end of every sign-in: one transaction uses up what was proved, opens the session or asks
 * for the second factor, and records which; then the tokens are signed.
 */
export function createCompleteSignIn(deps: CompleteDeps) {
  const { store, openSession, accessTokens, clock } = deps;

  async function complete(
    caller: Caller,
    account: SessionAccount,
    { prepare, refusal, ...progress }: SignIn,
  ): Promise<SignInResult> {
    const { user, email, mobile, frozenUntil, enrolled } = account;
    const { method, amr, origin } = progress;
    const { tenantId, id: userId } = user;
    // An ended session may know the device as well. Asked here, where the sign-in was proved, it tells strangers nothing (R33).
    const history = account.history.isKnownDevice
      ? account.history
      : await store.users.findHistory(tenantId, userId, originOf(caller));
    const opened = await store.transaction(async (repositories) => {
      await prepare?.(repositories);
      const result = await openSession(repositories, caller, account, progress);
      if (result === undefined) throw refusal();
      if (result.kind === 'session') {
        const details = {
          method,
          amr: amr.join(' '),
          ...(origin && { provider: origin.provider }),
        };
        const sessionId = result.session.id;
        await noticeNewDevice(deps, repositories, caller, { ...account, history }, result.session);
        const ended = result.replaced.map((sessionId) => {
          return { type: 'session.ended', userId, sessionId, details: { cause: 'replaced' } } as const;
        });
        await recordAll(repositories, deps, caller, [
          { type: 'session.started', userId, sessionId, details },
          ...ended,
        ]);
      } else
        await record(repositories, deps, caller, { type: 'sign_in.pending', userId, details: { method } });
      return result;
    });
    if (opened.kind === 'session')
      return {
        kind: 'session',
        user,
        email,
        mobile,
        frozenUntil,
        tokens: await issueTokens(deps, opened.session, user.roles),
      };
    const { challengeId, kinds } = opened;
    const token = await accessTokens.signPending({ tenantId, userId, challengeId });
    const smsNumber = kinds.includes('sms') ? enrolled.smsNumber : undefined;
    return { kind: 'pending', token, methods: kinds, smsNumber };
  }

  return {
    complete,

    /** The account of a user who may sign in; `refusal` where the user is gone or disabled. */
    async activeAccount(caller: Caller, userId: string, refusal: () => DomainError): Promise<SessionAccount> {
      const account = await store.users.findForSession(caller.tenant.id, userId, originOf(caller), clock());
      if (account?.user.status !== 'active') throw refusal();
      return account;
    },
  };
}

export type CompleteSignIn = ReturnType<typeof createCompleteSignIn>;
