import { and, eq, gt, isNull, lt, type SQL, sql } from 'drizzle-orm';
import type { Challenge, ChallengeRepository } from '../domain/challenge.ts';
import type { Database } from './database.ts';
import { challenges } from './tables/challenges.ts';

function toChallenge({
  data,
  channel,
  attempts: _attempts,
  consumedAt: _consumed,
  ...row
}: typeof challenges.$inferSelect): Challenge {
  return { ...row, channel: channel ?? undefined, data: data ?? undefined };
}

export function createChallengeRepository(db: Database): ChallengeRepository {
  const is = (tenantId: string, id: string) => and(eq(challenges.tenantId, tenantId), eq(challenges.id, id));
  const isLive = (now: Date) => and(isNull(challenges.consumedAt), gt(challenges.expiresAt, now));

  async function findLive(
    tenantId: string,
    purpose: Challenge['purpose'],
    now: Date,
    ...conditions: SQL[]
  ): Promise<Challenge[]> {
    const rows = await db
      .select()
      .from(challenges)
      .where(
        and(eq(challenges.tenantId, tenantId), eq(challenges.purpose, purpose), isLive(now), ...conditions),
      );
    return rows.map(toChallenge);
  }

  return {
    async put({ data = null, channel = null, ...challenge }) {
      const { tenantId: _tenant, purpose: _purpose, slot: _slot, ...replaced } = challenge;
      await db
        .insert(challenges)
        .values({ ...challenge, channel, data })
        .onDuplicateKeyUpdate({ set: { ...replaced, channel, data, attempts: 0, consumedAt: null } });
    },

    async findById(tenantId, id, purpose, now) {
      const [found] = await findLive(tenantId, purpose, now, eq(challenges.id, id));
      return found;
    },

    async findInSlot(tenantId, purpose, slot, now) {
      const [found] = await findLive(tenantId, purpose, now, eq(challenges.slot, slot));
      return found;
    },

    async listLive(tenantId, userId, purpose, now) {
      const found = await findLive(tenantId, purpose, now, eq(challenges.userId, userId));
      // Ids grow with time.
      return found.sort((a, b) => (a.id < b.id ? 1 : -1));
    },

    async findUnexpired(tenantId, purpose, { id, digest }, now) {
      const rows = await db
        .select()
        .from(challenges)
        .where(
          and(
            eq(challenges.tenantId, tenantId),
            eq(challenges.purpose, purpose),
            gt(challenges.expiresAt, now),
            eq(challenges.digest, digest),
            id === undefined ? undefined : eq(challenges.id, id),
          ),
        );
      return rows.map((row) => ({ ...toChallenge(row), isRedeemed: row.consumedAt !== null }));
    },

    async countAttempt(tenantId, id, max) {
      const [result] = await db
        .update(challenges)
        .set({ attempts: sql`${challenges.attempts} + 1` })
        .where(and(is(tenantId, id), lt(challenges.attempts, max)));
      return result.affectedRows === 1;
    },

    async invalidateAll(tenantId, userId) {
      // Redeemed ones stay: a repeated confirmation of theirs is answered as before.
      await db
        .delete(challenges)
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
        .where(and(is(tenantId, id), isLive(now)));
      return result.affectedRows === 1;
    },
  };
}
