import { beforeEach, expect, test } from 'vitest';
import { systemRandom } from '../../src/adapters/random.ts';
import { dayMs } from '../../src/domain/duration.ts';
import { OutgoingError } from '../../src/domain/outgoing.ts';
import type { Store } from '../../src/domain/repositories.ts';
import { pauseAfter, type Webhook } from '../../src/domain/webhook.ts';
import { createDeliver } from '../../src/flows/webhooks/deliver.ts';
import { createFanOut } from '../../src/flows/webhooks/fan-out.ts';
import { type Scene, sceneOf } from '../contract/stores.ts';
import { createMemoryStore } from '../support/memory/store.ts';

let store: Store;
let scene: Scene;
let now: Date;
let answers: (() => Promise<Response>) | undefined;
let sent: { url: string; id: string }[] = [];
const errors: unknown[] = [];
const advance = (ms: number) => {
  now = new Date(now.getTime() + ms);
};

beforeEach(async () => {
  store = createMemoryStore();
  scene = sceneOf(store);
  now = scene.now;
  sent = [];
  errors.length = 0;
  await scene.makeUser();
});

const deliverer = () =>
  createDeliver({
    store,
    outgoingFetch: async (url, init) => {
      sent.push({ url: String(url), id: new Headers(init?.headers).get('webhook-id') ?? '' });
      return (await answers?.()) ?? new Response(null, { status: 204 });
    },
    sign: () => 'v1,signature',
    webhookPage: (slug, id) => `https://id.example/console/${slug}/webhooks/${id}`,
    clock: () => now,
    random: systemRandom,
    observe: () => {},
    onError: (error) => errors.push(error),
  });

async function make(changes: Partial<Webhook> = {}): Promise<Webhook> {
  const webhook: Webhook = {
    tenantId: scene.tenantId,
    id: scene.uuid(),
    url: 'https://app.example.com/hook',
    description: '',
    types: [],
    secrets: [],
    disabledReason: undefined,
    position: 0,
    failingSince: undefined,
    createdAt: now,
    ...changes,
  };
  await store.webhooks.insert(webhook);
  return webhook;
}

/** Events in the log of the tenant, numbered. */
async function happen(count: number): Promise<string[]> {
  const { tenantId } = scene;
  const [log] = await store.eventLogs.findCurrent([tenantId]);
  const size = log?.size ?? 0;
  if (log === undefined)
    await store.eventLogs.insert({
      tenantId,
      number: 1,
      logId: scene.uuid(),
      start: 0,
      size: 0,
      startedAt: now,
    });
  const ids = Array.from({ length: count }, () => systemRandom.uuid());
  for (const id of ids) {
    const event = {
      id,
      tenantId,
      type: 'user.registered',
      outcome: 'success',
      reason: '',
      details: {},
    } as const;
    const rest = {
      keyId: undefined,
      requestId: '',
      createdAt: now,
      userId: undefined,
      sessionId: undefined,
      address: '',
    };
    await store.events.add({ event: { ...event, ...rest }, salt: systemRandom.bytes(16) });
  }
  const rows = (await store.eventLogs.listUnnumbered(tenantId, 1000)).filter(({ id }) => ids.includes(id));
  await store.eventLogs.number(
    tenantId,
    rows.map((event, index) => ({ event, position: size + index + 1, seal: undefined })),
  );
  const [current] = await store.eventLogs.findCurrent([tenantId]);
  if (current !== undefined) await store.eventLogs.grow(current, size + count);
  return ids;
}

const fanOut = () => createFanOut({ store, clock: () => now, random: systemRandom })();
const attempt = async (deliver = deliverer()) => {
  const begun = await deliver.runOnce(new AbortController().signal);
  await deliver.idle();
  return begun;
};
const deliveriesOf = ({ tenantId, id: webhookId }: Webhook) =>
  store.webhooks.listDeliveries({ tenantId, webhookId, status: undefined, beforeId: undefined }, 100);

test('every event becomes one delivery, however often and by whom the log is looked at', async () => {
  const webhook = await make();
  const ids = await happen(3);
  await Promise.all([fanOut(), fanOut()]);
  await fanOut();
  expect((await deliveriesOf(webhook)).map(({ eventId }) => eventId).sort()).toEqual([...ids].sort());
  await Promise.all([attempt(), attempt()]);
  expect(sent.map(({ id }) => id).sort()).toEqual([...ids].sort());
  expect(errors).toEqual([]);
});

