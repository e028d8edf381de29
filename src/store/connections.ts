import { and, asc, eq } from 'drizzle-orm';
import {
  type Connection,
  type ConnectionRepository,
  type ConnectionSettings,
  defaultSettings,
} from '../domain/connection.ts';
import { withDefaults } from '../domain/settings.ts';
import type { Vault } from '../domain/vault.ts';
import type { Database } from './database.ts';
import { connections as table } from './tables/federation.ts';

/** A secret opens for its own tenant and connection alone. */
const purpose = 'connection-secret';
const contextOf = (tenantId: string, name: string) => `${tenantId} ${name}`;

function toConnection({ secret, settings, ...row }: typeof table.$inferSelect): Connection {
  const complete = withDefaults(settings, defaultSettings) as ConnectionSettings;
  return { ...row, settings: complete, hasSecret: secret !== null };
}

export function createConnectionRepository(db: Database, vault: Vault): ConnectionRepository {
  const is = (tenantId: string, name: string) => and(eq(table.tenantId, tenantId), eq(table.name, name));

  return {
    async list(tenantId) {
      const rows = await db.select().from(table).where(eq(table.tenantId, tenantId)).orderBy(asc(table.name));
      return rows.map(toConnection);
    },

    async find(tenantId, name) {
      const [row] = await db.select().from(table).where(is(tenantId, name));
      return row && toConnection(row);
    },

    async findSecret(tenantId, name) {
      const [row] = await db.select({ secret: table.secret }).from(table).where(is(tenantId, name));
      if (row === undefined || row.secret === null) return undefined;
      return vault.open(purpose, contextOf(tenantId, name), row.secret).toString();
    },

    async save({ tenantId, name, settings, createdAt, updatedAt }) {
      await db
        .insert(table)
        .values({ tenantId, name, settings, createdAt, updatedAt })
        .onDuplicateKeyUpdate({ set: { settings, updatedAt } });
    },

    async setSecret(tenantId, name, secret) {
      const sealed =
        secret === '' ? null : vault.seal(purpose, contextOf(tenantId, name), Buffer.from(secret));
      await db.update(table).set({ secret: sealed }).where(is(tenantId, name));
    },

    async delete(tenantId, name) {
      const [result] = await db.delete(table).where(is(tenantId, name));
      return result.affectedRows === 1;
    },
  };
}
