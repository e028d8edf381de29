import type { AdminKey } from '../../domain/admin-key.ts';
import {
  type ApiKeyRow,
  formatApiKey,
  type KeyKind,
  scopes as knownScopes,
  type Scope,
} from '../../domain/api-key.ts';
import type { Operator } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { dayMs } from '../../domain/duration.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import { isUuid, sha256 } from '../../domain/token.ts';
import { record } from '../events/record.ts';
import { asActor, findTenant } from './operator.ts';

export type KeyAdminDeps = {
  readonly store: Store<'tenants' | 'adminKeys' | 'events'>;
  readonly clock: Clock;
  readonly random: Random;
};

/** A new key with its text, which is stored nowhere. */
export type MadeKey<K> = { readonly key: K; readonly text: string };

const defaultOverlapMs = dayMs;
const maxOverlapMs = 30 * dayMs;

function parseScopes(kind: KeyKind, scopes: readonly string[]): Scope[] {
  const wrong = scopes.some((scope) => !(knownScopes as readonly string[]).includes(scope));
  if (wrong || (kind === 'publishable' && scopes.length > 0)) {
    const description =
      kind === 'publishable' ? 'a publishable key has no scopes' : `must be of ${knownScopes.join(', ')}`;
    throw invalid({ field: 'scopes', reason: 'FIELD_INVALID', description });
  }
  return [...new Set(scopes as readonly Scope[])];
}

/** Makes, rotates and revokes the keys of tenants (R54). */
export function createKeyAdmin({ store, clock, random }: KeyAdminDeps) {
  const deps = { clock, random };

  /** Makes a key of a tenant, in the caller's transaction. */
  async function make(
    { tenants }: Pick<Repositories, 'tenants'>,
    tenantId: string,
    kind: KeyKind,
    scopes: readonly Scope[],
  ): Promise<MadeKey<ApiKeyRow>> {
    const createdAt = clock();
    const text = formatApiKey(kind, random.bytes(32));
    const key = { id: random.uuid(), tenantId, kind, scopes };
    await tenants.insertKey({ ...key, digest: sha256(text) }, createdAt);
    return { key: { ...key, createdAt, revokedAt: undefined }, text };
  }

  return {
    async create(
      operator: Operator,
      command: { readonly tenant: string; readonly kind: KeyKind; readonly scopes: readonly string[] },
    ): Promise<MadeKey<ApiKeyRow>> {
      const tenant = await findTenant(store, command.tenant);
      const scopes = parseScopes(command.kind, command.scopes);
      return await store.transaction(async (repositories) => {
        const made = await make(repositories, tenant.id, command.kind, scopes);
        const event = { type: 'key.created', details: { key: made.key.id } } as const;
        await record(repositories, deps, asActor(operator, tenant), event);
        return made;
      });
    },

    async list(reference: string): Promise<ApiKeyRow[]> {
      const { id } = await findTenant(store, reference);
      return await store.tenants.listKeys(id);
    },

    /** Makes a successor; the old key ends after the overlap, in which both are valid. */
    async rotate(
      operator: Operator,
      command: { readonly tenant: string; readonly keyId: string; readonly overlapMs: number | undefined },
    ): Promise<MadeKey<ApiKeyRow>> {
      const overlapMs = command.overlapMs ?? defaultOverlapMs;
      if (overlapMs < 0 || overlapMs > maxOverlapMs) {
        const description = 'must be 0 to 30 days';
        throw invalid({ field: 'overlap', reason: 'FIELD_INVALID', description });
      }
      const tenant = await findTenant(store, command.tenant);
      const old = (await store.tenants.listKeys(tenant.id)).find(({ id }) => id === command.keyId);
      if (old === undefined) throw new DomainError('NOT_FOUND');
      return await store.transaction(async (repositories) => {
        const end = new Date(clock().getTime() + overlapMs);
        if (!(await repositories.tenants.endKey(tenant.id, old.id, end)))
          throw new DomainError('KEY_ROTATED');
        const made = await make(repositories, tenant.id, old.kind, old.scopes);
        const event = { type: 'key.rotated', details: { key: old.id } } as const;
        await record(repositories, deps, asActor(operator, tenant), event);
        return made;
      });
    },

    async revoke(
      operator: Operator,
      command: { readonly tenant: string; readonly keyId: string },
    ): Promise<void> {
      const tenant = await findTenant(store, command.tenant);
      if (!isUuid(command.keyId)) throw new DomainError('NOT_FOUND');
      await store.transaction(async (repositories) => {
        if (!(await repositories.tenants.revokeKey(tenant.id, command.keyId, clock())))
          throw new DomainError('NOT_FOUND');
        const event = { type: 'key.revoked', details: { key: command.keyId } } as const;
        await record(repositories, deps, asActor(operator, tenant), event);
      });
    },
  };
}

/** Makes and revokes the keys of operators. */
export function createAdminKeyAdmin({ store, clock, random }: KeyAdminDeps) {
  const deps = { clock, random };
  return {
    async create(operator: Operator, command: { readonly name: string }): Promise<MadeKey<AdminKey>> {
      const name = command.name.trim();
      if (name === '') throw invalid({ field: 'name', reason: 'FIELD_REQUIRED' });
      if ([...name].length > 100) throw invalid({ field: 'name', reason: 'FIELD_TOO_LONG' });
      const text = formatApiKey('admin', random.bytes(32));
      const key = { id: random.uuid(), name, createdAt: clock(), revokedAt: undefined };
      await store.transaction(async (repositories) => {
        await repositories.adminKeys.insert({ ...key, digest: sha256(text) });
        const event = { type: 'operator_key.created', details: { key: key.id } } as const;
        await record(repositories, deps, asActor(operator), event);
      });
      return { key, text };
    },

    list: () => store.adminKeys.list(),

    async revoke(operator: Operator, keyId: string): Promise<void> {
      if (!isUuid(keyId)) throw new DomainError('NOT_FOUND');
      await store.transaction(async (repositories) => {
        if (!(await repositories.adminKeys.revoke(keyId, clock()))) throw new DomainError('NOT_FOUND');
        const event = { type: 'operator_key.revoked', details: { key: keyId } } as const;
        await record(repositories, deps, asActor(operator), event);
      });
    },
  };
}
