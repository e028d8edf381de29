import { setTimeout as pause } from 'node:timers/promises';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { systemRandom } from '../../src/adapters/random.ts';
import { createVault } from '../../src/adapters/vault.ts';
import { DomainError } from '../../src/domain/errors.ts';
import type { EventLogRepository } from '../../src/domain/event-log.ts';
import type { Event } from '../../src/domain/events.ts';
import type { Store } from '../../src/domain/repositories.ts';
import { bytesToUuid, uuidToBytes } from '../../src/domain/token.ts';
import { createReadEvents } from '../../src/flows/events/read-events.ts';
import { createSequencer } from '../../src/flows/events/sequencer.ts';
import { createEventTail } from '../../src/flows/events/tail.ts';
import { type DatabaseHandle, openDatabase } from '../../src/store/database.ts';
import { createStore } from '../../src/store/store.ts';

export type StormOptions = {
  /** The servers of writers, of sequencers and of readers; several are used in turn. */
  readonly writerUrls: readonly string[];
  readonly sequencerUrls: readonly string[];
  readonly readerUrls: readonly string[];
  /** Events to write. */
  readonly count: number;
  readonly writers?: number;
  /** Called once half of the events are written. */
  readonly atHalf?: () => Promise<void>;
};

export type StormReport = {
  readonly written: number;
  /** Connections of sequencers that were killed, and sequencers that were frozen inside of a transaction. */
  readonly killed: number;
  readonly frozen: number;
  readonly readerRestarts: number;
  /** Writes that ended without an answer. */
  readonly unanswered: number;
};

const vault = createVault([{ id: '00000000-0000-7000-8000-000000000001', key: Buffer.alloc(32, 3) }]);
const idleTimeoutS = 3;
const readers = 4;
const sequencers = 3;
const leastKills = 2;

/**
 * Writers that commit after random delays, sequencers that are killed, frozen and woken inside of their transactions, and
 * readers that are killed and go on after their cursors. Throws where a reader missed an event, saw one twice, or out of order.
 */
