import type { Repositories, Store, Vault } from '../domain/ports.ts';
import { createChallengeRepository } from './challenges.ts';
import type { Database, DatabaseHandle } from './database.ts';
import { createKeyRepository } from './keys.ts';
import { createOutboxRepository } from './outbox.ts';
import { createSessionRepository } from './sessions.ts';
import { createTenantRepository } from './tenants.ts';
import { createUserRepository } from './users.ts';

function createRepositories(db: Database, vault: Vault): Repositories {
  return {
    users: createUserRepository(db),
    challenges: createChallengeRepository(db),
    sessions: createSessionRepository(db),
    outbox: createOutboxRepository(db, vault),
    tenants: createTenantRepository(db),
    keys: createKeyRepository(db),
  };
}

/** The repositories over a database, alone and in a transaction. */
export function createStore(database: DatabaseHandle, vault: Vault): Store {
  const made = new WeakMap<Database, Repositories>();
  return {
    ...createRepositories(database.db, vault),
    transaction: (work) =>
      database.transaction((db) => {
        const repositories = made.get(db) ?? createRepositories(db, vault);
        made.set(db, repositories);
        return work(repositories);
      }),
  };
}
