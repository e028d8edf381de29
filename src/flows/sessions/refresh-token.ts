import type { AccessTokens } from '../../domain/access-token.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { proofRefusal } from '../../domain/dpop.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Random } from '../../domain/random.ts';
import { isGenuine, type PresentedRefreshToken, parseRefreshToken } from '../../domain/refresh-token.ts';
import type { Store } from '../../domain/repositories.ts';
import type { KeyBinding, LiveSession, SessionRow } from '../../domain/session.ts';
import { lacksRequired } from '../../domain/tenant.ts';
import type { Vault } from '../../domain/vault.ts';
import { record } from '../events/record.ts';
import { type IssuedTokens, issueTokens } from '../sign-in/complete.ts';
import { lifetimesOf } from '../sign-in/session-gate.ts';

export type RefreshTokenDeps = {
  readonly store: Store<'sessions' | 'events'>;
  readonly accessTokens: AccessTokens;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

/** Grace in which the token before the newest gets the same successor (R17). */
const graceMs = 10_000;

/**
 * Exchanges a refresh token. One guarded UPDATE rotates it; the token just before the
 * newest gets the same successor within the grace, because its answer may be lost; any
 * other reuse is theft, by them or from them, and ends the session (RFC 9700, section
 * 4.14.2).
 */
export function createRefreshToken(deps: RefreshTokenDeps) {
  const { store, vault, clock } = deps;
  return async function refreshToken(
    caller: Caller,
    command: { readonly refreshToken: string },
  ): Promise<IssuedTokens> {
    const token = parseRefreshToken(command.refreshToken);
    const session = token && (await store.sessions.findLive(caller.tenant.id, token.sessionId, clock()));
    if (token === undefined || session === undefined || !isGenuine(vault, session, token)) {
      throw new DomainError('TOKEN_INVALID');
    }
    await caller.binding?.spend();
    // What was issued before the binding is no one's any more: using it again is reuse, with whatever key.
    if (token.counter >= (session.binding?.since ?? 0)) assertKey(caller, session, clock());

    const rotated =
      token.counter === session.refreshCounter ? await rotate(deps, caller, session) : undefined;
    const current = rotated ?? (await successorWithinGrace(deps, caller, session, token));
    assertKey(caller, current, clock());
    return await issueTokens(deps, current, session.roles);
  };
}

/**
 * A bound token without the proof of its key is refused, and the session goes on: it is no reuse by
 * its owner, and whoever has copied it gains nothing (RFC 9449, section 5).
 */
function assertKey({ binding: proved }: Caller, { binding }: SessionRow, now: Date): void {
  if (binding !== undefined && binding.jkt !== proved?.jkt)
    throw proofRefusal(proved === undefined ? 'missing' : 'key', now);
}

/** The binding of the next token: a proof binds a session that was not, but its refresh token alone. */
function bindingAfter(
  { binding: proved }: Caller,
  { binding, refreshCounter }: SessionRow,
): KeyBinding | undefined {
  if (binding !== undefined || proved === undefined) return binding;
  return { jkt: proved.jkt, bindsAccess: false, since: refreshCounter + 1 };
}

/** Rotates the token; undefined where another call has done so first. */
async function rotate(
  deps: RefreshTokenDeps,
  caller: Caller,
  session: LiveSession,
): Promise<SessionRow | undefined> {
  const { store, clock } = deps;
  const now = clock();
  const { policy } = caller.tenant;
  const { idleMs } = lifetimesOf(policy, session.remember);
  const next = {
    // Where a second factor is demanded meanwhile, the session is valid for enrolling one (R18).
    level: lacksRequired(policy, session.kinds, session.amr) ? ('enrol-only' as const) : session.level,
    refreshedAt: now,
    idleExpiresAt: new Date(Math.min(now.getTime() + idleMs, session.expiresAt.getTime())),
    client: { ...session.client, address: caller.client.address },
    binding: bindingAfter(caller, session),
  };
  return await store.transaction(async (repositories) => {
    if (!(await repositories.sessions.rotate(session, next))) return undefined;
    const { id: sessionId, userId } = session;
    await record(repositories, deps, caller, { type: 'session.refreshed', userId, sessionId });
    return { ...session, ...next, refreshCounter: session.refreshCounter + 1 };
  });
}

/** The session as it stands, where the token is the one just before the newest and not late; else its end. */
async function successorWithinGrace(
  deps: RefreshTokenDeps,
  caller: Caller,
  seen: SessionRow,
  token: PresentedRefreshToken,
): Promise<SessionRow> {
  const { store, clock } = deps;
  const now = clock();
  const session =
    token.counter < seen.refreshCounter ? seen : await store.sessions.findLive(seen.tenantId, seen.id, now);
  if (session === undefined) throw new DomainError('TOKEN_INVALID');
  const isPredecessor = token.counter === session.refreshCounter - 1;
  if (isPredecessor && now.getTime() - session.refreshedAt.getTime() <= graceMs) return session;

  const { tenantId, userId, id: sessionId } = session;
  await store.transaction(async (repositories) => {
    await repositories.sessions.revoke(tenantId, userId, sessionId, now);
    const event = { type: 'session.reuse_detected', userId, sessionId } as const;
    await record(repositories, deps, caller, event, 'TOKEN_INVALID');
  });
  throw new DomainError('TOKEN_INVALID');
}
