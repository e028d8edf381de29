import { systemRandom } from '../../src/adapters/random.ts';
import { createVault } from '../../src/adapters/vault.ts';
import type { EventType, SaltedEvent } from '../../src/domain/events.ts';
import { maxSessions, type SessionRow } from '../../src/domain/session.ts';
import { passwordAttempts, signInCounters } from '../../src/flows/password-check.ts';
import { openDatabase } from '../../src/store/database.ts';
import { createStore } from '../../src/store/store.ts';
import { seededEmail } from './seed.ts';

// The statements of a sign-in as the service sends them, through its store, and nothing else of it.

export type OwnSignIns = {
  readonly databaseUrl: string;
  /** The slug of their tenant. */
  readonly tenant: string;
  /** Number of the seeded users who sign in. */
  readonly users: number;
};

const address = '127.0.0.1';
const hourMs = 3_600_000;

export async function createOwnSignIn({ databaseUrl, tenant, users }: OwnSignIns) {
  const handle = openDatabase({ url: databaseUrl });
  const store = createStore(handle, createVault([{ id: systemRandom.uuid(), key: Buffer.alloc(32) }]));
  const tenantId = (await store.tenants.findBySlug(tenant))?.id ?? '';

  function sessionOf(userId: string, now: Date): SessionRow {
    return {
      id: systemRandom.uuid(),
      tenantId,
      userId,
      level: 'signed-in',
      amr: ['pwd'],
      authTime: now,
      client: { address, userAgent: '' },
      binding: undefined,
      remember: false,
      deviceId: undefined,
      device: '',
      refreshCounter: 0,
      refreshSalt: systemRandom.bytes(32),
      refreshedAt: now,
      createdAt: now,
      idleExpiresAt: new Date(now.getTime() + hourMs),
      expiresAt: new Date(now.getTime() + 24 * hourMs),
    };
  }

  function eventOf(type: EventType, userId: string, sessionId: string, createdAt: Date): SaltedEvent {
    const event = {
      id: systemRandom.uuid(),
      tenantId,
      type,
      outcome: 'success',
      reason: '',
      details: { method: 'password', amr: 'pwd' },
      keyId: undefined,
      requestId: sessionId,
      createdAt,
      userId,
      sessionId,
      address,
    } as const;
    return { event, salt: systemRandom.bytes(16) };
  }

  /** Signs a seeded user in; `verify` compares the password with their hash. */
  return async function signIn(verify: (passwordHash: string) => Promise<unknown>): Promise<void> {
    const identifier = { kind: 'email', canonical: seededEmail(Math.floor(Math.random() * users)) } as const;
    const origin = { address, device: '', jkt: '' };
    const now = new Date();
    const account = await store.users.findForLogin(tenantId, identifier, origin, now);
    if (account?.passwordHash === undefined) throw new Error(`${identifier.canonical} has no password`);
    const { user, passwordHash, liveSessions, oldestSession } = account;
    const counters = signInCounters(user.id, { client: { address, userAgent: '' } });
    const [total, { subject }] = counters;
    await store.attempts.count(tenantId, passwordAttempts, subject, now, total);
    await verify(passwordHash);
    await store.transaction(async ({ attempts, sessions, events }) => {
      const session = sessionOf(user.id, new Date());
      await attempts.resetForPassword(tenantId, counters, user.id, passwordHash);
      await sessions.insert(session);
      const ended =
        liveSessions < maxSessions
          ? []
          : await sessions.revokeBeyond(tenantId, user.id, maxSessions, now, oldestSession);
      const added = ended.map((id) => eventOf('session.ended', user.id, id, now));
      await events.add(eventOf('session.started', user.id, session.id, now), ...added);
    });
  };
}
