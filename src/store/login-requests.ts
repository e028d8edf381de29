import { and, eq, gt, isNull } from 'drizzle-orm';
import { googleProvider } from '../domain/google.ts';
import type { LoginRequest, LoginRequestData, LoginRequestRepository } from '../domain/login-request.ts';
import type { Vault } from '../domain/vault.ts';
import type { Database } from './database.ts';
import { loginRequests as table } from './tables/federation.ts';

/** The verifier for the provider and the nonce are in it: they are sealed. */
const purpose = 'login-request';

/** The kinds of the version before, which began at Google: they live for ten minutes after an upgrade. */
const formerKinds: Readonly<Record<string, LoginRequest['kind'] | undefined>> = {
  google: 'provider',
  'google-native': 'provider-native',
  'google-link': 'provider-link',
};

export function createLoginRequestRepository(db: Database, vault: Vault): LoginRequestRepository {
  const isLive = (tenantId: string, id: string, now: Date) =>
    and(eq(table.tenantId, tenantId), eq(table.id, id), isNull(table.consumedAt), gt(table.expiresAt, now));
  function toRequest({ consumedAt: _, data, ...request }: typeof table.$inferSelect): LoginRequest {
    const opened = JSON.parse(vault.open(purpose, request.id, data).toString()) as LoginRequestData;
    const kind = formerKinds[request.kind];
    return kind === undefined
      ? { ...request, data: opened }
      : { ...request, kind, data: { ...opened, provider: googleProvider } };
  }

  return {
    async insert({ data, ...request }) {
      const sealed = vault.seal(purpose, request.id, Buffer.from(JSON.stringify(data)));
      await db.insert(table).values({ ...request, data: sealed });
    },

    async findLive(tenantId, id, digest, now) {
      const [row] = await db
        .select()
        .from(table)
        .where(and(isLive(tenantId, id, now), eq(table.digest, digest)));
      return row && toRequest(row);
    },

    async find(tenantId, id, digest) {
      const [row] = await db
        .select()
        .from(table)
        .where(and(eq(table.tenantId, tenantId), eq(table.id, id), eq(table.digest, digest)));
      return row && toRequest(row);
    },

    async consume(tenantId, id, now) {
      const [result] = await db
        .update(table)
        .set({ consumedAt: now })
        .where(isLive(tenantId, id, now));
      return result.affectedRows === 1;
    },
  };
}
