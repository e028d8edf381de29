import {
  type ApiKeyRow,
  formatApiKey,
  type KeyKind,
  type KeyLimits,
  scopes as knownScopes,
  noLimits,
  type Scope,
} from '../../domain/api-key.ts';
import type { Manager } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { createViolations, DomainError, invalid } from '../../domain/errors.ts';
import { isNetwork } from '../../domain/network.ts';
import { parseOverlap } from '../../domain/overlap.ts';
import type { Random } from '../../domain/random.ts';
import { isRegistrableOrigin } from '../../domain/registered-url.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { sha256 } from '../../domain/token.ts';
import { record } from '../events/record.ts';
import { asActor, findTenant } from './manager.ts';

export type KeyAdminDeps = {
  readonly store: Store<'tenants' | 'applications' | 'events'>;
  readonly clock: Clock;
  readonly random: Random;
};

/** A new key with its text, which is stored nowhere. */
export type MadeKey<K> = { readonly key: K; readonly text: string };

export type CreateKeyCommand = {
  readonly tenant: string;
  readonly kind: KeyKind;
  readonly scopes: readonly string[];
  readonly name?: string;
  readonly limits?: KeyLimits;
  readonly expiresAt?: Date | undefined;
};

/** The most live keys of a tenant. */
const maxKeys = 100;
const maxNameLength = 100;
const maxEntries = 20;

function parseScopes(kind: KeyKind, scopes: readonly string[]): Scope[] {
  const wrong = scopes.some((scope) => !(knownScopes as readonly string[]).includes(scope));
  if (wrong || (kind === 'publishable' && scopes.length > 0)) {
    const description =
      kind === 'publishable' ? 'a publishable key has no scopes' : `must be of ${knownScopes.join(', ')}`;
    throw invalid({ field: 'scopes', reason: 'FIELD_INVALID', description });
  }
  return [...new Set(scopes as readonly Scope[])];
}

/** Checks where a key is to be good; throws REQUEST_INVALID. */
function parseLimits(kind: KeyKind, { origins, clientId, networks }: KeyLimits): KeyLimits {
  const violations = createViolations();
  const areOrigins = origins.length <= maxEntries && origins.every(isRegistrableOrigin);
  if (!areOrigins || (kind === 'secret' && origins.length > 0)) violations.add('origins', 'FIELD_INVALID');
  if (kind === 'secret' && clientId !== '') violations.add('client_id', 'FIELD_INVALID');
  const areNetworks = networks.length <= maxEntries && networks.every(isNetwork);
  if (!areNetworks || (kind === 'publishable' && networks.length > 0))
    violations.add('networks', 'FIELD_INVALID');
  violations.throwIfAny();
  return { origins, clientId, networks };
}

const isOver = ({ expiresAt }: ApiKeyRow, now: Date) => expiresAt !== undefined && expiresAt <= now;

type Granted = Pick<ApiKeyRow, 'scopes' | 'limits' | 'expiresAt'>;

/** Refuses to give a key what its giver does not have: scopes, a longer life, other networks. */
function assertGrantable(
  { grantable, key: giver }: Manager,
  { scopes, limits, expiresAt }: Granted,
  kind: KeyKind,
): void {
  const refuse = (grant: string) => new DomainError('GRANT_EXCEEDED', { metadata: { grant } });
  const lacking = scopes.find((scope) => grantable !== undefined && !grantable.includes(scope));
  if (lacking !== undefined) throw refuse(lacking);
  const end = giver?.expiresAt;
  if (end !== undefined && (expiresAt === undefined || expiresAt > end)) throw refuse('expire_time');
  const own = giver?.limits?.networks ?? [];
  const isWithin = limits.networks.length > 0 && limits.networks.every((network) => own.includes(network));
  if (kind === 'secret' && own.length > 0 && !isWithin) throw refuse('networks');
}

/** Taking a key away gives no life and no network to anyone. */
const withoutKey = ({ key: _, ...manager }: Manager): Manager => manager;

/** Throws KEY_LIMIT where a tenant has as many live keys as it may. */
function assertRoom(keys: readonly ApiKeyRow[], now: Date): void {
  const isEnded = ({ revokedAt, expiresAt }: ApiKeyRow) =>
    [revokedAt, expiresAt].some((end) => end !== undefined && end <= now);
  if (keys.filter((key) => !isEnded(key)).length >= maxKeys)
    throw new DomainError('KEY_LIMIT', { metadata: { most: String(maxKeys) } });
}

type WantedKey = Pick<ApiKeyRow, 'tenantId' | 'kind' | 'scopes'> &
  Partial<Pick<ApiKeyRow, 'name' | 'limits' | 'expiresAt'>>;

