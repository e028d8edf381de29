import { and, eq, gt, isNull } from 'drizzle-orm';
import type { ChallengeRepository } from '../domain/ports.ts';
import type { Database } from './database.ts';
import { challenges } from './schema.ts';

export function createChallengeRepository(db: Database): ChallengeRepository {
  return {
    async put(challenge) {
      const { tenantId: _tenant, purpose: _purpose, slot: _slot, ...replaced } = challenge;
      await db
        .insert(challenges)
        .values(challenge)
        .onDuplicateKeyUpdate({ set: { ...replaced, consumedAt: null } });
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
            isNull(challenges.consumedAt),
            gt(challenges.expiresAt, now),
          ),
        );
      return row;
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
        .where(
          and(
            eq(challenges.tenantId, tenantId),
            eq(challenges.id, id),
            isNull(challenges.consumedAt),
            gt(challenges.expiresAt, now),
          ),
        );
      return result.affectedRows === 1;
    },
  };
}
