import { and, eq } from 'drizzle-orm';
import type { TermsRepository } from '../domain/terms.ts';
import type { Database } from './database.ts';
import { termsAcceptances as table } from './tables/federation.ts';

export function createTermsRepository(db: Database): TermsRepository {
  const ofUser = (tenantId: string, userId: string) =>
    and(eq(table.tenantId, tenantId), eq(table.userId, userId));
  return {
    async accept(tenantId, userId, version, acceptedAt) {
      await db
        .insert(table)
        .values({ tenantId, userId, version, acceptedAt })
        .onDuplicateKeyUpdate({ set: { version } });
    },

    async findAcceptance(tenantId, userId, version) {
      const [row] = await db
        .select({ acceptedAt: table.acceptedAt })
        .from(table)
        .where(and(ofUser(tenantId, userId), eq(table.version, version)));
      return row?.acceptedAt;
    },

    async forget(tenantId, userId) {
      await db.delete(table).where(ofUser(tenantId, userId));
    },
  };
}
