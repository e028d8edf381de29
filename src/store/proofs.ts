import { and, eq } from 'drizzle-orm';
import type { ProofRepository } from '../domain/dpop.ts';
import type { Database } from './database.ts';
import { spentProofs } from './tables/limits.ts';

export function createProofRepository(db: Database): ProofRepository {
  return {
    async spend(tenantId, { id, expiresAt }) {
      const digest = Buffer.from(id, 'base64url');
      const [result] = await db.insert(spentProofs).ignore().values({ tenantId, digest, expiresAt });
      return result.affectedRows === 1;
    },

    async isSpent(tenantId, id) {
      const digest = Buffer.from(id, 'base64url');
      const rows = await db
        .select({ expiresAt: spentProofs.expiresAt })
        .from(spentProofs)
        .where(and(eq(spentProofs.tenantId, tenantId), eq(spentProofs.digest, digest)));
      return rows.length > 0;
    },
  };
}
