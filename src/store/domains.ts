import { and, asc, eq } from 'drizzle-orm';
import type { DomainProof, DomainRepository } from '../domain/domain-proof.ts';
import type { Database } from './database.ts';
import { domains } from './tables/tenants.ts';

function toProof(row: typeof domains.$inferSelect): DomainProof {
  return { ...row, verifiedAt: row.verifiedAt ?? undefined };
}

export function createDomainRepository(db: Database): DomainRepository {
  const is = (tenantId: string, name: string) => and(eq(domains.tenantId, tenantId), eq(domains.name, name));
  return {
    async list(tenantId) {
      const rows = await db
        .select()
        .from(domains)
        .where(eq(domains.tenantId, tenantId))
        .orderBy(asc(domains.name));
      return rows.map(toProof);
    },

    async find(tenantId, name) {
      const [row] = await db.select().from(domains).where(is(tenantId, name));
      return row && toProof(row);
    },

    async insert(proof) {
      await db.insert(domains).values(proof);
    },

    async verify(tenantId, name, at) {
      await db.update(domains).set({ verifiedAt: at }).where(is(tenantId, name));
    },

    async delete(tenantId, name) {
      const [result] = await db.delete(domains).where(is(tenantId, name));
      return result.affectedRows === 1;
    },
  };
}
