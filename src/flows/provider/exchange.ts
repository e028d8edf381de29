import { timingSafeEqual } from 'node:crypto';
import {
  type Extent,
  type GrantType,
  grantTypes,
  grantTypesOf,
  remainderOf,
  standardScopes,
} from '../../domain/application.ts';
import { issuerOf, userInfoAt } from '../../domain/application-token.ts';
import { AuthorizationError, asFailure, resourcesOf, scopesOf } from '../../domain/authorization-request.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Client } from '../../domain/client.ts';
import { dayMs } from '../../domain/duration.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import { type CodeGrant, type Grant, type LiveGrant, parseScope } from '../../domain/grant.ts';
import { codeChallengeOf, isCodeVerifier } from '../../domain/pkce.ts';
import { isGenuine, parseRefreshToken } from '../../domain/refresh-token.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import { lacksRequired } from '../../domain/tenant.ts';
import { parseChallengeToken, sha256 } from '../../domain/token.ts';
import type { Vault } from '../../domain/vault.ts';
import { type RecordDeps, record } from '../events/record.ts';
import type { ClientCredentials, Clients } from './clients.ts';
import type { ApplicationTokenSet, Issue } from './issue.ts';

export type ExchangeDeps = RecordDeps & {
  readonly store: Store<'grants' | 'devices' | 'events'>;
  readonly clients: Clients;
  readonly issue: Issue;
  readonly vault: Vault;
  readonly deployment: string;
};

export type ExchangeCommand = ClientCredentials & {
  readonly grantType: string;
  readonly code: string;
  readonly redirectUri: string;
  readonly codeVerifier: string;
  readonly refreshToken: string;
  readonly deviceCode: string;
  readonly scope: string;
  readonly resource: readonly string[];
};

/** Grace in which the token before the newest gets the same successor (R17). */
const graceMs = 10_000;

function grantRefusal(detail: string): DomainError {
  return new DomainError('INVALID_GRANT', { metadata: { detail } });
}

const ended = () => grantRefusal('its session or its user is not there any more');

