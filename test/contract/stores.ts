import { afterAll, beforeAll, describe } from 'vitest';
import { systemRandom } from '../../src/adapters/random.ts';
import { createVault } from '../../src/adapters/vault.ts';
import type { HeldIdentifier } from '../../src/domain/identifier.ts';
import { emptyProfile } from '../../src/domain/profile.ts';
import type { Store } from '../../src/domain/repositories.ts';
import type { SessionRow } from '../../src/domain/session.ts';
import { defaultPolicy } from '../../src/domain/tenant-policy.ts';
import type { User } from '../../src/domain/user.ts';
import { type DatabaseHandle, openDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { createStore } from '../../src/store/store.ts';
import { createTestDatabase } from '../support/database.ts';
import { createMemoryStore } from '../support/memory/store.ts';

/** A store, and rows for it that no other test has. */
export type Scene = {
  readonly store: Store;
  readonly tenantId: string;
  readonly now: Date;
  /** A time that many milliseconds after `now`. */
  readonly at: (ms: number) => Date;
  readonly uuid: () => string;
  /** A user with a confirmed address. */
  makeUser(changes?: Partial<User>): Promise<{ readonly user: User; readonly identifier: HeldIdentifier }>;
  makeSession(user: User, changes?: Partial<SessionRow>): Promise<SessionRow>;
};

const now = new Date('2026-11-28T10:00:00.000Z');
const at = (ms: number) => new Date(now.getTime() + ms);
let addresses = 0;

export function sceneOf(store: Store): Scene {
  const tenantId = systemRandom.uuid();
  async function makeTenant(): Promise<void> {
    if ((await store.tenants.findById(tenantId)) !== undefined) return;
    const slug = `t-${tenantId}`;
    const policy = defaultPolicy('https://id.example', slug);
    await store.tenants.insert({ id: tenantId, slug, name: 'T', status: 'active', policy, createdAt: now });
  }
  return {
    store,
    tenantId,
    now,
    at,
    uuid: () => systemRandom.uuid(),
    async makeUser(changes = {}) {
      await makeTenant();
      addresses += 1;
      const user: User = {
        id: systemRandom.uuid(),
        tenantId,
        status: 'active',
        locale: 'en',
        roles: [],
        senderEmail: '',
        confirmUrl: '',
        profile: emptyProfile,
        createdAt: now,
        origin: 'self',
        ...changes,
      };
      const address = `contract${addresses}@example.com`;
      const identifier: HeldIdentifier = {
        kind: 'email',
        canonical: address,
        address,
        userId: user.id,
        confirmedAt: undefined,
        addedAt: now,
      };
      await store.users.insert(user, identifier, 'a hash');
      await store.users.confirmIdentifier(tenantId, user.id, identifier, now);
      return { user, identifier: { ...identifier, confirmedAt: now } };
    },
    async makeSession(user, changes = {}) {
      const session: SessionRow = {
        id: systemRandom.uuid(),
        tenantId,
        userId: user.id,
        level: 'signed-in',
        amr: ['pwd'],
        authTime: now,
        client: { address: '192.0.2.1', userAgent: 'a browser' },
        binding: undefined,
        remember: false,
        deviceId: undefined,
        device: 'a browser @ 192.0.2.0',
        refreshCounter: 0,
        refreshSalt: Buffer.alloc(32, 7),
        refreshedAt: now,
        createdAt: now,
        idleExpiresAt: at(60_000),
        expiresAt: at(600_000),
        ...changes,
      };
      await store.sessions.insert(session);
      return session;
    },
  };
}

/**
 * Runs a suite over the store of the database and over the one in memory: what holds for one holds for
 * the other, so that flows may be tested over either.
 */
export function overEveryStore(name: string, suite: (scene: () => Scene) => void): void {
  describe(`${name} in the database`, () => {
    let database: DatabaseHandle;
    let store: Store;
    let drop = async () => {};
    beforeAll(async () => {
      const made = await createTestDatabase();
      ({ drop } = made);
      await migrate(made.url);
      database = openDatabase({ url: made.url, connections: 8 });
      store = createStore(database, createVault([{ id: systemRandom.uuid(), key: Buffer.alloc(32, 1) }]));
    });
    afterAll(async () => {
      await database.close();
      await drop();
    });
    suite(() => sceneOf(store));
  });

  describe(`${name} in memory`, () => {
    const store = createMemoryStore();
    suite(() => sceneOf(store));
  });
}
