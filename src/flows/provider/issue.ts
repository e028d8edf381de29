import { createHash } from 'node:crypto';
import type { Application, Extent } from '../../domain/application.ts';
import { type ApplicationTokens, issuerOf, userInfoAt } from '../../domain/application-token.ts';
import { customClaimsOf, standardClaimsOf } from '../../domain/claims.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import { acrOf, type LiveGrant } from '../../domain/grant.ts';
import type { Random } from '../../domain/random.ts';
import { formatRefreshToken } from '../../domain/refresh-token.ts';
import type { SigningAlgorithm } from '../../domain/signing-algorithm.ts';
import type { Tenant } from '../../domain/tenant.ts';
import type { Vault } from '../../domain/vault.ts';
import { sidOf } from './session-id.ts';
import type { SubjectOf } from './subject.ts';

export type IssueDeps = {
  readonly tokens: ApplicationTokens;
  readonly subjectOf: SubjectOf;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
  readonly deployment: string;
};

/** The answer of the token endpoint (RFC 6749, section 5.1). */
export type ApplicationTokenSet = {
  readonly accessToken: string;
  readonly expiresInS: number;
  readonly scope: string;
  readonly refreshToken: string;
  readonly idToken: string;
};

const seconds = (date: Date) => Math.floor(date.getTime() / 1000);

/** `at_hash`: the left half of the hash that the algorithm has (OpenID Connect Core 1.0, section 3.1.3.6). */
function hashOf(token: string, algorithm: SigningAlgorithm): string {
  const digest = createHash(algorithm === 'EdDSA' ? 'sha512' : 'sha256')
    .update(token)
    .digest();
  return digest.subarray(0, digest.length / 2).toString('base64url');
}

/** Signs what applications get. */
export function createIssue({ tokens, subjectOf, vault, clock, random, deployment }: IssueDeps) {
  const userInfoOf = ({ slug }: Tenant) => userInfoAt(issuerOf(deployment, slug));

  function timesOf({ settings }: Application) {
    const iat = seconds(clock());
    return { iat, exp: iat + settings.accessTokenMinutes * 60 };
  }

  /** An access token (RFC 9068, section 2.2); `about` is what a user's token says beside. */
  function signAccess(
    tenant: Tenant,
    application: Application,
    { scopes, resources }: Extent,
    about: { readonly sub: string } & Readonly<Record<string, unknown>>,
  ): Promise<string> {
    const iss = issuerOf(deployment, tenant.slug);
    const [first = userInfoOf(tenant), ...more] = resources;
    return tokens.sign(application.settings.algorithm, 'at+jwt', {
      iss,
      aud: more.length === 0 ? first : [first, ...more],
      client_id: application.clientId,
      jti: random.uuid(),
      ...timesOf(application),
      scope: scopes.join(' '),
      ...about,
    });
  }

  async function signId(
    tenant: Tenant,
    application: Application,
    grant: LiveGrant,
    { scopes, resources }: Extent,
    {
      sub,
      nonce,
      accessToken,
    }: { readonly sub: string; readonly nonce: string; readonly accessToken: string },
  ): Promise<string> {
    const { algorithm, claimsInIdToken, sector } = application.settings;
    const { holder, authTime, amr, sessionId } = grant;
    // Without a token for UserInfo its claims are in the ID token, as where there is no access token (Core, section 5.4).
    const isForUserInfo = resources.length === 0 || resources.includes(userInfoOf(tenant));
    return await tokens.sign(algorithm, 'JWT', {
      // The tenant's own first: none of them replaces a claim of this service.
      ...customClaimsOf(tenant.policy.claims, holder, scopes, 'inIdToken'),
      ...(!isForUserInfo && customClaimsOf(tenant.policy.claims, holder, scopes, 'inUserInfo')),
      ...((claimsInIdToken || !isForUserInfo) && standardClaimsOf(holder, scopes)),
      iss: issuerOf(deployment, tenant.slug),
      sub,
      aud: application.clientId,
      ...timesOf(application),
      auth_time: seconds(authTime),
      ...(nonce !== '' && { nonce }),
      acr: acrOf(amr),
      amr,
      sid: sidOf(vault, sector, sessionId),
      at_hash: hashOf(accessToken, algorithm),
    });
  }

  return {
    /** Throws UNAVAILABLE where tokens could not be signed now. */
    admit: ({ settings }: Application): void => tokens.admit(settings.algorithm),

    /** Tokens of a user's grant; `nonce` empty: the ID token has none, as after a refresh (Core, section 12.2). */
    async forUser(
      tenant: Tenant,
      application: Application,
      grant: LiveGrant,
      extent: Extent,
      nonce = '',
    ): Promise<ApplicationTokenSet> {
      const { scopes } = extent;
      const sub = await subjectOf(application, grant.userId);
      if (sub === undefined)
        throw new DomainError('UNAUTHORIZED_CLIENT', {
          metadata: { detail: 'the tenant that this application is for is gone' },
        });
      const accessToken = await signAccess(tenant, application, extent, {
        sub,
        grant_id: grant.id,
        auth_time: seconds(grant.authTime),
        acr: acrOf(grant.amr),
        ...(scopes.includes('roles') && { roles: grant.holder.user.roles }),
      });
      const about = { sub, nonce, accessToken };
      return {
        accessToken,
        expiresInS: application.settings.accessTokenMinutes * 60,
        scope: scopes.join(' '),
        refreshToken: formatRefreshToken(vault, grant, grant.refreshCounter, 'grant-refresh-token'),
        idToken: scopes.includes('openid') ? await signId(tenant, application, grant, extent, about) : '',
      };
    },

    /** A token for the application itself (RFC 6749, section 4.4.3): no refresh token, and no one's ID token. */
    async forMachine(tenant: Tenant, application: Application, extent: Extent): Promise<ApplicationTokenSet> {
      return {
        accessToken: await signAccess(tenant, application, extent, { sub: application.clientId }),
        expiresInS: application.settings.accessTokenMinutes * 60,
        scope: extent.scopes.join(' '),
        refreshToken: '',
        idToken: '',
      };
    },
  };
}

export type Issue = ReturnType<typeof createIssue>;
