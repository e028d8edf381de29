import { and, desc, eq, gt, isNotNull, isNull, ne, or, type Param, type SQL, sql } from 'drizzle-orm';
import type { Grant, GrantCode, GrantRepository } from '../domain/grant.ts';
import { sha256 } from '../domain/token.ts';
import type { Vault } from '../domain/vault.ts';
import { enrolledColumns, toKinds } from './authenticators.ts';
import type { Database } from './database.ts';
import { once, slot } from './prepared.ts';
import { applicationConsents as consents, applicationGrants as table } from './tables/applications.ts';
import { sessions } from './tables/sessions.ts';
import { users } from './tables/users.ts';
import { emails, mobiles, ownedBy, toView, viewColumns } from './user-view.ts';

/** What the code brings along says where the browser returns to. */
const purpose = 'grant-code';

type Row = typeof table.$inferSelect;
type CodeData = Pick<GrantCode, 'redirectUri' | 'codeChallenge' | 'nonce'>;

function toGrant(row: Row): Grant {
  const {
    isOffline: _,
    codeDigest: __,
    codeExpiresAt: ___,
    codeData: ____,
    startedAt,
    endedAt,
    toldAt,
    ...grant
  } = row;
  return grant;
}

const ownerOf = and(
  eq(users.tenantId, table.tenantId),
  eq(users.id, table.userId),
  eq(users.status, 'active'),
);
const sessionOf = and(eq(sessions.tenantId, table.tenantId), eq(sessions.id, table.sessionId));

