import { and, eq } from 'drizzle-orm';
import type { ProofRepository } from '../domain/dpop.ts';
import type { Database } from './database.ts';
import { once, slot } from './prepared.ts';
import { spentProofs } from './tables/limits.ts';

export function createProofRepository(db: Database, prepared: Database): ProofRepository {
  const find = once(() =>
    prepared
      .select({ expiresAt: spentProofs.expiresAt })
      .from(spentProofs)
      .where(
        and(
          eq(spentProofs.tenantId, slot('tenantId', spentProofs.tenantId)),
          eq(spentProofs.digest, slot('digest', spentProofs.digest)),
        ),
      )
      .prepare(),
  );

  return {
    async spend(tenantId, { id, expiresAt }) {
      const digest = Buffer.from(id, 'base64url');
      const [result] = await db.insert(spentProofs).ignore().values({ tenantId, digest, expiresAt });
      return result.affectedRows === 1;
    },

    async isSpent(tenantId, id) {
      const digest = Buffer.from(id, 'base64url');
      return (await find().execute({ tenantId, digest })).length > 0;
    },
  };
}
