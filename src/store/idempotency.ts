import { and, eq, isNull, lte, or } from 'drizzle-orm';
import type { IdempotencyRepository } from '../domain/idempotency.ts';
import { DuplicateError } from '../domain/repositories.ts';
import type { Vault } from '../domain/vault.ts';
import type { Database } from './database.ts';
import { translateDriverError } from './driver-error.ts';
import { idempotency as table } from './tables/limits.ts';

/** Returns may hold what is shown once: they rest encrypted. */
const purpose = 'idempotency';

export function createIdempotencyRepository(db: Database, vault: Vault): IdempotencyRepository {
  const is = (tenantId: string, digest: Buffer) =>
    and(eq(table.tenantId, tenantId), eq(table.digest, digest));
  return {
    async claim(claim, now) {
      try {
        await db.insert(table).values(claim);
        return true;
      } catch (error) {
        if (!(translateDriverError(error) instanceof DuplicateError)) throw error;
      }
      const { tenantId, digest, ...fresh } = claim;
      const [taken] = await db
        .update(table)
        .set({ ...fresh, answer: null })
        .where(
          and(
            is(tenantId, digest),
            or(lte(table.expiresAt, now), and(isNull(table.answer), lte(table.leaseUntil, now))),
          ),
        );
      return taken.affectedRows === 1;
    },

    async find(tenantId, digest) {
      const [row] = await db.select().from(table).where(is(tenantId, digest));
      if (row === undefined) return undefined;
      const answer =
        row.answer === null ? undefined : vault.open(purpose, digest.toString('hex'), row.answer).toString();
      return { requestDigest: row.requestDigest, answer };
    },

    async complete({ tenantId, digest, leaseUntil }, answer) {
      const sealed = vault.seal(purpose, digest.toString('hex'), Buffer.from(answer));
      const [result] = await db
        .update(table)
        .set({ answer: sealed })
        .where(and(is(tenantId, digest), eq(table.leaseUntil, leaseUntil)));
      return result.affectedRows === 1;
    },

    async release({ tenantId, digest, leaseUntil }) {
      await db
        .delete(table)
        .where(and(is(tenantId, digest), eq(table.leaseUntil, leaseUntil), isNull(table.answer)));
    },
  };
}
