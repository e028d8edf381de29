import { and, asc, eq, gt, isNull, or } from 'drizzle-orm';
import type { AdminKey, AdminKeyRepository } from '../domain/admin-key.ts';
import type { Database } from './database.ts';
import { adminKeys as table } from './tables/keys.ts';

function toAdminKey({ digest: _, revokedAt, ...row }: typeof table.$inferSelect): AdminKey {
  return { ...row, revokedAt: revokedAt ?? undefined };
}

export function createAdminKeyRepository(db: Database): AdminKeyRepository {
  const isLive = (now: Date) => or(isNull(table.revokedAt), gt(table.revokedAt, now));
  return {
    async findLive(digest, now) {
      const [row] = await db
        .select()
        .from(table)
        .where(and(eq(table.digest, digest), isLive(now)));
      return row && toAdminKey(row);
    },

    async list() {
      return (await db.select().from(table).orderBy(asc(table.id))).map(toAdminKey);
    },

    async insert({ revokedAt, ...key }) {
      await db.insert(table).values({ ...key, revokedAt: revokedAt ?? null });
    },

    async revoke(id, now) {
      const [result] = await db
        .update(table)
        .set({ revokedAt: now })
        .where(and(eq(table.id, id), isLive(now)));
      return result.affectedRows === 1;
    },
  };
}
