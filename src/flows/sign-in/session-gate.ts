import type { AccessTokens } from '../../domain/access-token.ts';
import { methodsOf, type SecondFactorMethod } from '../../domain/authenticator.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Random } from '../../domain/random.ts';
import { formatRefreshToken } from '../../domain/refresh-token.ts';
import type { Repositories } from '../../domain/repositories.ts';
import type { AuthenticationMethod, SessionRow } from '../../domain/session.ts';
import type { SessionAccount, UserView } from '../../domain/user.ts';
import type { Vault } from '../../domain/vault.ts';
import type { SecondFactors } from '../authenticators/codes.ts';

export type SessionGateDeps = {
  readonly secondFactors: SecondFactors;
  /** Counts the SMS of a second factor in the sign-in's own transaction, for a user who has proved the first. */
  readonly chargeCode: (
    repositories: Pick<Repositories, 'budgets' | 'smsUsage'>,
    caller: Caller,
    number: string,
  ) => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
};

export type TokenDeps = { readonly accessTokens: AccessTokens; readonly vault: Vault };

const dayMs = 86_400_000;
const hourMs = 3_600_000;
/** How many sessions a user may have; the oldest ends for one more (R19). */
export const maxSessions = 50;
/** How long a pending sign-in waits for its second factor (R24). */
const pendingLifetimeMs = 300_000;

/** How long a session lives unused and at the most, shorter where a second factor is demanded (R16). */
export function lifetimesOf(requireSecondFactor: boolean): { idleMs: number; absoluteMs: number } {
  return requireSecondFactor
    ? { idleMs: hourMs, absoluteMs: dayMs }
    : { idleMs: 7 * dayMs, absoluteMs: 30 * dayMs };
}

/** The tokens that the caller of a sign-in or a refresh gets. */
export type IssuedTokens = {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresInS: number;
};

export type SignedIn = UserView & { readonly kind: 'session'; readonly tokens: IssuedTokens };

/** The first factor was right: nothing of the account is told before the second (R24). */
export type SecondFactorPending = {
  readonly kind: 'pending';
  readonly token: string;
  readonly methods: readonly SecondFactorMethod[];
  readonly smsNumber: string | undefined;
};

/** What whoever signs in is told. */
export type SignInResult = SignedIn | SecondFactorPending;

/** What a sign-in leads to: a session, or the demand for a second factor. */
export type Opened =
  | { readonly kind: 'session'; readonly session: SessionRow }
  | { readonly kind: 'pending'; readonly challengeId: string };

/** Writes the tokens of a session as its row stands. */
export async function issueTokens(
  { accessTokens, vault }: TokenDeps,
  session: SessionRow,
): Promise<IssuedTokens> {
  const { tenantId, userId, id: sessionId, level, authTime, amr } = session;
  return {
    accessToken: await accessTokens.sign({ tenantId, userId, sessionId, level, authTime, amr }),
    refreshToken: formatRefreshToken(vault, session, session.refreshCounter),
    expiresInS: accessTokens.lifetimeS,
  };
}

/** The end of every sign-in: the tokens of its session, or the token that opens the second step. */
export async function concludeSignIn(
  deps: TokenDeps,
  { user, email, mobile, factors }: SessionAccount,
  opened: Opened,
): Promise<SignInResult> {
  if (opened.kind === 'session')
    return { kind: 'session', user, email, mobile, tokens: await issueTokens(deps, opened.session) };
  const { tenantId, id: userId } = user;
  const { challengeId } = opened;
  const token = await deps.accessTokens.signPending({ tenantId, userId, challengeId });
  return { kind: 'pending', token, methods: methodsOf(factors), smsNumber: factors.smsNumber };
}

/**
 * The one gate that mints sessions: every way to sign in ends here, and here alone it
 * is decided whether a session begins or a second factor comes first (R25).
 */
export function createSessionGate({ secondFactors, chargeCode, clock, random }: SessionGateDeps) {
  type GateRepositories = Pick<Repositories, 'sessions' | 'challenges' | 'outbox' | 'budgets' | 'smsUsage'>;

  /** Notes what was proved so far; with SMS as the only factor its code goes out at once. */
  async function demandSecondFactor(
    repositories: GateRepositories,
    caller: Caller,
    { user, factors }: SessionAccount,
    amr: readonly AuthenticationMethod[],
  ): Promise<Opened> {
    const id = random.uuid();
    await repositories.challenges.put({
      id,
      tenantId: user.tenantId,
      userId: user.id,
      purpose: 'sign-in',
      slot: id,
      digest: Buffer.alloc(0),
      identifier: '',
      channel: undefined,
      data: Buffer.from(JSON.stringify(amr)),
      expiresAt: new Date(clock().getTime() + pendingLifetimeMs),
    });
    if (!factors.totp && factors.smsNumber !== undefined) {
      try {
        await chargeCode(repositories, caller, factors.smsNumber);
        await secondFactors.sendSms(repositories, caller, user, id, factors.smsNumber);
      } catch (error) {
        // Over the limit, and where no SMS are sent, a recovery code still opens the session.
        const isOff = error instanceof DomainError && error.reason === 'CHANNEL_UNAVAILABLE';
        if (!(error instanceof DomainError) || (error.reason !== 'RATE_LIMITED' && !isOff)) throw error;
      }
    }
    return { kind: 'pending', challengeId: id };
  }

  return async function openSession(
    repositories: GateRepositories,
    caller: Caller,
    account: SessionAccount,
    amr: readonly AuthenticationMethod[],
  ): Promise<Opened> {
    const { user, liveSessions, factors } = account;
    const hasFactor = methodsOf(factors).length > 0;
    if (hasFactor && !amr.includes('mfa'))
      return await demandSecondFactor(repositories, caller, account, amr);

    const now = clock();
    const { requireSecondFactor } = caller.tenant.policy;
    const { idleMs, absoluteMs } = lifetimesOf(requireSecondFactor);
    const session: SessionRow = {
      id: random.uuid(),
      tenantId: user.tenantId,
      userId: user.id,
      level: requireSecondFactor && !hasFactor ? 'enrol-only' : 'signed-in',
      amr,
      authTime: now,
      client: caller.client,
      refreshCounter: 0,
      refreshSalt: random.bytes(32),
      refreshedAt: now,
      createdAt: now,
      idleExpiresAt: new Date(now.getTime() + idleMs),
      expiresAt: new Date(now.getTime() + absoluteMs),
    };
    await repositories.sessions.insert(session);
    if (liveSessions >= maxSessions) {
      await repositories.sessions.revokeBeyond(user.tenantId, user.id, maxSessions, now);
    }
    return { kind: 'session', session };
  };
}

export type SessionGate = ReturnType<typeof createSessionGate>;
