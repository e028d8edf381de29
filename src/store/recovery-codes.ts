import { and, count, eq } from 'drizzle-orm';
import type { RecoveryCodeRepository } from '../domain/recovery-code.ts';
import type { Database } from './database.ts';
import { foreignRecoveryCodes, recoveryCodes } from './tables/authenticators.ts';

export function createRecoveryCodeRepository(db: Database): RecoveryCodeRepository {
  const ofUser = (
    table: typeof recoveryCodes | typeof foreignRecoveryCodes,
    tenantId: string,
    userId: string,
  ) => and(eq(table.tenantId, tenantId), eq(table.userId, userId));

  async function countIn(
    table: typeof recoveryCodes | typeof foreignRecoveryCodes,
    tenantId: string,
    userId: string,
  ): Promise<number> {
    const [row] = await db
      .select({ left: count() })
      .from(table)
      .where(ofUser(table, tenantId, userId));
    return row?.left ?? 0;
  }

  return {
    async count(tenantId, userId) {
      const own = await countIn(recoveryCodes, tenantId, userId);
      return own + (await countIn(foreignRecoveryCodes, tenantId, userId));
    },

    async replace(tenantId, userId, digests) {
      await db.delete(recoveryCodes).where(ofUser(recoveryCodes, tenantId, userId));
      await db.delete(foreignRecoveryCodes).where(ofUser(foreignRecoveryCodes, tenantId, userId));
      if (digests.length > 0)
        await db.insert(recoveryCodes).values(digests.map((digest) => ({ tenantId, userId, digest })));
    },

    async use(tenantId, userId, digest) {
      const [result] = await db
        .delete(recoveryCodes)
        .where(and(ofUser(recoveryCodes, tenantId, userId), eq(recoveryCodes.digest, digest)));
      return result.affectedRows === 1;
    },

    async listForeign(tenantId, userId) {
      const rows = await db
        .select({ hash: foreignRecoveryCodes.hash })
        .from(foreignRecoveryCodes)
        .where(ofUser(foreignRecoveryCodes, tenantId, userId));
      return rows.map(({ hash }) => hash);
    },

    async insertForeign(tenantId, userId, hashes) {
      if (hashes.length > 0)
        await db.insert(foreignRecoveryCodes).values(hashes.map((hash) => ({ tenantId, userId, hash })));
    },

    async useForeign(tenantId, userId, hash) {
      const [result] = await db
        .delete(foreignRecoveryCodes)
        .where(and(ofUser(foreignRecoveryCodes, tenantId, userId), eq(foreignRecoveryCodes.hash, hash)));
      return result.affectedRows === 1;
    },
  };
}
