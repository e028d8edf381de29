import { and, eq, gt, isNull, lte, or } from 'drizzle-orm';
import type { DeviceAuthorization, DeviceAuthorizationRepository } from '../domain/device-authorization.ts';
import type { Database } from './database.ts';
import { deviceAuthorizations as table } from './tables/applications.ts';

function toDevice({ polledAt: _, grantId, ...row }: typeof table.$inferSelect): DeviceAuthorization {
  return { ...row, grantId: grantId ?? undefined };
}

/** Each question that comes too early adds as much (RFC 8628, section 3.5). */
const stepS = 5;

export function createDeviceAuthorizationRepository(db: Database): DeviceAuthorizationRepository {
  const is = (tenantId: string, id: string) => and(eq(table.tenantId, tenantId), eq(table.id, id));

  return {
    async insert({ grantId, scopes, resources, ...device }) {
      const lists = { scopes: [...scopes], resources: [...resources] };
      await db.insert(table).values({ ...device, ...lists, grantId: grantId ?? null, polledAt: null });
    },

    async findByUserCode(tenantId, userCode, now) {
      const [row] = await db
        .select()
        .from(table)
        .where(
          and(
            eq(table.tenantId, tenantId),
            eq(table.userCode, userCode),
            eq(table.status, 'pending'),
            gt(table.expiresAt, now),
          ),
        );
      return row && toDevice(row);
    },

    async find(tenantId, id, digest) {
      const [row] = await db
        .select()
        .from(table)
        .where(and(is(tenantId, id), eq(table.digest, digest)));
      return row && toDevice(row);
    },

    async poll({ tenantId, id, intervalS }, now) {
      const isDue = lte(table.polledAt, new Date(now.getTime() - intervalS * 1000));
      const [asked] = await db
        .update(table)
        .set({ polledAt: now })
        .where(and(is(tenantId, id), or(isNull(table.polledAt), isDue)));
      if (asked.affectedRows === 1) return true;
      await db
        .update(table)
        .set({ polledAt: now, intervalS: intervalS + stepS })
        .where(is(tenantId, id));
      return false;
    },

    async decide(tenantId, id, grantId, now) {
      const [result] = await db
        .update(table)
        .set({ status: grantId === undefined ? 'denied' : 'approved', grantId: grantId ?? null })
        .where(and(is(tenantId, id), eq(table.status, 'pending'), gt(table.expiresAt, now)));
      return result.affectedRows === 1;
    },

    async use(tenantId, id, now) {
      const [result] = await db
        .update(table)
        .set({ status: 'used' })
        .where(and(is(tenantId, id), eq(table.status, 'approved'), gt(table.expiresAt, now)));
      return result.affectedRows === 1;
    },
  };
}
