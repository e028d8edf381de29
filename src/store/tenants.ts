import { and, asc, type Column, eq, gt, inArray, isNull, lt, or, type Param, sql } from 'drizzle-orm';
import { unionAll } from 'drizzle-orm/mysql-core';
import { type ApiKeyRow, type KeyLimits, noLimits } from '../domain/api-key.ts';
import type { TenantPolicy } from '../domain/policy.ts';
import { withDefaults } from '../domain/settings.ts';
import type { Tenant, TenantRepository } from '../domain/tenant.ts';
import { defaultPolicy } from '../domain/tenant-policy.ts';
import type { Vault } from '../domain/vault.ts';
import type { Database } from './database.ts';
import { once, slot } from './prepared.ts';
import { applicationSecrets, applications } from './tables/applications.ts';
import { consents } from './tables/federation.ts';
import { tenantTables } from './tables/tenant-tables.ts';
import { apiKeys, tenantSecrets, tenants } from './tables/tenants.ts';
import { users } from './tables/users.ts';

/** The defaults of fields that are newer than a stored policy; it always has pages. */
/** An upgrade opens no new way to sign in at tenants that have not chosen it. */
const fresh = defaultPolicy('', '');
const defaults = {
  ...fresh,
  codeSignIn: { enabled: false, createAccounts: false },
  passkeys: { ...fresh.passkeys, mode: 'off' as const },
};

function toTenant({ confined, deletedAt, changedAt: _, ...row }: typeof tenants.$inferSelect): Tenant {
  const policy = withDefaults(row.policy, defaults) as TenantPolicy;
  return { ...row, policy, ...(confined && { confined }), ...(deletedAt && { deletedAt }) };
}

function toKey({ digest: _, changedAt: __, ...row }: typeof apiKeys.$inferSelect): ApiKeyRow {
  return {
    ...row,
    limits: row.limits ?? noLimits,
    expiresAt: row.expiresAt ?? undefined,
    lastUsedAt: row.lastUsedAt ?? undefined,
    revokedAt: row.revokedAt ?? undefined,
  };
}

/** A secret opens for its own tenant and name alone. */
const secretPurpose = 'tenant-secret';

