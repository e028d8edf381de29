import { and, asc, eq, gt, inArray, isNull, max, or, type Param, sql } from 'drizzle-orm';
import {
  type Application,
  type ApplicationRepository,
  type ApplicationSecret,
  defaultApplication,
} from '../domain/application.ts';
import type { ApplicationSettings } from '../domain/application-settings.ts';
import type { LogoutCursorRepository } from '../domain/logout.ts';
import { withDefaults } from '../domain/settings.ts';
import type { Database } from './database.ts';
import { once, slot } from './prepared.ts';
import {
  logoutCursors,
  applicationSecrets as secrets,
  applications as table,
} from './tables/applications.ts';
import { eventLogs } from './tables/events.ts';
import { tenants } from './tables/tenants.ts';

function toApplication({ settings, changedAt: _, ...row }: typeof table.$inferSelect): Application {
  return {
    ...row,
    settings: withDefaults(settings, defaultApplication(settings.kind)) as ApplicationSettings,
  };
}

function toSecret({ id, digest, createdAt, expiresAt }: typeof secrets.$inferSelect): ApplicationSecret {
  return { id, digest, createdAt, expiresAt: expiresAt ?? undefined };
}

export function createApplicationRepository(db: Database, prepared: Database): ApplicationRepository {
  const is = (tenantId: string | Param, clientId: string | Param) =>
    and(eq(table.tenantId, tenantId), eq(table.clientId, clientId));
  const ofClient = (tenantId: string, clientId: string) =>
    and(eq(secrets.tenantId, tenantId), eq(secrets.clientId, clientId));
  const isGoodAt = (at: Date | Param) => or(isNull(secrets.expiresAt), gt(secrets.expiresAt, at));
  // Calls read the application that makes them by this.
  const withSecrets = once(() =>
    prepared
      .select({ application: table, secret: secrets })
      .from(table)
      .leftJoin(
        secrets,
        and(
          eq(secrets.tenantId, table.tenantId),
          eq(secrets.clientId, table.clientId),
          isGoodAt(slot('now', secrets.expiresAt)),
        ),
      )
      .where(is(slot('tenantId', table.tenantId), slot('clientId', table.clientId)))
      .prepare(),
  );

  return {
    async list(tenantId) {
      const rows = await db
        .select()
        .from(table)
        .where(eq(table.tenantId, tenantId))
        .orderBy(asc(table.clientId));
      return rows.map(toApplication);
    },

    async find(tenantId, clientId) {
      const [row] = await db.select().from(table).where(is(tenantId, clientId));
      return row && toApplication(row);
    },

    async findWithSecrets(tenantId, clientId, now) {
      const rows = await withSecrets().execute({ tenantId, clientId, now });
      const [first] = rows;
      if (first === undefined) return undefined;
      const found = rows.flatMap(({ secret }) => (secret === null ? [] : [toSecret(secret)]));
      return { ...toApplication(first.application), secrets: found };
    },

    async insert(application) {
      await db.insert(table).values(application);
    },

    async update({ tenantId, clientId, settings, updatedAt }) {
      await db.update(table).set({ settings, updatedAt }).where(is(tenantId, clientId));
    },

    async delete(tenantId, clientId) {
      const [result] = await db.delete(table).where(is(tenantId, clientId));
      // A row that is gone names no change: its tenant does.
      await db.update(tenants).set({ changedAt: sql`CURRENT_TIMESTAMP(3)` }).where(eq(tenants.id, tenantId));
      return result.affectedRows === 1;
    },

    async insertSecret(tenantId, clientId, { expiresAt, ...secret }) {
      await db.insert(secrets).values({ ...secret, tenantId, clientId, expiresAt: expiresAt ?? null });
    },

    async listSecrets(tenantId, clientId, now) {
      const rows = await db
        .select()
        .from(secrets)
        .where(and(ofClient(tenantId, clientId), isGoodAt(now)))
        .orderBy(asc(secrets.id));
      return rows.map(toSecret);
    },

    async endOldest(tenantId, clientId, oldest, at) {
      const ids = oldest.map(({ id }) => id);
      if (ids.length === 0) return;
      await db
        .update(secrets)
        .set({ expiresAt: at })
        .where(and(ofClient(tenantId, clientId), inArray(secrets.id, ids)));
    },

    async endSecrets(tenantId, clientId, at) {
      const [result] = await db
        .update(secrets)
        .set({ expiresAt: at })
        .where(and(ofClient(tenantId, clientId), isGoodAt(at)));
      return result.affectedRows;
    },
  };
}

export function createLogoutCursorRepository(db: Database): LogoutCursorRepository {
  return {
    async begin(tenantId) {
      const [log] = await db
        .select({ size: max(eventLogs.size) })
        .from(eventLogs)
        .where(eq(eventLogs.tenantId, tenantId));
      await db
        .insert(logoutCursors)
        .ignore()
        .values({ tenantId, position: Number(log?.size ?? 0) });
    },

    async listBehind(afterTenantId, limit) {
      const rows = await db
        .select({
          tenantId: logoutCursors.tenantId,
          position: logoutCursors.position,
          size: max(eventLogs.size),
        })
        .from(logoutCursors)
        .innerJoin(
          eventLogs,
          and(eq(eventLogs.tenantId, logoutCursors.tenantId), gt(eventLogs.size, logoutCursors.position)),
        )
        .where(afterTenantId === undefined ? undefined : gt(logoutCursors.tenantId, afterTenantId))
        .groupBy(logoutCursors.tenantId, logoutCursors.position)
        .orderBy(asc(logoutCursors.tenantId))
        .limit(limit);
      return rows.map((row) => ({ ...row, size: Number(row.size) }));
    },

    async advance(tenantId, from, to) {
      const [result] = await db
        .update(logoutCursors)
        .set({ position: to })
        .where(and(eq(logoutCursors.tenantId, tenantId), eq(logoutCursors.position, from)));
      return result.affectedRows === 1;
    },

    async rewind(tenantId, size) {
      await db
        .update(logoutCursors)
        .set({ position: size })
        .where(and(eq(logoutCursors.tenantId, tenantId), gt(logoutCursors.position, size)));
    },
  };
}