/** The token endpoint (RFC 6749, section 3.2). */
export function createExchange(deps: ExchangeDeps) {
  const { store, clients, issue, vault, deployment, clock } = deps;

  /**
   * The scopes and resources that are asked for, of those that were granted and are registered still; never more (RFC 6749,
   * section 6; RFC 8707, section 2.2). UserInfo may be asked for in place of the APIs, or beside them.
   */
  function narrow(
    { tenant }: Caller,
    client: Client,
    grant: Grant,
    { scope, resource }: Pick<ExchangeCommand, 'scope' | 'resource'>,
  ): Extent {
    const { settings } = client;
    const scopes = parseScope(scope);
    const resources = resource.filter((uri) => uri !== '');
    const isGranted = (granted: readonly string[], registered: readonly string[]) => (each: string) =>
      granted.includes(each) && registered.includes(each);
    const isUserInfo = (uri: string) =>
      uri === userInfoAt(issuerOf(deployment, tenant.slug)) && grant.scopes.includes('openid');
    const apis = resources.filter((uri) => !isUserInfo(uri));
    if (!scopes.every(isGranted(grant.scopes, settings.scopes)))
      throw new DomainError('INVALID_SCOPE', { metadata: { detail: 'a scope was not granted' } });
    if (!apis.every(isGranted(grant.resources, settings.resources)))
      throw new DomainError('INVALID_TARGET', { metadata: { detail: 'a resource was not granted' } });
    const rest = remainderOf(client, grant);
    // Without offline_access a grant ends with its session, and this one has outlived it.
    const wasOffline = grant.scopes.includes('offline_access');
    if (rest === undefined || (wasOffline && !rest.scopes.includes('offline_access')))
      throw grantRefusal('what was granted is no longer registered for this application');
    return {
      scopes: scopes.length > 0 ? scopes : rest.scopes,
      resources: resources.length > 0 ? resources : rest.resources,
    };
  }

  /** A code or refresh token that comes twice was stolen from one of the two: the whole grant ends. */
  async function endReused(
    caller: Caller,
    { tenantId, id, userId, sessionId, clientId }: Grant,
  ): Promise<never> {
    await store.transaction(async (repositories) => {
      if (!(await repositories.grants.end(tenantId, id, clock()))) return;
      const details = { application: clientId };
      const event = { type: 'grant.reuse_detected', userId, sessionId, details } as const;
      await record(repositories, deps, caller, event, 'INVALID_GRANT');
    });
    throw grantRefusal('it was used before: every token of this grant has ended');
  }

  /**
   * Begins the life of a grant, with its user as they are now; undefined where another call has done so first. One of many
   * calls gets its tokens: what a loser ends comes after this transaction.
   */
  async function start(
    caller: Caller,
    { settings, clientId }: Client,
    grant: Grant,
    /** Runs first in the transaction; throws to abort it. */
    prepare?: (repositories: Pick<Repositories, 'devices'>) => Promise<void>,
  ): Promise<LiveGrant | undefined> {
    const now = clock();
    const at = (days: number) => new Date(now.getTime() + days * dayMs);
    const life = {
      idleExpiresAt: at(Math.min(settings.refreshIdleDays, settings.refreshDays)),
      expiresAt: at(settings.refreshDays),
    };
    return await store.transaction(async (repositories) => {
      await prepare?.(repositories);
      if (!(await repositories.grants.redeem(grant, life, now))) return undefined;
      const started = await repositories.grants.findLive(grant.tenantId, grant.id, now);
      if (started === undefined) throw ended();
      assertFactors(caller, started);
      const { userId, sessionId } = grant;
      const details = { application: clientId };
      await record(repositories, deps, caller, { type: 'grant.started', userId, sessionId, details });
      return started;
    });
  }

  async function byCode(
    caller: Caller,
    client: Client,
    command: ExchangeCommand,
  ): Promise<ApplicationTokenSet> {
    const parsed = parseChallengeToken(command.code);
    const grant =
      parsed && (await store.grants.findByCode(caller.tenant.id, parsed.challengeId, parsed.digest));
    if (grant?.clientId !== client.clientId)
      throw grantRefusal('the code is unknown, or of another application');
    if (grant.isUsed) return await endReused(caller, grant);
    if (grant.code.expiresAt <= clock()) throw grantRefusal('the code has expired');
    if (grant.code.redirectUri !== command.redirectUri)
      throw grantRefusal('redirect_uri differs from that of the authorization request');
    assertVerifier(grant, command.codeVerifier);
    const extent = narrow(caller, client, grant, { scope: '', resource: command.resource });
    const started = await start(caller, client, grant);
    if (started === undefined) return await endReused(caller, grant);
    return await issue.forUser(caller.tenant, client, started, extent, grant.code.nonce);
  }

  async function byRefreshToken(
    caller: Caller,
    client: Client,
    command: ExchangeCommand,
  ): Promise<ApplicationTokenSet> {
    const refusal = () => grantRefusal('the refresh token is unknown, revoked or expired');
    const token = parseRefreshToken(command.refreshToken);
    const grant = token && (await store.grants.findLive(caller.tenant.id, token.sessionId, clock()));
    if (token === undefined || grant?.clientId !== client.clientId) throw refusal();
    if (!isGenuine(vault, grant, token, 'grant-refresh-token')) throw refusal();
    assertFactors(caller, grant);
    const extent = narrow(caller, client, grant, command);
    const isNewest = token.counter === grant.refreshCounter;
    const rotated = isNewest ? await rotate(client, grant) : undefined;
    return await issue.forUser(
      caller.tenant,
      client,
      rotated ?? (await successor(caller, grant, token.counter)),
      extent,
    );
  }

  /** Rotates the refresh token; undefined where another call has done so first. */
  async function rotate({ settings }: Client, grant: LiveGrant): Promise<LiveGrant | undefined> {
    const now = clock();
    const idleMs = now.getTime() + settings.refreshIdleDays * dayMs;
    const next = { refreshedAt: now, idleExpiresAt: new Date(Math.min(idleMs, grant.expiresAt.getTime())) };
    // One statement and no event: the row says when it was used last.
    if (!(await store.grants.rotate(grant, next))) return undefined;
    return { ...grant, ...next, refreshCounter: grant.refreshCounter + 1 };
  }

  /** The grant as it stands, where the token is the one just before the newest and not late; else its end. */
  async function successor(caller: Caller, seen: LiveGrant, counter: number): Promise<LiveGrant> {
    const found =
      counter < seen.refreshCounter ? seen : await store.grants.findLive(seen.tenantId, seen.id, clock());
    if (found === undefined) throw ended();
    const grant = found;
    const isPredecessor = counter === grant.refreshCounter - 1;
    if (isPredecessor && clock().getTime() - grant.refreshedAt.getTime() <= graceMs) return grant;
    return await endReused(caller, grant);
  }

  async function byItself(
    caller: Caller,
    client: Client,
    command: ExchangeCommand,
  ): Promise<ApplicationTokenSet> {
    const own = client.settings.scopes.filter(
      (scope) => !(standardScopes as readonly string[]).includes(scope),
    );
    const asked = parseScope(command.scope);
    const extent = readingExtent(() => {
      const foreign = asked.some((scope) => !own.includes(scope));
      if (foreign)
        throw new AuthorizationError(
          'invalid_scope',
          'a scope is not registered for this application itself',
        );
      return {
        scopes: scopesOf(client, asked.length > 0 ? asked : own),
        resources: resourcesOf(client, command.resource),
      };
    });
    return await issue.forMachine(caller.tenant, client, extent);
  }

  async function byDevice(
    caller: Caller,
    client: Client,
    command: ExchangeCommand,
  ): Promise<ApplicationTokenSet> {
    const { tenant } = caller;
    const parsed = parseChallengeToken(command.deviceCode);
    const device = parsed && (await store.devices.find(tenant.id, parsed.challengeId, parsed.digest));
    if (device?.clientId !== client.clientId) throw grantRefusal('device_code is unknown');
    if (device.expiresAt <= clock()) throw new DomainError('EXPIRED_TOKEN');
    if (device.status === 'denied') throw new DomainError('ACCESS_DENIED');
    if (device.status === 'used') throw grantRefusal('device_code was used before');
    if (!(await store.devices.poll(device, clock()))) throw new DomainError('SLOW_DOWN');
    if (device.status === 'pending' || device.grantId === undefined)
      throw new DomainError('AUTHORIZATION_PENDING');
    const known = await store.grants.find(tenant.id, device.grantId);
    if (known === undefined) throw ended();
    const extent = narrow(caller, client, known, { scope: '', resource: [] });
    const grant = await start(caller, client, known, async ({ devices }) => {
      if (!(await devices.use(tenant.id, device.id, clock())))
        throw grantRefusal('device_code was used before');
    });
    if (grant === undefined) throw ended();
    return await issue.forUser(tenant, client, grant, extent);
  }

  const ways: Readonly<
    Record<
      GrantType,
      (caller: Caller, client: Client, command: ExchangeCommand) => Promise<ApplicationTokenSet>
    >
  > = {
    [grantTypes.code]: byCode,
    [grantTypes.refresh]: byRefreshToken,
    [grantTypes.client]: byItself,
    [grantTypes.device]: byDevice,
  };

  return async function exchange(caller: Caller, command: ExchangeCommand): Promise<ApplicationTokenSet> {
    const client = await clients.authenticate(caller, command);
    const { grantType } = command;
    if (grantType === '') throw invalid({ field: 'grant_type', reason: 'FIELD_REQUIRED' });
    const wanted = Object.values(grantTypes).find((each) => each === grantType);
    if (wanted === undefined) throw new DomainError('UNSUPPORTED_GRANT_TYPE');
    if (!grantTypesOf(client.settings).includes(wanted))
      throw new DomainError('UNAUTHORIZED_CLIENT', {
        metadata: { detail: `this application has no grant ${wanted}` },
      });
    const missing = requiredFields[wanted].find((field) => command[field] === '');
    if (missing !== undefined) throw invalid({ field: fieldNames[missing], reason: 'FIELD_REQUIRED' });
    issue.admit(client);
    return await ways[wanted](caller, client, command);
  };
}

