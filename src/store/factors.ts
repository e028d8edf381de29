import { and, count, eq, lt } from 'drizzle-orm';
import type { FactorRepository, Factors } from '../domain/authenticator.ts';
import type { Vault } from '../domain/vault.ts';
import type { Database } from './database.ts';
import { foreignRecoveryCodes, recoveryCodes, smsFactors, totpFactors, users } from './schema.ts';

/** A seed opens for its own user alone: one that is moved to another row does not (R26). */
const purpose = 'totp-seed';

function toFactors(row: { totp: Date | null; sms: string | null } | undefined): Factors {
  return { totp: row !== undefined && row.totp !== null, smsNumber: row?.sms ?? undefined };
}

export function createFactorRepository(db: Database, vault: Vault): FactorRepository {
  const ofUser = (
    table: typeof totpFactors | typeof smsFactors | typeof recoveryCodes | typeof foreignRecoveryCodes,
    tenantId: string,
    userId: string,
  ) => and(eq(table.tenantId, tenantId), eq(table.userId, userId));
  const context = (tenantId: string, userId: string) => `${tenantId} ${userId}`;

  const selectFactors = (tenantId: string, userId: string) =>
    db
      .select({ totp: totpFactors.confirmedAt, sms: smsFactors.number })
      .from(users)
      .leftJoin(totpFactors, and(eq(totpFactors.tenantId, users.tenantId), eq(totpFactors.userId, users.id)))
      .leftJoin(smsFactors, and(eq(smsFactors.tenantId, users.tenantId), eq(smsFactors.userId, users.id)))
      .where(and(eq(users.tenantId, tenantId), eq(users.id, userId)));

  return {
    async find(tenantId, userId) {
      const [row] = await selectFactors(tenantId, userId);
      return toFactors(row);
    },

    async hold(tenantId, userId) {
      const [row] = await selectFactors(tenantId, userId).for('update');
      return toFactors(row);
    },

    async findTotpSeed(tenantId, userId) {
      const [row] = await db
        .select()
        .from(totpFactors)
        .where(ofUser(totpFactors, tenantId, userId));
      return row && vault.open(purpose, context(tenantId, userId), row.seed).toString();
    },

    async useTotpStep(tenantId, userId, step) {
      const [result] = await db
        .update(totpFactors)
        .set({ lastStep: step })
        .where(and(ofUser(totpFactors, tenantId, userId), lt(totpFactors.lastStep, step)));
      return result.affectedRows === 1;
    },

    async insertTotp(tenantId, userId, seed, step, now) {
      const sealed = vault.seal(purpose, context(tenantId, userId), Buffer.from(seed));
      await db
        .insert(totpFactors)
        .values({ tenantId, userId, seed: sealed, lastStep: step, confirmedAt: now });
    },

    async insertSms(tenantId, userId, number, now) {
      await db.insert(smsFactors).values({ tenantId, userId, number, confirmedAt: now });
    },

    async remove(tenantId, userId, method) {
      const table = method === 'totp' ? totpFactors : smsFactors;
      const [result] = await db.delete(table).where(ofUser(table, tenantId, userId));
      return result.affectedRows === 1;
    },

    async countRecoveryCodes(tenantId, userId) {
      const [row] = await db
        .select({ left: count() })
        .from(recoveryCodes)
        .where(ofUser(recoveryCodes, tenantId, userId));
      const foreign = await db
        .select({ left: count() })
        .from(foreignRecoveryCodes)
        .where(ofUser(foreignRecoveryCodes, tenantId, userId));
      return (row?.left ?? 0) + (foreign[0]?.left ?? 0);
    },

    async listForeignCodes(tenantId, userId) {
      const rows = await db
        .select({ hash: foreignRecoveryCodes.hash })
        .from(foreignRecoveryCodes)
        .where(ofUser(foreignRecoveryCodes, tenantId, userId));
      return rows.map(({ hash }) => hash);
    },

    async insertForeignCodes(tenantId, userId, hashes) {
      if (hashes.length > 0)
        await db.insert(foreignRecoveryCodes).values(hashes.map((hash) => ({ tenantId, userId, hash })));
    },

    async useForeignCode(tenantId, userId, hash) {
      const [result] = await db
        .delete(foreignRecoveryCodes)
        .where(and(ofUser(foreignRecoveryCodes, tenantId, userId), eq(foreignRecoveryCodes.hash, hash)));
      return result.affectedRows === 1;
    },

    async replaceRecoveryCodes(tenantId, userId, digests) {
      await db.delete(recoveryCodes).where(ofUser(recoveryCodes, tenantId, userId));
      await db.delete(foreignRecoveryCodes).where(ofUser(foreignRecoveryCodes, tenantId, userId));
      if (digests.length > 0) {
        await db.insert(recoveryCodes).values(digests.map((digest) => ({ tenantId, userId, digest })));
      }
    },

    async useRecoveryCode(tenantId, userId, digest) {
      const [result] = await db
        .delete(recoveryCodes)
        .where(and(ofUser(recoveryCodes, tenantId, userId), eq(recoveryCodes.digest, digest)));
      return result.affectedRows === 1;
    },
  };
}
