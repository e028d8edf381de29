import { desc, eq } from 'drizzle-orm';
import type { Message } from '../domain/model.ts';
import type { Vault } from '../domain/ports.ts';
import type { OutboxRepository } from '../domain/repositories.ts';
import type { Database } from './database.ts';
import { outbox } from './schema.ts';

/** The payload is sealed, because a queue of links in clear would undo hashed tokens (R62). */
const purpose = 'outbox';

export function createOutboxRepository(db: Database, vault: Vault): OutboxRepository {
  return {
    async add({ message, ...entry }) {
      const payload = vault.seal(purpose, entry.id, Buffer.from(JSON.stringify(message)));
      await db.insert(outbox).values({ ...entry, status: 'queued', payload });
    },

    async addDecoy(entry) {
      await db.insert(outbox).values({ ...entry, status: 'decoy', payload: null });
    },

    async listPending(limit) {
      const rows = await db
        .select()
        .from(outbox)
        .where(eq(outbox.status, 'queued'))
        .orderBy(desc(outbox.id))
        .limit(limit);
      return rows.flatMap(({ payload, status: _, ...entry }) =>
        payload === null
          ? []
          : [{ ...entry, message: JSON.parse(vault.open(purpose, entry.id, payload).toString()) as Message }],
      );
    },
  };
}