/** Makes a key of a tenant, in the caller's transaction. */
export async function makeKey(
  { tenants }: Pick<Repositories, 'tenants'>,
  { clock, random }: Pick<KeyAdminDeps, 'clock' | 'random'>,
  { tenantId, kind, scopes, name = '', limits = noLimits, expiresAt }: WantedKey,
): Promise<MadeKey<ApiKeyRow>> {
  const createdAt = clock();
  const text = formatApiKey(kind, random.bytes(32));
  const key = { id: random.uuid(), tenantId, kind, scopes, name, limits, expiresAt };
  await tenants.insertKey({ ...key, digest: sha256(text) }, createdAt);
  return { key: { ...key, createdAt, lastUsedAt: undefined, revokedAt: undefined }, text };
}

/** Makes, rotates and revokes the keys of tenants (R54). */
export function createKeyAdmin({ store, clock, random }: KeyAdminDeps) {
  const deps = { clock, random };

  async function parse(tenant: Tenant, command: CreateKeyCommand) {
    const { kind, name = '', expiresAt } = command;
    const scopes = parseScopes(kind, command.scopes);
    const limits = parseLimits(kind, command.limits ?? noLimits);
    if ([...name].length > maxNameLength || /[\p{Cc}<>]/u.test(name))
      throw invalid({ field: 'name', reason: 'NAME_INVALID' });
    if (expiresAt !== undefined && expiresAt <= clock())
      throw invalid({ field: 'expire_time', reason: 'FIELD_INVALID', description: 'must be in the future' });
    const { clientId } = limits;
    if (clientId !== '' && (await store.applications.find(tenant.id, clientId)) === undefined)
      throw invalid({ field: 'client_id', reason: 'FIELD_INVALID', description: 'is no application' });
    return { tenantId: tenant.id, kind, scopes, name: name.trim(), limits, expiresAt };
  }

  return {
    async create(manager: Manager, command: CreateKeyCommand): Promise<MadeKey<ApiKeyRow>> {
      const tenant = await findTenant(store, command.tenant);
      const wanted = await parse(tenant, command);
      assertGrantable(manager, wanted, wanted.kind);
      return await store.transaction(async (repositories) => {
        const { tenants } = repositories;
        await tenants.findForUpdate(tenant.id);
        assertRoom(await tenants.listKeys(tenant.id), clock());
        const made = await makeKey(repositories, deps, wanted);
        const event = { type: 'key.created', details: { key: made.key.id } } as const;
        await record(repositories, deps, asActor(manager, tenant), event);
        return made;
      });
    },

    async list(reference: string): Promise<ApiKeyRow[]> {
      const { id } = await findTenant(store, reference);
      return await store.tenants.listKeys(id);
    },

    /** Makes a successor; the old key ends after the overlap, in which both are valid. */
    async rotate(
      manager: Manager,
      command: { readonly tenant: string; readonly keyId: string; readonly overlapMs: number | undefined },
    ): Promise<MadeKey<ApiKeyRow>> {
      const overlapMs = parseOverlap(command.overlapMs);
      const tenant = await findTenant(store, command.tenant);
      const old = (await store.tenants.listKeys(tenant.id)).find(({ id }) => id === command.keyId);
      if (old === undefined) throw new DomainError('NOT_FOUND');
      assertGrantable(manager, old, old.kind);
      return await store.transaction(async (repositories) => {
        await repositories.tenants.findForUpdate(tenant.id);
        assertRoom(await repositories.tenants.listKeys(tenant.id), clock());
        const end = new Date(clock().getTime() + overlapMs);
        if (!(await repositories.tenants.endKey(tenant.id, old.id, end)))
          throw new DomainError('KEY_ROTATED');
        // A successor has the same expiry, so an expired key has none.
        if (isOver(old, clock())) throw new DomainError('NOT_FOUND');
        const made = await makeKey(repositories, deps, old);
        const event = { type: 'key.rotated', details: { key: old.id } } as const;
        await record(repositories, deps, asActor(manager, tenant), event);
        return made;
      });
    },

    async revoke(
      manager: Manager,
      command: { readonly tenant: string; readonly keyId: string },
    ): Promise<void> {
      const tenant = await findTenant(store, command.tenant);
      const old = (await store.tenants.listKeys(tenant.id)).find(({ id }) => id === command.keyId);
      if (old === undefined) throw new DomainError('NOT_FOUND');
      // A key takes no stronger one away; its own it may.
      if (old.id !== manager.keyId) assertGrantable(withoutKey(manager), old, old.kind);
      await store.transaction(async (repositories) => {
        if (!(await repositories.tenants.revokeKey(tenant.id, command.keyId, clock())))
          throw new DomainError('NOT_FOUND');
        const event = { type: 'key.revoked', details: { key: command.keyId } } as const;
        await record(repositories, deps, asActor(manager, tenant), event);
      });
    },
  };
}
