import { and, eq } from 'drizzle-orm';
import type { ExternalIdentity, IdentityRepository } from '../domain/external-identity.ts';
import type { Database } from './database.ts';
import { consents, externalIdentities as table } from './tables/federation.ts';

function toIdentity({ createdAt: _, ...row }: typeof table.$inferSelect): ExternalIdentity {
  return row;
}

export function createIdentityRepository(db: Database): IdentityRepository {
  const is = (tenantId: string, issuer: string, subject: string) =>
    and(eq(table.tenantId, tenantId), eq(table.issuer, issuer), eq(table.subject, subject));
  const ofUser = (tenantId: string, userId: string, issuer: string | undefined) =>
    and(
      eq(table.tenantId, tenantId),
      eq(table.userId, userId),
      issuer === undefined ? undefined : eq(table.issuer, issuer),
    );

  return {
    async find(tenantId, issuer, subject) {
      const [row] = await db
        .select()
        .from(table)
        .where(is(tenantId, issuer, subject));
      return row && toIdentity(row);
    },

    async findOfUser(tenantId, userId, issuer) {
      const [row] = await db
        .select()
        .from(table)
        .where(ofUser(tenantId, userId, issuer));
      return row && toIdentity(row);
    },

    async listOfUser(tenantId, userId) {
      const rows = await db
        .select()
        .from(table)
        .where(ofUser(tenantId, userId, undefined));
      return rows.map(toIdentity);
    },

    async listConsents(tenantId, userId) {
      const rows = await db
        .select({ consentedTenantId: consents.consentedTenantId })
        .from(consents)
        .where(and(eq(consents.tenantId, tenantId), eq(consents.userId, userId)));
      return rows.map(({ consentedTenantId }) => consentedTenantId);
    },

    async insert(identity, now) {
      await db.insert(table).values({ ...identity, createdAt: now });
    },

    async updateProfile({ tenantId, issuer, subject, profile }) {
      await db
        .update(table)
        .set({ profile })
        .where(is(tenantId, issuer, subject));
    },

    async remove(tenantId, userId, issuer) {
      const [result] = await db.delete(table).where(ofUser(tenantId, userId, issuer));
      return result.affectedRows;
    },

    async hasConsented(tenantId, userId, consentedTenantId) {
      const rows = await db
        .select({ createdAt: consents.createdAt })
        .from(consents)
        .where(
          and(
            eq(consents.tenantId, tenantId),
            eq(consents.userId, userId),
            eq(consents.consentedTenantId, consentedTenantId),
          ),
        );
      return rows.length > 0;
    },

    async consent(tenantId, userId, consentedTenantId, now) {
      await db.insert(consents).ignore().values({ tenantId, userId, consentedTenantId, createdAt: now });
    },
  };
}
