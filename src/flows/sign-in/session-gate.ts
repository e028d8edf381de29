import { type AuthenticatorKind, demandsSecondFactor } from '../../domain/authenticator.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { deviceOf } from '../../domain/device.ts';
import { dayMs, hourMs, minuteMs } from '../../domain/duration.ts';
import { DomainError } from '../../domain/errors.ts';
import type { TenantPolicy } from '../../domain/policy.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories } from '../../domain/repositories.ts';
import { maxSessions, type SessionRow } from '../../domain/session.ts';
import { formatProgress, isSecondFactor, type SignInProgress } from '../../domain/sign-in.ts';
import { lacksRequired, requiresSecondFactor } from '../../domain/tenant.ts';
import type { SessionAccount, User } from '../../domain/user.ts';
import type { SmsAuthenticator } from '../authenticators/sms.ts';
import { stepChallenge } from '../challenges/send.ts';
import { standIn } from './trusted-devices.ts';

export type SessionGateDeps = {
  readonly sendCode: SmsAuthenticator['sendCode'];
  /** Charges the SMS of a second factor in the sign-in's transaction, to the user who has proved the first. */
  readonly chargeCode: (
    repositories: Pick<Repositories, 'budgets' | 'smsUsage'>,
    caller: Caller,
    number: string,
  ) => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
};

/** Lifetime of a pending sign-in (R24). */
const pendingLifetimeMs = 300_000;

/** Idle and absolute lifetime of a session by the tenant's policy; capped where a second factor is required (R16). */
export function lifetimesOf(
  { sessions, requireSecondFactor }: Pick<TenantPolicy, 'sessions' | 'requireSecondFactor'>,
  remember: boolean,
): { readonly idleMs: number; readonly absoluteMs: number } {
  const { idleMinutes, absoluteMinutes } = remember ? sessions.remembered : sessions;
  const [idleMs, absoluteMs] = [idleMinutes * minuteMs, absoluteMinutes * minuteMs];
  if (!requireSecondFactor) return { idleMs, absoluteMs };
  return { idleMs: Math.min(idleMs, hourMs), absoluteMs: Math.min(absoluteMs, dayMs) };
}

/** The outcome of the gate: a session, or the demand for a second factor. */
export type Opened =
  /** `replaced`: the sessions that ended, because a user has no more than that many. */
  | { readonly kind: 'session'; readonly session: SessionRow; readonly replaced: readonly string[] }
  | {
      readonly kind: 'pending';
      readonly challengeId: string;
      /** The authenticators that can be the second factor. */
      readonly kinds: readonly AuthenticatorKind[];
    };

/**
 * The one gate that mints sessions: every way to sign in ends here, and here alone it
 * is decided whether a session begins or a second factor comes first (R25). Undefined: the user is
 * not active any more.
 */
