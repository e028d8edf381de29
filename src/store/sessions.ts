import { and, desc, eq, exists, gt, isNotNull, isNull, lt, ne, type Param, sql } from 'drizzle-orm';
import type { SessionRow } from '../domain/model.ts';
import type { SessionRepository } from '../domain/repositories.ts';
import type { Database } from './database.ts';
import { once, slot, slotsOf } from './prepared.ts';
import { identifiers, sessions, smsFactors, totpFactors, users } from './schema.ts';

function toSession({ address, userAgent, revokedAt: _, ...row }: typeof sessions.$inferSelect): SessionRow {
  return { ...row, client: { address, userAgent } };
}

export function createSessionRepository(db: Database): SessionRepository {
  const is = (tenantId: string | Param, id: string | Param) =>
    and(eq(sessions.tenantId, tenantId), eq(sessions.id, id));
  const ofUser = (tenantId: string, userId: string) =>
    and(eq(sessions.tenantId, tenantId), eq(sessions.userId, userId));
  const isLive = (now: Date | Param) =>
    and(isNull(sessions.revokedAt), gt(sessions.expiresAt, now), gt(sessions.idleExpiresAt, now));
  const given = {
    session: is(slot('tenantId', sessions.tenantId), slot('id', sessions.id)),
    isLive: isLive(slot('now', sessions.expiresAt)),
  };

  const insert = once(() => db.insert(sessions).values(slotsOf(sessions)).prepare());

  const findLive = once(() => {
    const confirmed = db
      .select({ userId: identifiers.userId })
      .from(identifiers)
      .where(
        and(
          eq(identifiers.tenantId, users.tenantId),
          eq(identifiers.userId, users.id),
          isNotNull(identifiers.confirmedAt),
        ),
      );
    return db
      .select({ session: sessions, totp: totpFactors.confirmedAt, sms: smsFactors.confirmedAt })
      .from(sessions)
      .innerJoin(users, and(eq(users.tenantId, sessions.tenantId), eq(users.id, sessions.userId)))
      .leftJoin(totpFactors, and(eq(totpFactors.tenantId, users.tenantId), eq(totpFactors.userId, users.id)))
      .leftJoin(smsFactors, and(eq(smsFactors.tenantId, users.tenantId), eq(smsFactors.userId, users.id)))
      .where(and(given.session, given.isLive, eq(users.status, 'active'), exists(confirmed)))
      .prepare();
  });

  const rotate = once(() =>
    db
      .update(sessions)
      .set({
        refreshCounter: sql`${sql.placeholder('next')}`,
        level: sql`${slot('level', sessions.level)}`,
        refreshedAt: sql`${slot('refreshedAt', sessions.refreshedAt)}`,
        idleExpiresAt: sql`${slot('idleExpiresAt', sessions.idleExpiresAt)}`,
        address: sql`${slot('address', sessions.address)}`,
      })
      .where(
        and(
          given.session,
          eq(sessions.refreshCounter, slot('counter', sessions.refreshCounter)),
          isNull(sessions.revokedAt),
        ),
      )
      .prepare(),
  );

  return {
    async insert({ client, ...session }) {
      const { address, userAgent } = client;
      await insert().execute({ ...session, address, userAgent, revokedAt: null });
    },

    async findLive(tenantId, id, now) {
      const [row] = await findLive().execute({ tenantId, id, now });
      if (row === undefined) return undefined;
      const hasSecondFactor = row.totp !== null || row.sms !== null;
      // A sign-in that began before the factor was there may end after: it is no session.
      if (hasSecondFactor && !row.session.amr.includes('mfa')) return undefined;
      return { ...toSession(row.session), hasSecondFactor };
    },

    async listLive(tenantId, userId, now) {
      const rows = await db
        .select()
        .from(sessions)
        .where(and(ofUser(tenantId, userId), isLive(now)))
        .orderBy(desc(sessions.id));
      return rows.map(toSession);
    },

    async rotate({ tenantId, id, refreshCounter: counter }, { client, ...changes }) {
      const { address } = client;
      const [result] = await rotate().execute({
        ...changes,
        tenantId,
        id,
        counter,
        next: counter + 1,
        address,
      });
      return result.affectedRows === 1;
    },

    async raise(tenantId, id, method, now) {
      const [row] = await db.select({ amr: sessions.amr }).from(sessions).where(is(tenantId, id));
      const amr = [...new Set([...(row?.amr ?? []), method, 'mfa' as const])];
      await db.update(sessions).set({ level: 'signed-in', amr, authTime: now }).where(is(tenantId, id));
    },

    async updateAuthTime(tenantId, id, authTime) {
      await db.update(sessions).set({ authTime }).where(is(tenantId, id));
    },

    async revoke(tenantId, userId, id, now) {
      const [result] = await db
        .update(sessions)
        .set({ revokedAt: now })
        .where(and(is(tenantId, id), eq(sessions.userId, userId), isLive(now)));
      return result.affectedRows === 1;
    },

    async revokeOthers(tenantId, userId, keptId, now) {
      const [result] = await db
        .update(sessions)
        .set({ revokedAt: now })
        .where(
          and(
            ofUser(tenantId, userId),
            isLive(now),
            keptId === undefined ? undefined : ne(sessions.id, keptId),
          ),
        );
      return result.affectedRows;
    },

    async revokeBeyond(tenantId, userId, kept, now) {
      const [oldestKept] = await db
        .select({ id: sessions.id })
        .from(sessions)
        .where(and(ofUser(tenantId, userId), isLive(now)))
        .orderBy(desc(sessions.id))
        .offset(kept - 1)
        .limit(1);
      if (oldestKept === undefined) return;
      // Ids grow with time: a session that begins meanwhile is not among the older ones.
      await db
        .update(sessions)
        .set({ revokedAt: now })
        .where(and(ofUser(tenantId, userId), isLive(now), lt(sessions.id, oldestKept.id)));
    },
  };
}
