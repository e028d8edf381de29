import { and, desc, eq, gt } from 'drizzle-orm';
import type { TrustedDevice, TrustedDeviceRepository } from '../domain/trusted-device.ts';
import type { Database } from './database.ts';
import { trustedDevices as table } from './tables/devices.ts';

function toDevice({ jkt, address, userAgent, ...row }: typeof table.$inferSelect): TrustedDevice {
  return { ...row, jkt: jkt.toString('base64url'), client: { address, userAgent } };
}

export function createTrustedDeviceRepository(db: Database): TrustedDeviceRepository {
  const ofUser = (tenantId: string, userId: string) =>
    and(eq(table.tenantId, tenantId), eq(table.userId, userId));
  return {
    async put({ client, jkt, ...device }) {
      const row = { ...device, ...client, jkt: Buffer.from(jkt, 'base64url') };
      // Sessions name a device by its id: it keeps the one it has.
      const { tenantId: _, userId: __, jkt: ___, id: ____, ...renewed } = row;
      await db.insert(table).values(row).onDuplicateKeyUpdate({ set: renewed });
    },

    async use(tenantId, userId, jkt, since, now) {
      const isLive = and(
        ofUser(tenantId, userId),
        eq(table.jkt, Buffer.from(jkt, 'base64url')),
        gt(table.expiresAt, now),
        gt(table.createdAt, since),
      );
      const [row] = await db.select().from(table).where(isLive);
      if (row === undefined) return undefined;
      // It may have been removed since: then it is no device any more.
      const [used] = await db.update(table).set({ lastUsedAt: now }).where(isLive);
      return used.affectedRows === 1 ? toDevice({ ...row, lastUsedAt: now }) : undefined;
    },

    async list(tenantId, userId, now) {
      const rows = await db
        .select()
        .from(table)
        .where(and(ofUser(tenantId, userId), gt(table.expiresAt, now)))
        .orderBy(desc(table.id));
      return rows.map(toDevice);
    },

    async remove(tenantId, userId, id) {
      const [removed] = await db.delete(table).where(and(ofUser(tenantId, userId), eq(table.id, id)));
      return removed.affectedRows === 1;
    },

    async removeAll(tenantId, userId) {
      await db.delete(table).where(ofUser(tenantId, userId));
    },
  };
}