export async function runEventStorm(options: StormOptions): Promise<StormReport> {
  const { writerUrls, sequencerUrls, readerUrls, count, writers = 64, atHalf } = options;
  const tenantId = systemRandom.uuid();
  const handles: DatabaseHandle[] = [];
  const at = (urls: readonly string[], index: number) => urls[index % urls.length] ?? '';
  const open = (url: string, connections: number, isLog = false): Store => {
    const handle = openDatabase({ url, connections, ...(isLog && { idleTimeoutS }) });
    handles.push(handle);
    return createStore(handle, vault);
  };
  const acknowledged = new Set<string>();
  let [left, unanswered, killed, frozen, grown, readerRestarts] = [count, 0, 0, 0, 0, 0];
  let isOver = false;
  let mishap: Error | undefined;
  /** The last position; unknown until all is numbered. */
  let end = Number.POSITIVE_INFINITY;

  async function write(store: Store): Promise<void> {
    // A fast machine writes on until a few sequencers were killed, and one was frozen.
    while (left > 0 || killed < leastKills || frozen === 0) {
      left -= 1;
      const id = systemRandom.uuid();
      const event: Event = {
        id,
        tenantId,
        type: 'session.started',
        outcome: 'success',
        reason: '',
        details: { method: 'password', amr: 'pwd' },
        keyId: undefined,
        requestId: '',
        createdAt: new Date(),
        userId: undefined,
        sessionId: undefined,
        address: '',
      };
      const commit = async ({ events }: Pick<Store, 'events'>) => {
        await events.add({ event, salt: systemRandom.bytes(16) });
        await pause(Math.random() * 20);
      };
      try {
        await store.transaction(commit);
        acknowledged.add(id);
      } catch {
        unanswered += 1;
        left += 1;
        // A server that is away is not asked in a tight loop.
        await pause(100);
      }
    }
  }

  /** A store whose transactions sometimes stand still in their middle for longer than the server waits. */
  function freezing(store: Store): Store {
    const stall = (eventLogs: EventLogRepository): EventLogRepository => ({
      ...eventLogs,
      async grow(log, size) {
        grown += 1;
        // A fast sequencer numbers everything in a few steps: one of the first is frozen for certain.
        if (grown === 3 || Math.random() < 0.02) {
          frozen += 1;
          await pause((idleTimeoutS + 2) * 1000);
        }
        return await eventLogs.grow(log, size);
      },
    });
    return {
      ...store,
      transaction: (work) =>
        store.transaction((repositories) =>
          work({ ...repositories, eventLogs: stall((repositories as Store).eventLogs) } as never),
        ),
    };
  }

  async function number(store: Store): Promise<void> {
    const numberEvents = createSequencer({
      store: freezing(store),
      vault,
      clock: () => new Date(),
      random: systemRandom,
      onRefused: (rows) => {
        mishap ??= new Error(`${rows.length} rows were refused`);
      },
      onBroken: () => {
        mishap ??= new Error('the tree is broken');
      },
    });
    while (!isOver) {
      const numbered = await numberEvents().then(
        (batch) => batch.numbered,
        () => 0,
      );
      if (numbered === 0) await pause(10);
    }
  }

  /** Kills connections of sequencers, which are those that the server closes soon. */
  async function kill(urls: readonly string[]): Promise<void> {
    for (let turn = 0; !isOver; turn += 1) {
      // A statement in its middle is seldom found: the first are looked for closely.
      await pause(killed < leastKills ? 20 : 300 + Math.random() * 700);
      const admin = await createConnection({ uri: at(urls, turn) }).catch(() => undefined);
      const [rows] = (await admin
        ?.query<RowDataPacket[]>(
          "SELECT id FROM information_schema.processlist WHERE info LIKE '%events%' AND info NOT LIKE '%processlist%' AND info NOT LIKE 'insert%'",
        )
        .catch(() => [[]])) ?? [[]];
      const [victim] = rows as RowDataPacket[];
      const id = victim?.['id'] ?? victim?.['ID'];
      if (id !== undefined) {
        killed += 1;
        await admin?.query(`KILL ${Number(id)}`).catch(() => {});
      }
      admin?.destroy();
    }
  }

  /** Reads to the end; what was not stored when the reader is killed is read again. */
  async function read(store: Store): Promise<{ seen: string[]; positions: number[] }> {
    const tail = createEventTail({ store });
    const reader = createReadEvents({ store, tail, vault });
    const [seen, positions]: [string[], number[]] = [[], []];
    let position = 0;
    for (;;) {
      const page = await reader.page(tenantId, position, []).catch((error: unknown) => {
        if (error instanceof DomainError && error.reason === 'CURSOR_EXPIRED') throw error;
        return undefined;
      });
      if (page === undefined || page.events.length === 0) {
        // A node may be behind: the reader waits until it has what the others have.
        if (position >= end) return { seen, positions };
        await pause(20);
        continue;
      }
      if (readerRestarts === 0 || Math.random() < 0.05) {
        readerRestarts += 1;
        position = await reader
          .positionOf(tenantId, await reader.cursorAt(tenantId, position))
          .catch(() => position);
        continue;
      }
      for (const { event } of page.events) {
        seen.push(event.id);
        positions.push(event.position);
      }
      ({ position } = page);
    }
  }

  const numbering = Array.from({ length: sequencers }, (_, index) =>
    number(open(at(sequencerUrls, index + 1), 2, true)),
  );
  const reading = Array.from({ length: readers }, (_, index) => read(open(at(readerUrls, index + 2), 4)));
  const killing = kill(sequencerUrls);
  const stores = writerUrls.map((url) => open(url, Math.ceil(writers / writerUrls.length)));
  const half = (async () => {
    while (left > count / 2) await pause(20);
    await atHalf?.();
  })();
  await Promise.all(
    Array.from({ length: writers }, (_, index) => write(stores[index % stores.length] as Store)),
  );
  await half;

  const query = (text: string) => ask(writerUrls, text, [uuidToBytes(tenantId)]);
  // The node that is asked may be behind the others: it has everything once it has what was acknowledged.
  for (;;) {
    const [row] = await query(
      'SELECT COUNT(*) AS n, COUNT(position) AS numbered, MAX(position) AS last FROM events WHERE tenant_id = ?',
    );
    const counts = {
      n: Number(row?.['n']),
      numbered: Number(row?.['numbered']),
      last: Number(row?.['last']),
    };
    if (counts.n >= acknowledged.size && counts.numbered === counts.n && counts.last === counts.n) {
      end = counts.last;
      break;
    }
    if (mishap !== undefined) throw mishap;
    await pause(50);
  }
  isOver = true;
  const results = await Promise.all(reading);
  await Promise.all([...numbering, killing]);
  const committed = (await query('SELECT id FROM events WHERE tenant_id = ?')).map(({ id }) =>
    bytesToUuid(id),
  );
  for (const handle of handles) await handle.close().catch(() => {});

  const all = new Set(committed);
  for (const id of acknowledged) if (!all.has(id)) throw new Error(`the acknowledged event ${id} is lost`);
  for (const { seen, positions } of results) {
    if (positions.some((position, index) => position !== index + 1))
      throw new Error('a reader saw a gap or a wrong order');
    if (seen.length !== all.size || !seen.every((id) => all.has(id)) || new Set(seen).size !== seen.length)
      throw new Error(`a reader saw ${seen.length} of ${all.size} events`);
  }
  return { written: all.size, killed, frozen, readerRestarts, unanswered };
}

/** The rows of the first server that answers. */
async function ask(urls: readonly string[], text: string, values: unknown[]): Promise<RowDataPacket[]> {
  for (let turn = 0; ; turn += 1) {
    const uri = urls[turn % urls.length] ?? '';
    const connection = await createConnection({ uri, timezone: 'Z' }).catch(() => undefined);
    const answer = await connection?.query<RowDataPacket[]>(text, values).catch(() => undefined);
    connection?.destroy();
    if (answer !== undefined) return answer[0];
    await pause(200);
  }
}
