import type { AdminKeyRepository } from '../../../src/domain/admin-key.ts';
import { noLimits } from '../../../src/domain/api-key.ts';
import { refusedPosition } from '../../../src/domain/event-log.ts';
import type { LeaseRepository } from '../../../src/domain/lease.ts';
import { DuplicateError } from '../../../src/domain/repositories.ts';
import type { RetentionRepository } from '../../../src/domain/retention.ts';
import type { KeyRepository } from '../../../src/domain/signing-key.ts';
import type { TenantRepository } from '../../../src/domain/tenant.ts';
import { uuidOfTime } from '../../../src/domain/token.ts';
import { byId, type Table } from './table.ts';
import type { Tables } from './tables.ts';

export function createLeases({ leases }: Tables): LeaseRepository {
  return {
    take: async (name, holder, now, until) =>
      leases.insert({ name, holder, until }) ||
      leases.update((each) => each.name === name && (each.holder === holder || each.until <= now), {
        holder,
        until,
      }) === 1,
  };
}

export function createTenants(tables: Tables): TenantRepository {
  const { tenants, keys, secrets } = tables;
  type KeyRow = NonNullable<ReturnType<typeof keys.find>>;
  const isLive = (now: Date) => (each: KeyRow) =>
    [each.revokedAt, each.expiresAt].every((end) => end === undefined || end > now);
  const toKey = ({ digest: _, ...key }: KeyRow) => key;
  const findById = async (id: string) => tenants.find((each) => each.id === id);
  return {
    findById,
    findBySlug: async (slug) => tenants.find((each) => each.slug === slug),
    async findByKeyDigest(digest, now) {
      const row = keys.find((each) => each.digest.equals(digest) && isLive(now)(each));
      const tenant = row && (await findById(row.tenantId));
      if (row === undefined || tenant?.status !== 'active') return undefined;
      const { id, tenantId, kind, scopes, limits, expiresAt } = row;
      const key = { id, tenantId, kind, scopes, ...(expiresAt && { expiresAt }) };
      if (limits === noLimits) return { tenant, key };
      const { clientId } = limits;
      const application = tables.applications.find(
        (each) => each.tenantId === tenantId && each.clientId === clientId,
      );
      if (clientId !== '' && application === undefined) return undefined;
      const origins = [...limits.origins, ...(application?.settings.origins ?? [])];
      return { tenant, key: { ...key, limits: { ...limits, origins } } };
    },
    // The memory store has one writer: no change comes from another instance.
    listChanged: async () => [],
    listOrigins: async () => [
      ...new Set(tenants.all(({ status }) => status === 'active').flatMap(({ policy }) => policy.origins)),
    ],
    list: async (afterSlug, limit) =>
      tenants
        .all(({ slug }) => slug > afterSlug)
        .sort((a, b) => (a.slug < b.slug ? -1 : 1))
        .slice(0, limit),
    findForUpdate: findById,
    async insert(tenant) {
      if (!tenants.insert(tenant)) throw new DuplicateError();
    },
    async update(tenantId, changes) {
      const { confined, deletedAt, ...rest } = changes;
      // Absent is free.
      const freed = tenants.find((each) => each.id === tenantId);
      if (freed === undefined) return;
      const { confined: former, deletedAt: deletion, ...known } = { ...freed, ...rest };
      const deleted = 'deletedAt' in changes ? deletedAt : deletion;
      tenants.delete((each) => each.id === tenantId);
      tenants.insert({
        ...known,
        ...((confined ?? former) && { confined: true }),
        ...(deleted && { deletedAt: deleted }),
      });
    },
    async purge(tenantId, limit) {
      const users = tables.users.delete((each) => each.tenantId === tenantId, limit);
      const { tenants: _, users: __, keys: ___, adminKeys: ____, ...rest } = tables;
      const rows = Object.values(rest).reduce(
        (sum, table) =>
          sum +
          (table as unknown as Table<{ tenantId?: string }>).delete(
            (each) => each.tenantId === tenantId,
            limit,
          ),
        0,
      );
      return { users, rows };
    },
    async delete(tenantId) {
      keys.delete((each) => each.tenantId === tenantId);
      tenants.delete((each) => each.id === tenantId);
    },
    async setSecret(tenantId, name, secret) {
      secrets.delete((each) => each.tenantId === tenantId && each.name === name);
      if (secret !== '') secrets.insert({ tenantId, name, secret });
    },
    findSecret: async (tenantId, name) =>
      secrets.find((each) => each.tenantId === tenantId && each.name === name)?.secret,
    async insertKey(key, now) {
      const { name = '', limits = noLimits, expiresAt } = key;
      const rest = { createdAt: now, lastUsedAt: undefined, revokedAt: undefined };
      if (!keys.insert({ ...key, name, limits, expiresAt, ...rest })) throw new DuplicateError();
    },
    listKeys: async (tenantId) =>
      keys
        .all((each) => each.tenantId === tenantId)
        .sort(byId)
        .map(toKey),
    listLiveKeys: async (keyIds, now) =>
      keys
        .all((each) => keyIds.includes(each.id) && isLive(now)(each))
        .filter(({ tenantId }) => tenants.find(({ id }) => id === tenantId)?.status === 'active')
        .map(({ id, scopes }) => ({ id, scopes })),
    endKey: async (tenantId, keyId, at) =>
      keys.update((each) => each.tenantId === tenantId && each.id === keyId && each.revokedAt === undefined, {
        revokedAt: at,
      }) === 1,
    revokeKey: async (tenantId, keyId, now) =>
      keys.update((each) => each.tenantId === tenantId && each.id === keyId && isLive(now)(each), {
        revokedAt: now,
      }) === 1,
    async noteUses(uses) {
      for (const { keyId, at } of uses) keys.update(({ id }) => id === keyId, { lastUsedAt: at });
    },
    async revokeKeys(tenantId, now) {
      keys.update((each) => each.tenantId === tenantId && isLive(now)(each), { revokedAt: now });
    },
  };
}