/** Refuses a grant whose user lacks a factor that the tenant demands meanwhile: a session would be valid for enrolling one alone (R18). */
function assertFactors({ tenant }: Caller, { kinds, amr }: LiveGrant): void {
  if (lacksRequired(tenant.policy, kinds, amr))
    throw grantRefusal('the tenant demands a second factor, which the user has not set up');
}

type RequiredField = 'code' | 'redirectUri' | 'refreshToken' | 'deviceCode';
const fieldNames: Readonly<Record<RequiredField, string>> = {
  code: 'code',
  redirectUri: 'redirect_uri',
  refreshToken: 'refresh_token',
  deviceCode: 'device_code',
};
const requiredFields: Readonly<Record<GrantType, readonly RequiredField[]>> = {
  [grantTypes.code]: ['code', 'redirectUri'],
  [grantTypes.refresh]: ['refreshToken'],
  [grantTypes.client]: [],
  [grantTypes.device]: ['deviceCode'],
};

/** PKCE (RFC 7636, section 4.6). A verifier without a challenge is refused as well (RFC 9700, section 4.8.2). */
function assertVerifier({ code: { codeChallenge } }: CodeGrant, verifier: string): void {
  if (codeChallenge === '') {
    if (verifier !== '') throw grantRefusal('code_verifier has no challenge in the authorization request');
    return;
  }
  const isRight =
    isCodeVerifier(verifier) && timingSafeEqual(sha256(codeChallengeOf(verifier)), sha256(codeChallenge));
  if (!isRight) throw grantRefusal('code_verifier does not match the challenge');
}

/** Reads the extent that an application asks for; a mistake in it is a failure of the call. */
export function readingExtent<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof AuthorizationError ? asFailure(error) : error;
  }
}
