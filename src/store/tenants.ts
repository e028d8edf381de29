import { and, eq, isNull } from 'drizzle-orm';
import type { TenantRepository } from '../domain/repositories.ts';
import type { Tenant } from '../domain/tenant.ts';
import type { Database } from './database.ts';
import { apiKeys, tenants } from './schema.ts';

function toTenant({ createdAt: _, ...row }: typeof tenants.$inferSelect): Tenant {
  return row;
}

export function createTenantRepository(db: Database): TenantRepository {
  return {
    async findById(id) {
      const [row] = await db.select().from(tenants).where(eq(tenants.id, id));
      return row === undefined ? undefined : toTenant(row);
    },

    async findBySlug(slug) {
      const [row] = await db.select().from(tenants).where(eq(tenants.slug, slug));
      return row === undefined ? undefined : toTenant(row);
    },

    async findByKeyDigest(digest) {
      const [row] = await db
        .select()
        .from(apiKeys)
        .innerJoin(tenants, eq(tenants.id, apiKeys.tenantId))
        .where(and(eq(apiKeys.digest, digest), isNull(apiKeys.revokedAt), eq(tenants.status, 'active')));
      if (row === undefined) return undefined;
      const { id, tenantId, kind, scopes } = row.api_keys;
      return { tenant: toTenant(row.tenants), key: { id, tenantId, kind, scopes } };
    },

    async listOrigins() {
      const rows = await db
        .select({ policy: tenants.policy })
        .from(tenants)
        .where(eq(tenants.status, 'active'));
      return rows.flatMap(({ policy }) => policy.origins);
    },

    async insert(tenant, now) {
      await db.insert(tenants).values({ ...tenant, createdAt: now });
    },

    async updatePolicy(tenantId, policy) {
      await db.update(tenants).set({ policy }).where(eq(tenants.id, tenantId));
    },

    async insertKey(key, now) {
      await db.insert(apiKeys).values({ ...key, scopes: [...key.scopes], createdAt: now });
    },

    async revokeKeys(tenantId, now) {
      await db
        .update(apiKeys)
        .set({ revokedAt: now })
        .where(and(eq(apiKeys.tenantId, tenantId), isNull(apiKeys.revokedAt)));
    },
  };
}
