import type { AccessTokens } from '../../domain/access-token.ts';
import type { AuthenticationMethod } from '../../domain/authentication.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { isGenuine, parseRefreshToken } from '../../domain/refresh-token.ts';
import type { Store } from '../../domain/repositories.ts';
import type { SessionRow } from '../../domain/session.ts';
import type { Vault } from '../../domain/vault.ts';

export type IntrospectTokenDeps = {
  readonly store: Store<'sessions' | 'members'>;
  readonly accessTokens: AccessTokens;
  readonly vault: Vault;
  readonly clock: Clock;
};

/** The introspection of a live token (RFC 7662, section 2.2). */
export type Introspection = {
  readonly kind: 'access_token' | 'refresh_token';
  readonly userId: string;
  readonly sessionId: string;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
  readonly authTime: Date;
  readonly amr: readonly AuthenticationMethod[];
  /** The thumbprint of the key that the token is bound to; undefined: none. */
  readonly jkt: string | undefined;
  /** The member who acts in the user's place; absent: the user themselves. */
  readonly actorId?: string | undefined;
};

/** Tells what a token of the tenant's users represents now, or undefined for whatever is not live. */
export function createIntrospectToken({ store, accessTokens, vault, clock }: IntrospectTokenDeps) {
  async function introspectAccess(tenantId: string, text: string): Promise<Introspection | undefined> {
    const claims = await accessTokens.verify(text);
    if (claims?.tenantId !== tenantId || claims.level === 'enrol-only') return undefined;
    const session = await store.sessions.findLive(tenantId, claims.sessionId, clock());
    if (session?.userId !== claims.userId || session.level !== claims.level) return undefined;
    const { issuedAt, expiresAt, jkt, actorId } = claims;
    if (actorId !== undefined && !(await store.members.mayAct(tenantId, actorId, issuedAt))) return undefined;
    return { kind: 'access_token', issuedAt, expiresAt, ...factsOf(session), jkt, actorId };
  }

  async function introspectRefresh(tenantId: string, text: string): Promise<Introspection | undefined> {
    const token = parseRefreshToken(text);
    const session = token && (await store.sessions.findLive(tenantId, token.sessionId, clock()));
    if (token === undefined || session?.level !== 'signed-in') return undefined;
    if (!isGenuine(vault, session, token) || token.counter !== session.refreshCounter) return undefined;
    const { refreshedAt: issuedAt, idleExpiresAt: expiresAt } = session;
    const jkt = session.binding?.jkt;
    return { kind: 'refresh_token', issuedAt, expiresAt, ...factsOf(session), jkt };
  }

  return async function introspectToken(
    caller: Caller,
    command: { readonly token: string },
  ): Promise<Introspection | undefined> {
    const tenantId = caller.tenant.id;
    return (
      (await introspectAccess(tenantId, command.token)) ?? (await introspectRefresh(tenantId, command.token))
    );
  };
}

function factsOf({ userId, id: sessionId, authTime, amr }: SessionRow) {
  return { userId, sessionId, authTime, amr };
}
