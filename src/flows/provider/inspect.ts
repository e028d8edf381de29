import { remainderOf } from '../../domain/application.ts';
import {
  type ApplicationAccessClaims,
  type ApplicationTokens,
  bearerChallenge,
  issuerOf,
  userInfoAt,
} from '../../domain/application-token.ts';
import type { Caller } from '../../domain/caller.ts';
import { customClaimsOf, standardClaimsOf } from '../../domain/claims.ts';
import type { Client } from '../../domain/client.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import { acrOf, type LiveGrant } from '../../domain/grant.ts';
import { isGenuine, parseRefreshToken } from '../../domain/refresh-token.ts';
import type { Store } from '../../domain/repositories.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { isUuid, sha256 } from '../../domain/token.ts';
import type { Vault } from '../../domain/vault.ts';
import { type RecordDeps, record } from '../events/record.ts';
import type { ClientCredentials, Clients } from './clients.ts';
import type { SubjectOf } from './subject.ts';

export type InspectDeps = RecordDeps & {
  readonly store: Store<'grants' | 'proofs' | 'events'>;
  readonly clients: Clients;
  readonly tokens: ApplicationTokens;
  readonly subjectOf: SubjectOf;
  readonly vault: Vault;
  readonly deployment: string;
};

type Claims = Readonly<Record<string, unknown>>;

export type TokenCommand = ClientCredentials & { readonly token: string };

const seconds = (date: Date) => Math.floor(date.getTime() / 1000);

/** A live token, with the application that has it. */
type LiveToken =
  | {
      readonly kind: 'access';
      readonly claims: ApplicationAccessClaims;
      readonly grant: LiveGrant | undefined;
    }
  | { readonly kind: 'refresh'; readonly grant: LiveGrant };

type FoundRefresh = Extract<LiveToken, { readonly kind: 'refresh' }> & { readonly isCurrent: boolean };