export function createSessionGate({ sendCode, chargeCode, clock, random }: SessionGateDeps) {
  type GateRepositories = Pick<
    Repositories,
    'sessions' | 'challenges' | 'trustedDevices' | 'outbox' | 'budgets' | 'smsUsage' | 'identities'
  >;

  /** Stores what was proved so far; where SMS is the only authenticator its code goes out at once. */
  async function demandSecondFactor(
    repositories: GateRepositories,
    caller: Caller,
    { user, enrolled }: SessionAccount,
    progress: SignInProgress,
  ): Promise<Opened> {
    const kinds = enrolled.kinds.filter((kind) => isSecondFactor(progress, kind));
    if (kinds.length === 0) throw new DomainError('SIGN_IN_METHOD_UNFIT');
    const data = formatProgress({ ...progress, jkt: caller.binding?.jkt });
    const owner = { tenantId: user.tenantId, userId: user.id };
    const step = { purpose: 'sign-in', lifetimeMs: pendingLifetimeMs, data } as const;
    const challenge = stepChallenge({ clock, random }, owner, step);
    await repositories.challenges.put(challenge);
    const { smsNumber } = enrolled;
    if (smsNumber !== undefined && kinds.every((kind) => kind === 'sms')) {
      try {
        await chargeCode(repositories, caller, smsNumber);
        await sendCode(repositories, caller, user, challenge.id, smsNumber);
      } catch (error) {
        // Over the limit, and where no SMS are sent, a recovery code still opens the session.
        const isOff = error instanceof DomainError && error.reason === 'CHANNEL_UNAVAILABLE';
        if (!(error instanceof DomainError) || (error.reason !== 'RATE_LIMITED' && !isOff)) throw error;
      }
    }
    return { kind: 'pending', challengeId: challenge.id, kinds };
  }

  return async function openSession(
    repositories: GateRepositories,
    caller: Caller,
    account: SessionAccount,
    progress: SignInProgress,
  ): Promise<Opened | undefined> {
    const { user, liveSessions, oldestSession, enrolled } = account;
    const { policy } = caller.tenant;
    const lacksFactor =
      demandsSecondFactor(enrolled, requiresSecondFactor(policy)) && !progress.amr.includes('mfa');
    const device = lacksFactor ? await standIn(repositories, clock, caller, user) : undefined;
    if (lacksFactor && device === undefined)
      return await demandSecondFactor(repositories, caller, account, progress);

    const now = clock();
    const { amr, remember = false } = progress;
    const { idleMs, absoluteMs } = lifetimesOf(policy, remember);
    const session: SessionRow = {
      id: random.uuid(),
      tenantId: user.tenantId,
      userId: user.id,
      level: lacksRequired(policy, enrolled.kinds, amr) ? 'enrol-only' : 'signed-in',
      amr,
      authTime: now,
      client: caller.client,
      binding: caller.binding && {
        jkt: caller.binding.jkt,
        bindsAccess: caller.binding.bindsAccess,
        since: 0,
      },
      remember,
      deviceId: device?.id,
      device: deviceOf(caller.client),
      refreshCounter: 0,
      refreshSalt: random.bytes(32),
      refreshedAt: now,
      createdAt: now,
      idleExpiresAt: new Date(now.getTime() + idleMs),
      expiresAt: new Date(now.getTime() + absoluteMs),
    };
    if (!(await repositories.sessions.insert(session))) return undefined;
    const { origin } = progress;
    if (origin !== undefined)
      await repositories.identities.noteSession({
        tenantId: user.tenantId,
        sessionId: session.id,
        userId: user.id,
        provider: origin.provider,
        subjectDigest: Buffer.from(origin.subject, 'base64url'),
        sidDigest: origin.sid === '' ? undefined : Buffer.from(origin.sid, 'base64url'),
      });
    const replaced =
      liveSessions < maxSessions
        ? []
        : await repositories.sessions.revokeBeyond(user.tenantId, user.id, maxSessions, now, oldestSession);
    return { kind: 'session', session, replaced };
  };
}

export type SessionGate = ReturnType<typeof createSessionGate>;

/** As long as one access token lives, with its skew: it is never refreshed. */
const actingLifetimeMs = 11 * minuteMs;

/**
 * Opens the session in which a member looks at an account: no factor of the user is in it, it is never fresh, and it
 * has no refresh token. Undefined: the user is not active any more.
 */
export async function openActingSession(
  { sessions }: Pick<Repositories, 'sessions'>,
  { clock, random }: Pick<SessionGateDeps, 'clock' | 'random'>,
  { tenantId, id: userId }: Pick<User, 'tenantId' | 'id'>,
): Promise<SessionRow | undefined> {
  const now = clock();
  const expiresAt = new Date(now.getTime() + actingLifetimeMs);
  const session: SessionRow = {
    id: random.uuid(),
    tenantId,
    userId,
    level: 'acting',
    amr: [],
    authTime: new Date(0),
    // Neither the network nor a device of the user's: it makes no later sign-in a known one.
    client: { address: '', userAgent: '' },
    binding: undefined,
    remember: false,
    deviceId: undefined,
    device: '',
    refreshCounter: 0,
    refreshSalt: random.bytes(32),
    refreshedAt: now,
    createdAt: now,
    idleExpiresAt: expiresAt,
    expiresAt,
  };
  return (await sessions.insert(session)) ? session : undefined;
}
