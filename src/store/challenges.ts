import { and, eq, gt, isNull, lt, sql } from 'drizzle-orm';
import type { Challenge, ChallengeRepository } from '../domain/ports.ts';
import type { Database } from './database.ts';
import { challenges } from './schema.ts';

function toChallenge({
  data,
  attempts: _attempts,
  consumedAt: _consumed,
  ...row
}: typeof challenges.$inferSelect): Challenge {
  return { ...row, data: data ?? undefined };
}

export function createChallengeRepository(db: Database): ChallengeRepository {
  const isLive = (now: Date) => and(isNull(challenges.consumedAt), gt(challenges.expiresAt, now));
  return {
    async put(challenge) {
      const { tenantId: _tenant, purpose: _purpose, slot: _slot, ...replaced } = challenge;
      await db
        .insert(challenges)
        .values({ ...challenge, data: challenge.data ?? null })
        .onDuplicateKeyUpdate({
          set: { ...replaced, data: replaced.data ?? null, attempts: 0, consumedAt: null },
        });
    },

    async findLive(tenantId, id, purpose, digest, now) {
      const [row] = await db
        .select()
        .from(challenges)
        .where(
          and(
            eq(challenges.tenantId, tenantId),
            eq(challenges.id, id),
            eq(challenges.purpose, purpose),
            eq(challenges.digest, digest),
            isLive(now),
          ),
        );
      return row && toChallenge(row);
    },

    async findLiveByDigest(tenantId, purpose, digest, now) {
      const rows = await db
        .select()
        .from(challenges)
        .where(
          and(
            eq(challenges.tenantId, tenantId),
            eq(challenges.purpose, purpose),
            eq(challenges.digest, digest),
            isLive(now),
          ),
        );
      return rows.map(toChallenge);
    },

    async findById(tenantId, id, purpose, now) {
      const [row] = await db
        .select()
        .from(challenges)
        .where(
          and(
            eq(challenges.tenantId, tenantId),
            eq(challenges.id, id),
            eq(challenges.purpose, purpose),
            isLive(now),
          ),
        );
      return row && toChallenge(row);
    },

    async findInSlot(tenantId, purpose, slot, now) {
      const [row] = await db
        .select()
        .from(challenges)
        .where(
          and(
            eq(challenges.tenantId, tenantId),
            eq(challenges.purpose, purpose),
            eq(challenges.slot, slot),
            isLive(now),
          ),
        );
      return row && toChallenge(row);
    },

    async countAttempt(tenantId, id, max) {
      const [result] = await db
        .update(challenges)
        .set({ attempts: sql`${challenges.attempts} + 1` })
        .where(and(eq(challenges.tenantId, tenantId), eq(challenges.id, id), lt(challenges.attempts, max)));
      return result.affectedRows === 1;
    },

    async killAll(tenantId, userId, now) {
      await db
        .update(challenges)
        .set({ consumedAt: now })
        .where(
          and(
            eq(challenges.tenantId, tenantId),
            eq(challenges.userId, userId),
            isNull(challenges.consumedAt),
          ),
        );
    },

    async consume(tenantId, id, now) {
      const [result] = await db
        .update(challenges)
        .set({ consumedAt: now })
        .where(and(eq(challenges.tenantId, tenantId), eq(challenges.id, id), isLive(now)));
      return result.affectedRows === 1;
    },
  };
}