export function createKeys({ dataKeys, signingKeys, applicationKeys }: Tables): KeyRepository {
  return {
    listDataKeys: async () => dataKeys.all().sort(byId),
    resealDataKey: async (id, from, to) =>
      dataKeys.update((each) => each.id === id && each.sealed.equals(from), { sealed: to }) === 1,
    async insertDataKey(key) {
      dataKeys.insert(key);
    },
    listSigningKeys: async () => signingKeys.all().sort(byId),
    async insertSigningKey(key) {
      signingKeys.insert(key);
    },
    async deleteSigningKeys(ids) {
      signingKeys.delete(({ id }) => ids.includes(id));
    },
    listApplicationKeys: async () => applicationKeys.all().sort(byId),
    async insertApplicationKey(key) {
      applicationKeys.insert(key);
    },
    async deleteApplicationKeys(ids) {
      applicationKeys.delete(({ id }) => ids.includes(id));
    },
  };
}

export function createAdminKeys({ adminKeys }: Tables): AdminKeyRepository {
  type Row = NonNullable<ReturnType<typeof adminKeys.find>>;
  const isLive = (now: Date) => (each: Row) => each.revokedAt === undefined || each.revokedAt > now;
  const toKey = ({ digest: _, ...key }: Row) => key;
  return {
    async findLive(digest, now) {
      const row = adminKeys.find((each) => each.digest.equals(digest) && isLive(now)(each));
      return row && toKey(row);
    },
    list: async () => adminKeys.all().sort(byId).map(toKey),
    async insert(key) {
      adminKeys.insert(key);
    },
    revoke: async (id, now) =>
      adminKeys.update((each) => each.id === id && isLive(now)(each), { revokedAt: now }) === 1,
  };
}

export function createRetention(tables: Tables): RetentionRepository {
  return {
    async purge(what, tenantId, before, limit) {
      const of = <R extends { readonly tenantId: string }>(table: Table<R>, isOver: (row: R) => boolean) =>
        table.delete((row) => row.tenantId === tenantId && isOver(row), limit);
      switch (what) {
        case 'challenges':
          return of(tables.challenges, ({ expiresAt }) => expiresAt < before);
        case 'sessions':
          return of(tables.sessions, ({ expiresAt }) => expiresAt < before);
        case 'idempotency':
          return of(tables.idempotency, ({ expiresAt }) => expiresAt < before);
        case 'trustedDevices':
          return of(tables.trustedDevices, ({ expiresAt }) => expiresAt < before);
        case 'factorResets':
          return of(tables.factorResets, ({ expiresAt }) => expiresAt < before);
        case 'accountChanges':
          return of(tables.accountChanges, ({ expiresAt }) => expiresAt < before);
        case 'proofs':
          return of(tables.proofs, ({ expiresAt }) => expiresAt < before);
        case 'grants':
          return of(tables.grants, ({ expiresAt }) => expiresAt < before);
        case 'devices':
          return of(tables.devices, ({ expiresAt }) => expiresAt < before);
        case 'loginRequests':
          return of(tables.loginRequests, ({ expiresAt }) => expiresAt < before);
        case 'budgets':
          return of(tables.budgets, ({ uses }) => uses.every((use) => use < before));
        case 'attempts':
          return of(tables.attempts, ({ failures }) => failures === 0);
        case 'oldAttempts':
          return of(tables.attempts, ({ attemptedAt }) => attemptedAt < before);
        case 'smsBackoffs':
          return of(tables.backOffs, ({ nextAt }) => nextAt < before);
        case 'smsCounters':
          return of(tables.smsCounters, ({ hour }) => hour < before);
        case 'events':
          return of(
            tables.events,
            ({ id, position }) => id < uuidOfTime(before) && position === refusedPosition,
          );
        case 'outbox':
          return of(
            tables.outbox,
            ({ id, status }) =>
              id < uuidOfTime(before) && ['sent', 'dropped', 'dead', 'decoy'].includes(status),
          );
        case 'webhookDeliveries':
          return of(tables.webhookDeliveries, ({ id }) => id < uuidOfTime(before));
        case 'webhookAttempts':
          return of(tables.webhookAttempts, ({ id }) => id < uuidOfTime(before));
        case 'userJobs':
          return of(tables.userJobs, ({ state, createdAt }) => state !== 'running' && createdAt < before);
        case 'invitations':
          return of(tables.invitations, ({ expiresAt }) => expiresAt < before);
        case 'unproved':
          return of(
            tables.users,
            ({ id, confirmedAt, origin, createdAt }) =>
              confirmedAt === undefined &&
              origin === 'self' &&
              createdAt < before &&
              tables.challenges.find(({ userId, expiresAt }) => userId === id && expiresAt > before) ===
                undefined,
          );
      }
    },
  };
}
