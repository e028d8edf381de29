import { createHmac } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { systemRandom } from '../../src/adapters/random.ts';
import { createVault } from '../../src/adapters/vault.ts';
import { dayMs } from '../../src/domain/duration.ts';
import type { SealedEvent } from '../../src/domain/event-log.ts';
import type { Event } from '../../src/domain/events.ts';
import type { Store } from '../../src/domain/repositories.ts';
import { createSequencer } from '../../src/flows/events/sequencer.ts';
import { createMemoryStore } from '../support/memory/store.ts';

const tenantId = systemRandom.uuid();
let now = new Date('2026-11-28T10:00:00.000Z');
const clock = () => now;
let store: Store;
let refused: string[] = [];
let broken: string[] = [];

/** MACs as the store in memory makes them. */
const vault = {
  ...createVault([{ id: systemRandom.uuid(), key: Buffer.alloc(32, 1) }]),
  mac: (purpose: string, data: Uint8Array) => createHmac('sha256', purpose).update(data).digest(),
};

beforeEach(() => {
  store = createMemoryStore();
  refused = [];
  broken = [];
  now = new Date('2026-11-28T10:00:00.000Z');
});

const sequencerOf = (own: Pick<Store, 'eventLogs' | 'transaction'> = store) =>
  createSequencer({
    store: own as Store,
    vault,
    clock,
    random: systemRandom,
    onRefused: (rows) => refused.push(...rows.map(({ id }) => id)),
    onBroken: (tenant) => broken.push(tenant),
  });

async function add(changes: Partial<Event> = {}): Promise<Event> {
  const event: Event = {
    id: systemRandom.uuid(),
    tenantId,
    type: 'session.started',
    outcome: 'success',
    reason: '',
    details: { method: 'password', amr: 'pwd' },
    keyId: undefined,
    requestId: 'r',
    createdAt: now,
    userId: systemRandom.uuid(),
    sessionId: undefined,
    address: '192.0.2.1',
    ...changes,
  };
  await store.events.add({ event, salt: systemRandom.bytes(16) });
  return event;
}

const positions = async (tenant = tenantId) =>
  (await store.eventLogs.read(tenant, 0, 1000, 1000)).map(({ id, position }) => [id, position]);

/** The same store, whose unnumbered rows someone has changed. */
function tampered(change: (row: SealedEvent) => SealedEvent): Store {
  return {
    ...store,
    eventLogs: {
      ...store.eventLogs,
      listUnnumbered: async (...page) => (await store.eventLogs.listUnnumbered(...page)).map(change),
    },
  };
}

test('numbers what is committed densely, for each tenant by itself', async () => {
  const other = systemRandom.uuid();
  const [first, second] = [await add(), await add()];
  const foreign = await add({ tenantId: other });
  const numberEvents = sequencerOf();
  expect((await numberEvents()).numbered).toBe(3);
  const third = await add();
  expect((await numberEvents()).numbered).toBe(1);
  expect((await numberEvents()).numbered).toBe(0);
  expect(await positions()).toEqual([
    [first.id, 1],
    [second.id, 2],
    [third.id, 3],
  ]);
  expect(await positions(other)).toEqual([[foreign.id, 1]]);
  expect(await store.eventLogs.findCurrent([tenantId])).toMatchObject([{ number: 1, start: 0, size: 3 }]);
});

test('one tenant with many events holds up no other for longer than a batch', async () => {
  const [busy, quiet] = [`0${tenantId.slice(1)}`, `f${tenantId.slice(1)}`];
  for (let index = 0; index < 1200; index += 1) await add({ tenantId: busy });
  await add({ tenantId: quiet });
  const numberEvents = sequencerOf();
  const batches = [await numberEvents(), await numberEvents(), await numberEvents(), await numberEvents()];
  // The second batch starts after the busy tenant; `hasMore` is false once nothing is left.
  expect(batches.map(({ hasMore }) => hasMore)).toEqual([true, true, true, false]);
  expect(batches.map(({ numbered }) => numbered)).toEqual([500, 1, 500, 200]);
  expect(await positions(quiet)).toHaveLength(1);
});