test('pauses grow, are given up after three days, and the webhook is switched off after three days of failures', async () => {
  answers = async () => new Response('broken', { status: 500 });
  const webhook = await make();
  await happen(1);
  await fanOut();
  const pauses: number[] = [];
  for (let index = 0; index < 20; index += 1) {
    await attempt();
    const [delivery] = await deliveriesOf(webhook);
    if (delivery === undefined || delivery.status !== 'pending') break;
    pauses.push(Math.round((delivery.nextAttemptAt.getTime() - now.getTime()) / 1000));
    now = delivery.nextAttemptAt;
  }
  const expected = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000];
  for (const [index, seconds] of expected.entries())
    expect(Math.abs((pauses[index] ?? 0) - seconds)).toBeLessThanOrEqual(seconds / 10 + 1);
  const [delivery] = await deliveriesOf(webhook);
  expect(delivery).toMatchObject({ status: 'failed' });
  expect(now.getTime() - webhook.createdAt.getTime()).toBeLessThan(3 * dayMs);
  await happen(1);
  await fanOut();
  advance(dayMs);
  await attempt();
  expect(await store.webhooks.find(webhook.tenantId, webhook.id)).toMatchObject({
    disabledReason: 'FAILING',
  });
  const events = await store.events.list({ tenantId: webhook.tenantId, type: 'webhook.disabled' }, 10);
  expect(events).toMatchObject([{ details: { webhook: webhook.id, cause: 'FAILING' } }]);
  answers = undefined;
});

test('a success ends the time of failures', async () => {
  answers = async () => new Response(null, { status: 503 });
  const webhook = await make();
  await happen(1);
  await fanOut();
  await attempt();
  expect((await store.webhooks.find(webhook.tenantId, webhook.id))?.failingSince).toEqual(now);
  answers = undefined;
  advance(6000);
  await attempt();
  expect((await store.webhooks.find(webhook.tenantId, webhook.id))?.failingSince).toBeUndefined();
});

test.each([
  ['seconds', '7200', 7_200_000],
  ['a date', 'Sat, 28 Nov 2026 13:00:00 GMT', 3 * 3_600_000],
  ['more than a day', '9999999', dayMs],
  ['nonsense', 'soon', 0],
])('a receiver that asks for a pause in %s gets it', async (_, value, pauseMs) => {
  answers = async () => new Response(null, { status: 429, headers: { 'retry-after': value } });
  const webhook = await make();
  await happen(1);
  await fanOut();
  await attempt();
  const [delivery] = await deliveriesOf(webhook);
  const waitMs = (delivery?.nextAttemptAt.getTime() ?? 0) - now.getTime();
  if (pauseMs === 0) expect(waitMs).toBeLessThan(6000);
  else expect(waitMs).toBe(pauseMs);
  answers = undefined;
});

test('an address that cannot be had is noted by its fault, and no response is kept', async () => {
  answers = async () => {
    throw new OutgoingError('ADDRESS_DENIED');
  };
  const webhook = await make();
  await happen(1);
  await fanOut();
  await attempt();
  const [delivery] = await deliveriesOf(webhook);
  const attempts = await store.webhooks.listAttempts(webhook.tenantId, delivery?.id ?? '');
  expect(attempts).toMatchObject([{ statusCode: 0, error: 'ADDRESS_DENIED', response: '' }]);
  answers = undefined;
});

test('nothing is sent for a suspended tenant, nor of an event that is gone', async () => {
  const webhook = await make();
  await happen(1);
  await fanOut();
  await store.tenants.update(scene.tenantId, { status: 'suspended' });
  await attempt();
  expect(sent).toEqual([]);
  await store.tenants.update(scene.tenantId, { status: 'active' });
  advance(60_000);
  await store.eventLogs.deleteBefore(scene.tenantId, 100, 100);
  await attempt();
  expect(sent).toEqual([]);
  expect(await deliveriesOf(webhook)).toMatchObject([{ status: 'failed' }]);
});

test('a webhook has four attempts at a time, and one that fails has one', async () => {
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  answers = async () => {
    await gate;
    return new Response(null, { status: 204 });
  };
  await make();
  await make({ failingSince: now });
  await happen(10);
  await fanOut();
  const deliver = deliverer();
  expect(await deliver.runOnce(new AbortController().signal)).toBe(5);
  expect(await deliver.runOnce(new AbortController().signal)).toBe(0);
  release();
  await deliver.idle();
  answers = undefined;
});

test('the pause spreads by a tenth', () => {
  expect([pauseAfter(1, 0), pauseAfter(1, 1), pauseAfter(99, 0.5)]).toEqual([4500, 5500, 72_000_000]);
});