export function createGrantRepository(db: Database, prepared: Database, vault: Vault): GrantRepository {
  const is = (tenantId: string, id: string) => and(eq(table.tenantId, tenantId), eq(table.id, id));
  const ofUser = (tenantId: string, userId: string) =>
    and(eq(table.tenantId, tenantId), eq(table.userId, userId));
  const isOfClient = (tenantId: string, userId: string, clientId: string) =>
    and(
      eq(consents.tenantId, tenantId),
      eq(consents.userId, userId),
      eq(consents.clientDigest, sha256(clientId)),
    );
  /** Live in itself, and in its session unless it is offline. A session that is only idle goes on for its applications. */
  const isLive = (now: Date | Param) =>
    and(
      isNotNull(table.startedAt),
      isNull(table.endedAt),
      gt(table.expiresAt, now),
      gt(table.idleExpiresAt, now),
      or(eq(table.isOffline, true), and(isNull(sessions.revokedAt), gt(sessions.expiresAt, now))),
    );

  const given = and(eq(table.tenantId, slot('tenantId', table.tenantId)), eq(table.id, slot('id', table.id)));

  const rotate = once(() =>
    prepared
      .update(table)
      .set({
        refreshCounter: sql`${sql.placeholder('next')}`,
        refreshedAt: sql`${slot('refreshedAt', table.refreshedAt)}`,
        idleExpiresAt: sql`${slot('idleExpiresAt', table.idleExpiresAt)}`,
      })
      .where(
        and(given, eq(table.refreshCounter, slot('counter', table.refreshCounter)), isNull(table.endedAt)),
      )
      .prepare(),
  );

  const findLive = once(() =>
    prepared
      .select({ grant: table, ...viewColumns, kinds: enrolledColumns.kinds })
      .from(table)
      .innerJoin(users, ownerOf)
      .leftJoin(sessions, sessionOf)
      .leftJoin(emails, ownedBy(emails, 'email'))
      .leftJoin(mobiles, ownedBy(mobiles, 'mobile'))
      .where(and(given, isLive(slot('now', table.expiresAt))))
      .prepare(),
  );

  return {
    async insert(grant, code) {
      const data: CodeData | undefined = code && {
        redirectUri: code.redirectUri,
        codeChallenge: code.codeChallenge,
        nonce: code.nonce,
      };
      await db.insert(table).values({
        ...grant,
        scopes: [...grant.scopes],
        resources: [...grant.resources],
        amr: [...grant.amr],
        isOffline: grant.scopes.includes('offline_access'),
        codeDigest: code?.digest ?? null,
        codeExpiresAt: code?.expiresAt ?? null,
        codeData:
          data === undefined ? null : vault.seal(purpose, grant.id, Buffer.from(JSON.stringify(data))),
        startedAt: null,
        endedAt: null,
        toldAt: null,
      });
    },

    async findByCode(tenantId, id, digest) {
      const [row] = await db
        .select()
        .from(table)
        .where(and(is(tenantId, id), eq(table.codeDigest, digest)));
      if (row?.codeDigest == null || row.codeExpiresAt === null || row.codeData === null) return undefined;
      const data = JSON.parse(vault.open(purpose, id, row.codeData).toString()) as CodeData;
      const code = { digest: row.codeDigest, expiresAt: row.codeExpiresAt, ...data };
      return { ...toGrant(row), code, isUsed: row.startedAt !== null };
    },

    async find(tenantId, id) {
      const [row] = await db.select().from(table).where(is(tenantId, id));
      return row && toGrant(row);
    },

    async redeem({ tenantId, id }, life, now) {
      const [result] = await db
        .update(table)
        .set({ ...life, startedAt: now, refreshedAt: now })
        .where(
          and(
            is(tenantId, id),
            isNull(table.startedAt),
            isNull(table.endedAt),
            or(isNull(table.codeExpiresAt), gt(table.codeExpiresAt, now)),
          ),
        );
      return result.affectedRows === 1;
    },

    async findLive(tenantId, id, now) {
      const [row] = await findLive().execute({ tenantId, id, now });
      return row && { ...toGrant(row.grant), holder: toView(row), kinds: toKinds(row.kinds) };
    },

    async rotate({ tenantId, id, refreshCounter: counter }, { refreshedAt, idleExpiresAt }) {
      const values = { tenantId, id, counter, next: counter + 1, refreshedAt, idleExpiresAt };
      const [result] = await rotate().execute(values);
      return result.affectedRows === 1;
    },

    async end(tenantId, id, now) {
      const [result] = await db
        .update(table)
        .set({ endedAt: now })
        .where(and(is(tenantId, id), isNull(table.endedAt)));
      return result.affectedRows === 1;
    },

    async endOfUser(tenantId, userId, { keptSessionId, clientId }, now) {
      const [result] = await db
        .update(table)
        .set({ endedAt: now })
        .where(
          and(
            ofUser(tenantId, userId),
            isNull(table.endedAt),
            keptSessionId === undefined ? undefined : ne(table.sessionId, keptSessionId),
            clientId === undefined ? undefined : eq(table.clientId, clientId),
          ),
        );
      return result.affectedRows;
    },

    async listLive(tenantId, userId, now) {
      const rows = await db
        .select({ grant: table })
        .from(table)
        .leftJoin(sessions, sessionOf)
        .where(and(ofUser(tenantId, userId), isLive(now)))
        .orderBy(desc(table.id))
        .limit(500);
      return rows.map(({ grant }) => toGrant(grant));
    },

    async takeEnded(tenantId, userId, now) {
      const hasEnded: SQL | undefined = or(
        isNotNull(table.endedAt),
        isNull(users.id),
        isNotNull(sessions.revokedAt),
      );
      const rows = await db
        .select({ grant: table, ownerId: users.id })
        .from(table)
        .leftJoin(users, ownerOf)
        .leftJoin(sessions, sessionOf)
        .where(and(ofUser(tenantId, userId), isNotNull(table.startedAt), isNull(table.toldAt), hasEnded))
        .limit(1000);
      const taken = [];
      for (const { grant, ownerId } of rows) {
        // One that is offline outlives its session, of whose end its application learns all the same.
        const goesOn = grant.isOffline && ownerId !== null;
        const [result] = await db
          .update(table)
          .set({ toldAt: now, endedAt: goesOn ? grant.endedAt : (grant.endedAt ?? now) })
          .where(and(is(tenantId, grant.id), isNull(table.toldAt)));
        if (result.affectedRows === 1) taken.push(toGrant(grant));
      }
      return taken;
    },

    async deleteOfUser(tenantId, userId) {
      await db.delete(table).where(ofUser(tenantId, userId));
    },

    async listConsents(tenantId, userId) {
      return await db
        .select({
          clientId: consents.clientId,
          scopes: consents.scopes,
          resources: consents.resources,
          createdAt: consents.createdAt,
        })
        .from(consents)
        .where(and(eq(consents.tenantId, tenantId), eq(consents.userId, userId)))
        .limit(500);
    },

    async consent(tenantId, userId, { clientId, scopes, resources, createdAt }) {
      const [known] = await db
        .select({ scopes: consents.scopes, resources: consents.resources })
        .from(consents)
        .where(isOfClient(tenantId, userId, clientId))
        .for('update');
      const all = {
        scopes: [...new Set([...(known?.scopes ?? []), ...scopes])],
        resources: [...new Set([...(known?.resources ?? []), ...resources])],
      };
      await db
        .insert(consents)
        .values({ tenantId, userId, clientDigest: sha256(clientId), clientId, ...all, createdAt })
        .onDuplicateKeyUpdate({ set: all });
    },

    async withdraw(tenantId, userId, clientId) {
      const [result] = await db.delete(consents).where(isOfClient(tenantId, userId, clientId));
      return result.affectedRows === 1;
    },

    async endOfClient(tenantId, clientId, now) {
      await db
        .update(table)
        .set({ endedAt: now, toldAt: now })
        .where(and(eq(table.tenantId, tenantId), eq(table.clientId, clientId), isNull(table.endedAt)));
      await db
        .delete(consents)
        .where(and(eq(consents.tenantId, tenantId), eq(consents.clientDigest, sha256(clientId))));
    },
  };
}