test('an instance that another has taken over from numbers nothing', async () => {
  const [first, second] = [sequencerOf(), sequencerOf()];
  await add();
  expect((await first()).numbered).toBe(1);
  await add();
  expect((await second()).numbered).toBe(0);
  now = new Date(now.getTime() + 4000);
  expect((await second()).numbered).toBe(1);
  await add();
  expect((await first()).numbered).toBe(0);
  expect((await second()).numbered).toBe(1);
});

test('an instance that loses its token inside of its transaction changes nothing', async () => {
  const rival = sequencerOf();
  await add();
  const slow = sequencerOf({
    ...store,
    transaction: async (work) => {
      // Frozen before its transaction begins, while another one takes over.
      now = new Date(now.getTime() + 4000);
      await rival();
      return await store.transaction(work);
    },
  });
  expect((await slow()).numbered).toBe(0);
  expect((await positions()).map(([, position]) => position)).toEqual([1]);
});

test('a row that no instance recorded is set aside and reported, and holds up no other', async () => {
  const forged = await add();
  const own = await add();
  const change = (row: SealedEvent): SealedEvent =>
    row.id === forged.id && row.seal !== undefined
      ? { ...row, seal: { ...row.seal, mac: Buffer.alloc(32) } }
      : row;
  expect((await sequencerOf(tampered(change))()).numbered).toBe(1);
  expect(refused).toEqual([forged.id]);
  expect(await positions()).toEqual([[own.id, 1]]);
  expect(await store.eventLogs.listRefused(10)).toEqual([{ tenantId, id: forged.id }]);
});

test.each([
  ['its type', { type: 'session.ended' }],
  ['its time', { createdAt: new Date(0) }],
  ['its user', { userId: systemRandom.uuid() }],
  ['its details', { details: { method: 'code', amr: 'sms' } }],
  ['its tenant’s key', { keyId: systemRandom.uuid() }],
] as const)('a row whose writer and %s do not agree is set aside', async (_, change) => {
  const event = await add();
  await sequencerOf(tampered((row) => ({ ...row, ...change }) as SealedEvent))();
  expect(refused).toEqual([event.id]);
  expect(await positions()).toEqual([]);
});

test('rows without a MAC are taken for a day after the log was opened, and never again', async () => {
  const unsealed = (row: SealedEvent): SealedEvent => ({ ...row, seal: undefined });
  const old = await add();
  expect((await sequencerOf(tampered(unsealed))()).numbered).toBe(1);
  const [row] = await store.eventLogs.readSealed(tenantId, 0, 1, 1);
  expect(row).toMatchObject({ id: old.id, seal: { mac: undefined } });
  now = new Date(now.getTime() + dayMs + 1);
  const late = await add();
  await sequencerOf(tampered(unsealed))();
  expect(refused).toEqual([late.id]);
});

test('an event whose user was erased before it was numbered is numbered', async () => {
  const event = await add();
  await store.events.removePersonalPart(tenantId, event.userId ?? '');
  expect((await sequencerOf()()).numbered).toBe(1);
  expect(refused).toEqual([]);
});

test('the log of a tenant whose tree lacks hashes stands still, is reported, and holds up no other', async () => {
  const other = systemRandom.uuid();
  await store.eventLogs.insert({
    ...{ tenantId, number: 1, logId: systemRandom.uuid() },
    ...{ start: 0, size: 5, startedAt: now },
  });
  await add();
  await add({ tenantId: other });
  const numberEvents = sequencerOf();
  expect((await numberEvents()).numbered).toBe(0);
  expect(broken).toEqual([tenantId]);
  expect((await numberEvents()).numbered).toBe(1);
  expect(await positions(other)).toHaveLength(1);
  expect(await positions()).toEqual([]);
});

test('where there are logs and no note of when they were opened, no row without a MAC is taken', async () => {
  await store.eventLogs.insert({
    ...{ tenantId: systemRandom.uuid(), number: 1, logId: systemRandom.uuid() },
    ...{ start: 0, size: 0, startedAt: now },
  });
  const event = await add();
  await sequencerOf(tampered((row) => ({ ...row, seal: undefined })))();
  expect(refused).toEqual([event.id]);
  expect(await store.eventLogs.findOpening()).toBeUndefined();
});
