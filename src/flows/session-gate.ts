import type { AuthenticationMethod, Caller } from '../domain/caller.ts';
import type { AccessTokens, Clock, Random, Repositories, SessionRow, User, Vault } from '../domain/ports.ts';
import { formatRefreshToken } from '../domain/refresh-token.ts';

export type SessionGateDeps = { readonly clock: Clock; readonly random: Random };

export type TokenDeps = { readonly accessTokens: AccessTokens; readonly vault: Vault };

const dayMs = 86_400_000;
const hourMs = 3_600_000;
/** How many sessions a user may have; the oldest ends for one more (R19). */
export const maxSessions = 50;

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

/**
 * The one gate that mints sessions: every way to sign in ends here, and here alone it
 * is decided whether a session begins (R25).
 */
export function createSessionGate({ clock, random }: SessionGateDeps) {
  return async function openSession(
    repositories: Pick<Repositories, 'sessions'>,
    caller: Caller,
    { user, liveSessions }: { readonly user: User; readonly liveSessions: number },
    amr: readonly AuthenticationMethod[],
  ): Promise<SessionRow> {
    const now = clock();
    const { idleMs, absoluteMs } = lifetimesOf(caller.tenant.policy.requireSecondFactor);
    const session: SessionRow = {
      id: random.uuid(),
      tenantId: user.tenantId,
      userId: user.id,
      level: 'signed-in',
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
    return session;
  };
}

export type SessionGate = ReturnType<typeof createSessionGate>;