/** UserInfo, introspection and revocation: what may be done with a token of an application. */
export function createInspect(deps: InspectDeps) {
  const { store, clients, tokens, subjectOf, vault, deployment, clock } = deps;

  const placeOfUserInfo = ({ slug }: Tenant) => userInfoAt(issuerOf(deployment, slug));

  /** An access token that is live: of a grant or of an application that still is, and not revoked by itself. */
  async function findAccess({ tenant, client }: Caller, text: string): Promise<LiveToken | undefined> {
    const found = await tokens.verifyAccess(text, issuerOf(deployment, tenant.slug));
    if (found === undefined) return undefined;
    const owner = await clients.find(tenant, found.clientId, client.address);
    const claims = owner && withinRegistration(owner, found, placeOfUserInfo(tenant));
    if (claims === undefined) return undefined;
    if (claims.grantId === undefined) {
      const isRevoked = await store.proofs.isSpent(tenant.id, revocationOf(claims).id);
      return isRevoked ? undefined : { kind: 'access', claims, grant: undefined };
    }
    const grant = isUuid(claims.grantId)
      ? await store.grants.findLive(tenant.id, claims.grantId, clock())
      : undefined;
    return grant?.clientId === claims.clientId ? { kind: 'access', claims, grant } : undefined;
  }

  /** The grant of a refresh token, whether or not it was rotated since. */
  async function findRefresh({ tenant }: Caller, text: string): Promise<FoundRefresh | undefined> {
    const token = parseRefreshToken(text);
    const grant = token && (await store.grants.findLive(tenant.id, token.sessionId, clock()));
    if (token === undefined || grant === undefined) return undefined;
    if (!isGenuine(vault, grant, token, 'grant-refresh-token')) return undefined;
    return { kind: 'refresh', grant, isCurrent: token.counter === grant.refreshCounter };
  }

  async function findLive(caller: Caller, text: string): Promise<LiveToken | undefined> {
    const access = await findAccess(caller, text);
    if (access !== undefined) return access;
    const refresh = await findRefresh(caller, text);
    return refresh?.isCurrent === true ? refresh : undefined;
  }

  const ownerOf = (token: LiveToken) =>
    token.kind === 'access' ? token.claims.clientId : token.grant.clientId;

  /** Whether a token may be asked about: by its own application, and an access token by the API that it is for as well. */
  function mayAsk({ clientId, settings }: Client, token: LiveToken): boolean {
    if (ownerOf(token) === clientId) return true;
    return token.kind === 'access' && token.claims.audience.some((uri) => settings.serves.includes(uri));
  }

  async function describe({ tenant }: Caller, client: Client, token: LiveToken): Promise<Claims> {
    const iss = issuerOf(deployment, tenant.slug);
    if (token.kind === 'refresh') {
      const { clientId, userId, refreshedAt, idleExpiresAt } = token.grant;
      return {
        iss,
        client_id: clientId,
        sub: await subjectOf(client, userId),
        scope: (remainderOf(client, token.grant)?.scopes ?? []).join(' '),
        iat: seconds(refreshedAt),
        exp: seconds(idleExpiresAt),
        token_type: 'refresh_token',
      };
    }
    const { claims, grant } = token;
    const { audience, clientId, subject, scopes, tokenId, issuedAt, expiresAt } = claims;
    return {
      iss,
      aud: audience.length === 1 ? audience[0] : audience,
      client_id: clientId,
      sub: subject,
      scope: scopes.join(' '),
      jti: tokenId,
      iat: seconds(issuedAt),
      exp: seconds(expiresAt),
      token_type: 'Bearer',
      ...(grant && { auth_time: seconds(grant.authTime), acr: acrOf(grant.amr) }),
      ...(grant && scopes.includes('roles') && { roles: grant.holder.user.roles }),
    };
  }

  return {
    /** The claims of the user of an access token (OpenID Connect Core 1.0, section 5.3). */
    async userInfo(caller: Caller, command: { readonly accessToken: string }): Promise<Claims> {
      const { tenant, application, client } = caller;
      const inHeader = readBearer(application?.authorization);
      if (inHeader !== undefined && command.accessToken !== '')
        throw new DomainError('REQUEST_INVALID', {
          violations: [{ field: 'access_token', reason: 'FIELD_DUPLICATE' }],
          headers: bearerChallenge('invalid_request'),
        });
      const text = inHeader ?? command.accessToken;
      if (text === '') throw new DomainError('TOKEN_MISSING');
      const token = await findAccess(caller, text);
      if (token?.kind !== 'access' || token.grant === undefined) throw new DomainError('TOKEN_INVALID');
      const { claims, grant } = token;
      const origin = application?.origin;
      const known = await clients.find(tenant, claims.clientId, client.address);
      if (origin !== undefined && known?.settings.origins.includes(origin) !== true)
        throw new DomainError('ORIGIN_DENIED');
      if (!claims.audience.includes(placeOfUserInfo(tenant)))
        throw new DomainError('TOKEN_INVALID', {
          metadata: { detail: 'this token is for another audience' },
        });
      if (!claims.scopes.includes('openid'))
        throw new DomainError('SCOPE_REQUIRED', {
          metadata: { scope: 'openid' },
          headers: bearerChallenge('insufficient_scope', 'openid'),
        });
      return {
        ...customClaimsOf(tenant.policy.claims, grant.holder, claims.scopes, 'inUserInfo'),
        ...standardClaimsOf(grant.holder, claims.scopes),
        sub: claims.subject,
      };
    },

    /** What a token is (RFC 7662, section 2.2); undefined: nothing that the caller may know. */
    async introspect(caller: Caller, command: TokenCommand): Promise<Claims | undefined> {
      const client = await authenticateKeeper(caller, command);
      const token = await findLive(caller, command.token);
      return token !== undefined && mayAsk(client, token) ? await describe(caller, client, token) : undefined;
    },

    /** Revokes a token of the caller (RFC 7009, section 2.1). Whatever is not one changes nothing. */
    async revoke(caller: Caller, command: TokenCommand): Promise<void> {
      const client = await clients.authenticate(caller, command);
      assertToken(command);
      // An earlier refresh token ends its grant as well: the current one may be in the hands of a thief.
      const token = (await findAccess(caller, command.token)) ?? (await findRefresh(caller, command.token));
      if (token === undefined || ownerOf(token) !== client.clientId) return;
      const { grant } = token;
      if (token.kind === 'access' && grant === undefined) {
        await store.proofs.spend(caller.tenant.id, revocationOf(token.claims));
        return;
      }
      if (grant === undefined) return;
      const { id, userId, sessionId } = grant;
      await store.transaction(async (repositories) => {
        if (!(await repositories.grants.end(caller.tenant.id, id, clock()))) return;
        const details = { application: client.clientId };
        await record(repositories, deps, caller, { type: 'grant.ended', userId, sessionId, details });
      });
    },
  };

  /** The application that introspects: one that has credentials, since the id alone is known to everyone (RFC 7662, section 2.1). */
  async function authenticateKeeper(caller: Caller, command: TokenCommand): Promise<Client> {
    const client = await clients.authenticate(caller, command);
    if (client.settings.authentication === 'none')
      throw new DomainError('INVALID_CLIENT', {
        metadata: { detail: 'an application without credentials may not introspect' },
        headers: { 'www-authenticate': 'Basic realm="manam"' },
      });
    assertToken(command);
    return client;
  }
}

export type Inspect = ReturnType<typeof createInspect>;

/** The claims of an access token, reduced to what its application may still have; undefined: nothing is left. */
function withinRegistration(
  owner: Client,
  claims: ApplicationAccessClaims,
  ownApi: string,
): ApplicationAccessClaims | undefined {
  const isOwn = (uri: string) => uri === ownApi;
  const resources = claims.audience.filter((uri) => !isOwn(uri));
  const rest = remainderOf(owner, { scopes: claims.scopes, resources });
  return (
    rest && {
      ...claims,
      scopes: rest.scopes,
      audience: [...claims.audience.filter(isOwn), ...rest.resources],
    }
  );
}

function assertToken({ token }: TokenCommand): void {
  if (token === '') throw invalid({ field: 'token', reason: 'FIELD_REQUIRED' });
}

/** The token of `authorization: Bearer`; undefined: there is no such header. Throws TOKEN_INVALID for another scheme. */
function readBearer(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined;
  const token = /^bearer +([\w.~+/=-]+)$/i.exec(authorization)?.[1];
  if (token === undefined) throw new DomainError('TOKEN_INVALID');
  return token;
}

/** A token of a machine has no row: that it was revoked is kept until it expires. */
function revocationOf({ tokenId, expiresAt }: ApplicationAccessClaims) {
  const id = sha256(`revoked ${tokenId}`).toString('base64url');
  return { id, expiresAt: new Date(expiresAt.getTime() + 60_000) };
}