export function createTenantRepository(db: Database, prepared: Database, vault: Vault): TenantRepository {
  const isLive = (now: Date | Param) =>
    and(
      or(isNull(apiKeys.revokedAt), gt(apiKeys.revokedAt, now)),
      or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, now)),
    );
  const isKey = (tenantId: string, id: string) => and(eq(apiKeys.tenantId, tenantId), eq(apiKeys.id, id));

  /** The origins that a key is good in, with those of its application; undefined: that one is gone, and the key with it. */
  async function originsOf(tenantId: string, { clientId, origins }: KeyLimits) {
    if (clientId === '') return origins;
    const [row] = await db
      .select({ settings: applications.settings })
      .from(applications)
      .where(and(eq(applications.tenantId, tenantId), eq(applications.clientId, clientId)));
    return row && [...origins, ...row.settings.origins];
  }

  // Calls read their tenant by these.
  const bySlug = once(() =>
    prepared
      .select()
      .from(tenants)
      .where(eq(tenants.slug, slot('slug', tenants.slug)))
      .prepare(),
  );
  const byKeyDigest = once(() =>
    prepared
      .select()
      .from(apiKeys)
      .innerJoin(tenants, eq(tenants.id, apiKeys.tenantId))
      .where(
        and(
          eq(apiKeys.digest, slot('digest', apiKeys.digest)),
          isLive(slot('now', apiKeys.expiresAt)),
          eq(tenants.status, 'active'),
        ),
      )
      .prepare(),
  );

  return {
    async findById(id) {
      const [row] = await db.select().from(tenants).where(eq(tenants.id, id));
      return row && toTenant(row);
    },

    async findBySlug(slug) {
      const [row] = await bySlug().execute({ slug });
      return row && toTenant(row);
    },

    async findByKeyDigest(digest, now) {
      const [row] = await byKeyDigest().execute({ digest, now });
      if (row === undefined) return undefined;
      const { id, tenantId, kind, scopes, limits, expiresAt, revokedAt } = row.api_keys;
      // A rotated key ends when its overlap does.
      const [end] = [expiresAt, revokedAt]
        .filter((at) => at !== null)
        .sort((a, b) => a.getTime() - b.getTime());
      const key = { id, tenantId, kind, scopes, ...(end && { expiresAt: end }) };
      const tenant = toTenant(row.tenants);
      if (limits === null) return { tenant, key };
      const origins = await originsOf(tenantId, limits);
      return origins && { tenant, key: { ...key, limits: { ...limits, origins } } };
    },

    async listChanged(windowS, limit) {
      const isRecent = (changedAt: Column) =>
        gt(changedAt, sql`CURRENT_TIMESTAMP(3) - INTERVAL ${windowS} SECOND`);
      const rows = await unionAll(
        db.select({ id: tenants.id }).from(tenants).where(isRecent(tenants.changedAt)),
        db.select({ id: apiKeys.tenantId }).from(apiKeys).where(isRecent(apiKeys.changedAt)),
        db.select({ id: applications.tenantId }).from(applications).where(isRecent(applications.changedAt)),
        db
          .select({ id: applicationSecrets.tenantId })
          .from(applicationSecrets)
          .where(isRecent(applicationSecrets.changedAt)),
      ).limit(limit);
      return rows.map(({ id }) => id);
    },

    async listOrigins() {
      const rows = await db
        .select({ policy: tenants.policy })
        .from(tenants)
        .where(eq(tenants.status, 'active'));
      return rows.flatMap(({ policy }) => policy.origins);
    },

    async list(afterSlug, limit) {
      const rows = await db
        .select()
        .from(tenants)
        .where(gt(tenants.slug, afterSlug))
        .orderBy(asc(tenants.slug))
        .limit(limit);
      return rows.map(toTenant);
    },

    async findForUpdate(id) {
      const [row] = await db.select().from(tenants).where(eq(tenants.id, id)).for('update');
      return row && toTenant(row);
    },

    async insert(tenant) {
      await db.insert(tenants).values(tenant);
    },

    async update(tenantId, changes) {
      const { deletedAt, ...rest } = changes;
      const set = { ...rest, ...('deletedAt' in changes && { deletedAt: deletedAt ?? null }) };
      await db.update(tenants).set(set).where(eq(tenants.id, tenantId));
    },

    async purge(tenantId, limit) {
      const [deleted] = await db.delete(users).where(eq(users.tenantId, tenantId)).limit(limit);
      const [consented] = await db
        .delete(consents)
        .where(eq(consents.consentedTenantId, tenantId))
        .limit(limit);
      let rows = consented.affectedRows;
      for (const table of tenantTables) {
        const [result] = await db.delete(table).where(eq(table.tenantId, tenantId)).limit(limit);
        rows += result.affectedRows;
      }
      return { users: deleted.affectedRows, rows };
    },

    async delete(tenantId) {
      await db.delete(apiKeys).where(eq(apiKeys.tenantId, tenantId));
      await db.delete(tenants).where(eq(tenants.id, tenantId));
    },

    async setSecret(tenantId, name, secret) {
      if (secret === '') {
        await db
          .delete(tenantSecrets)
          .where(and(eq(tenantSecrets.tenantId, tenantId), eq(tenantSecrets.name, name)));
        return;
      }
      const sealed = vault.seal(secretPurpose, `${tenantId} ${name}`, Buffer.from(secret));
      await db
        .insert(tenantSecrets)
        .values({ tenantId, name, sealed })
        .onDuplicateKeyUpdate({ set: { sealed } });
    },

    async findSecret(tenantId, name) {
      const [row] = await db
        .select({ sealed: tenantSecrets.sealed })
        .from(tenantSecrets)
        .where(and(eq(tenantSecrets.tenantId, tenantId), eq(tenantSecrets.name, name)));
      return row && vault.open(secretPurpose, `${tenantId} ${name}`, row.sealed).toString();
    },

    async insertKey(key, now) {
      await db.insert(apiKeys).values({ ...key, scopes: [...key.scopes], createdAt: now });
    },

    async listKeys(tenantId) {
      const rows = await db
        .select()
        .from(apiKeys)
        .where(eq(apiKeys.tenantId, tenantId))
        .orderBy(asc(apiKeys.id));
      return rows.map(toKey);
    },

    listLiveKeys: async (keyIds, now) =>
      await db
        .select({ id: apiKeys.id, scopes: apiKeys.scopes })
        .from(apiKeys)
        .innerJoin(tenants, eq(tenants.id, apiKeys.tenantId))
        .where(and(inArray(apiKeys.id, [...keyIds]), isLive(now), eq(tenants.status, 'active'))),

    async endKey(tenantId, keyId, at) {
      const [result] = await db
        .update(apiKeys)
        .set({ revokedAt: at })
        .where(and(isKey(tenantId, keyId), isNull(apiKeys.revokedAt)));
      return result.affectedRows === 1;
    },

    async revokeKey(tenantId, keyId, now) {
      const [result] = await db
        .update(apiKeys)
        .set({ revokedAt: now })
        .where(and(isKey(tenantId, keyId), isLive(now)));
      return result.affectedRows === 1;
    },

    async noteUses(uses) {
      for (const { keyId, at } of uses)
        await db
          .update(apiKeys)
          // That is no change to those who call with it.
          .set({ lastUsedAt: at, changedAt: sql`${apiKeys.changedAt}` })
          .where(and(eq(apiKeys.id, keyId), or(isNull(apiKeys.lastUsedAt), lt(apiKeys.lastUsedAt, at))));
    },

    async revokeKeys(tenantId, now) {
      await db
        .update(apiKeys)
        .set({ revokedAt: now })
        .where(and(eq(apiKeys.tenantId, tenantId), isLive(now)));
    },
  };
}
