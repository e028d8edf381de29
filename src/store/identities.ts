import { and, eq, ne, or } from 'drizzle-orm';
import {
  type ExternalIdentity,
  type IdentityRepository,
  manamProvider,
} from '../domain/external-identity.ts';
import { googleIssuer, googleProvider } from '../domain/google.ts';
import type { Database } from './database.ts';
import { consents, federatedSessions as sessions, externalIdentities as table } from './tables/federation.ts';

/** The provider of rows that name none: those of before connections. */
function toIdentity(row: typeof table.$inferSelect): ExternalIdentity {
  const former = row.issuer === googleIssuer ? googleProvider : manamProvider;
  return { ...row, provider: row.provider === '' ? former : row.provider };
}

function isNamed(provider: string) {
  const ofIssuer = provider === googleProvider ? eq : provider === manamProvider ? ne : undefined;
  const isFormer = ofIssuer && and(eq(table.provider, ''), ofIssuer(table.issuer, googleIssuer));
  return or(eq(table.provider, provider), isFormer);
}

export function createIdentityRepository(db: Database): IdentityRepository {
  const is = (tenantId: string, issuer: string, subject: string) =>
    and(eq(table.tenantId, tenantId), eq(table.issuer, issuer), eq(table.subject, subject));
  const ofUser = (tenantId: string, userId: string) =>
    and(eq(table.tenantId, tenantId), eq(table.userId, userId));

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
        .where(and(ofUser(tenantId, userId), eq(table.issuer, issuer)));
      return row && toIdentity(row);
    },

    async listOfUser(tenantId, userId) {
      const rows = await db.select().from(table).where(ofUser(tenantId, userId));
      return rows.map(toIdentity);
    },

    async listConsents(tenantId, userId) {
      const rows = await db
        .select({ consentedTenantId: consents.consentedTenantId })
        .from(consents)
        .where(and(eq(consents.tenantId, tenantId), eq(consents.userId, userId)));
      return rows.map(({ consentedTenantId }) => consentedTenantId);
    },

    async insert(identity) {
      await db.insert(table).values(identity);
    },

    async updateProfile({ tenantId, issuer, subject, profile }) {
      await db
        .update(table)
        .set({ profile })
        .where(is(tenantId, issuer, subject));
    },

    async remove(tenantId, userId, provider) {
      const isOfProvider = provider === undefined ? undefined : isNamed(provider);
      const [result] = await db.delete(table).where(and(ofUser(tenantId, userId), isOfProvider));
      return result.affectedRows;
    },

    async noteSession({ sidDigest, ...session }) {
      await db.insert(sessions).values({ ...session, sidDigest: sidDigest ?? null });
    },

    listSessions: async (tenantId, provider, { subjectDigest, sidDigest }) =>
      await db
        .select({ sessionId: sessions.sessionId, userId: sessions.userId })
        .from(sessions)
        .where(
          and(
            eq(sessions.tenantId, tenantId),
            eq(sessions.provider, provider),
            subjectDigest === undefined ? undefined : eq(sessions.subjectDigest, subjectDigest),
            sidDigest === undefined ? undefined : eq(sessions.sidDigest, sidDigest),
          ),
        ),

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

    async withdrawConsent(tenantId, userId, consentedTenantId) {
      const [result] = await db
        .delete(consents)
        .where(
          and(
            eq(consents.tenantId, tenantId),
            eq(consents.userId, userId),
            eq(consents.consentedTenantId, consentedTenantId),
          ),
        );
      return result.affectedRows === 1;
    },
  };
}
