import {
  and,
  eq,
  gt,
  gte,
  inArray,
  isNotNull,
  isNull,
  lt,
  lte,
  notInArray,
  or,
  type SQL,
  sql,
} from 'drizzle-orm';
import { type Challenge, type ChallengeRepository, reportPurposes } from '../domain/challenge.ts';
import type { Database } from './database.ts';
import { challenges } from './tables/challenges.ts';

function toChallenge({
  userId,
  data,
  channel,
  attempts: _attempts,
  consumedAt: _consumed,
  ...row
}: typeof challenges.$inferSelect): Challenge {
  return { ...row, userId: userId ?? '', channel: channel ?? undefined, data: data ?? undefined };
}

type Row = typeof challenges.$inferInsert;

function toRow({ userId, channel, data, ...challenge }: Challenge): Row {
  return { ...challenge, userId: userId || null, channel: channel ?? null, data: data ?? null };
}

/** What a new challenge sets in the row of the one before it in its slot. */
function replacing({ tenantId: _tenant, purpose: _purpose, slot: _slot, ...replaced }: Row) {
  return { ...replaced, attempts: 0, consumedAt: null };
}

/** The newest first: ids grow with time. */
function newestFirst(found: Challenge[]): Challenge[] {
  return found.sort((a, b) => (a.id < b.id ? 1 : -1));
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
    async put(challenge) {
      const row = toRow(challenge);
      await db
        .insert(challenges)
        .values(row)
        .onDuplicateKeyUpdate({ set: replacing(row) });
    },

    async putInFreeSlot(challenge, max, now) {
      const row = toRow(challenge);
      const isFree = or(
        isNotNull(challenges.consumedAt),
        lte(challenges.expiresAt, now),
        gte(challenges.attempts, max),
      );
      const [result] = await db
        .update(challenges)
        .set(replacing(row))
        .where(
          and(
            eq(challenges.tenantId, row.tenantId),
            eq(challenges.purpose, row.purpose),
            eq(challenges.slot, row.slot),
            isFree,
          ),
        );
      if (result.affectedRows === 0) await db.insert(challenges).values(row);
    },

    async replace(replacedId, challenge) {
      const row = toRow(challenge);
      const [result] = await db.update(challenges).set(replacing(row)).where(is(row.tenantId, replacedId));
      return result.affectedRows === 1;
    },

    listInSlots: async (tenantId, purpose, slots, max, now) =>
      newestFirst(
        await findLive(
          tenantId,
          purpose,
          now,
          inArray(challenges.slot, [...slots]),
          lt(challenges.attempts, max),
        ),
      ),

    async findById(tenantId, id, purpose, now) {
      const [found] = await findLive(tenantId, purpose, now, eq(challenges.id, id));
      return found;
    },

    async findInSlot(tenantId, purpose, slot, now) {
      const [found] = await findLive(tenantId, purpose, now, eq(challenges.slot, slot));
      return found;
    },

    async listLive(tenantId, userId, purpose, now) {
      return newestFirst(await findLive(tenantId, purpose, now, eq(challenges.userId, userId)));
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
      await db.delete(challenges).where(
        and(
          eq(challenges.tenantId, tenantId),
          eq(challenges.userId, userId),
          isNull(challenges.consumedAt),
          // They open nothing by themselves, and an intruder would be glad to be rid of them.
          notInArray(challenges.purpose, [...reportPurposes]),
        ),
      );
    },

    async listPending(tenantId, userId, purposes) {
      const rows = await db
        .select()
        .from(challenges)
        .where(
          and(
            eq(challenges.tenantId, tenantId),
            eq(challenges.userId, userId),
            isNull(challenges.consumedAt),
            inArray(challenges.purpose, [...purposes]),
          ),
        );
      return rows.map(toChallenge);
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
