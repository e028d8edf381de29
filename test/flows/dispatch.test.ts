import { expect, test } from 'vitest';
import { systemRandom } from '../../src/adapters/random.ts';
import { DeliveryError, retryDelayMs, type Transport } from '../../src/domain/delivery.ts';
import type { Message, OutboxRow } from '../../src/domain/message.ts';
import { createDispatcher } from '../../src/flows/delivery/dispatch.ts';
import { createMessageSenders } from '../../src/flows/delivery/message-senders.ts';
import { createLimiter } from '../../src/flows/limits.ts';
import { createSmsGuard } from '../../src/flows/sms-guard.ts';
import { defaultLimits, startTestApp, type TestApp, useTestApp } from '../support/app.ts';

const testApp = useTestApp();
const hour = 3_600_000;
const day = 24 * hour;

const email: Message = {
  channel: 'email',
  to: 'sara@example.com',
  from: 'info@tenant.com',
  locale: 'en',
  subject: 'Hello',
  text: 'the secret 4711',
  html: '',
  code: '4711',
  link: '',
};
const sms: Message = { ...email, channel: 'sms', to: '+989171929716', from: '', subject: '' };

function guardOf(app: TestApp) {
  const { store } = app.app;
  const limiter = createLimiter({ store, clock: app.now });
  return createSmsGuard({ store, limiter, limits: defaultLimits, clock: app.now });
}

/** A separate dispatcher over the app's database; `send` is the other side. */
function dispatcherOf(app: TestApp, send: Transport['send']) {
  const outcomes: string[] = [];
  const transport: Transport = { send, probe: async () => {}, close: () => {} };
  const dispatcher = createDispatcher({
    store: app.app.store,
    senders: createMessageSenders({
      store: app.app.store,
      transports: { email: transport, sms: transport },
      smsGuard: guardOf(app),
      clock: app.now,
    }),
    clock: app.now,
    observe: (channel, tenant, outcome) => outcomes.push(`${channel} ${tenant} ${outcome}`),
    onError: (error) => {
      throw error;
    },
  });
  const runOnce = (channel: Message['channel'] = 'email') => dispatcher.runOnce(channel);
  return { runOnce, wipeExpired: dispatcher.wipeExpired, outcomes };
}

async function queue(app: TestApp, message = email, lifetimeMs = day): Promise<string> {
  const tenant = await app.app.store.tenants.findBySlug('dev');
  const createdAt = app.now();
  const entry = {
    id: systemRandom.uuid(),
    tenantId: tenant?.id ?? '',
    message,
    createdAt,
    expiresAt: new Date(createdAt.getTime() + lifetimeMs),
  };
  await app.app.store.outbox.add(entry);
  return entry.id;
}

async function rowOf(app: TestApp, id: string): Promise<OutboxRow & { payload: unknown }> {
  const row = await app.app.store.outbox.find(id);
  const [raw] = await app.sql('SELECT payload FROM outbox WHERE id = UNHEX(?)', [id.replaceAll('-', '')]);
  if (row === undefined) throw new Error('there is no such message');
  return { ...row, payload: raw?.['payload'] };
}

const fails = (fault: 'temporary' | 'permanent' | 'busy') => async () => {
  throw new DeliveryError(fault, 'X_1');
};

test('a message is sent once, and its payload is wiped', async () => {
  const sent: string[] = [];
  const id = await queue(testApp());
  const { runOnce, outcomes } = dispatcherOf(testApp(), async (outgoing) => {
    sent.push(`${outgoing.id} ${outgoing.tenantName} ${outgoing.mayBeDuplicate} ${outgoing.message.text}`);
  });
  expect(await runOnce()).toBe(1);
  expect(await runOnce()).toBe(0);
  expect(sent).toEqual([`${id} Dev false the secret 4711`]);
  expect(await rowOf(testApp(), id)).toMatchObject({ status: 'sent', attempts: 1, error: '', payload: null });
  expect(outcomes).toEqual(['email dev sent']);
});

test('the waits between attempts are 10 s, doubling up to an hour', () => {
  expect([1, 2, 3, 4, 9, 10, 30].map(retryDelayMs)).toEqual([
    10_000, 20_000, 40_000, 80_000, 2_560_000, 3_600_000, 3_600_000,
  ]);
});

test('retries with growing waits for a day, then keeps the message as dead', async () => {
  const app = testApp();
  const id = await queue(app, email, 3 * day);
  const { runOnce, outcomes } = dispatcherOf(app, fails('temporary'));
  const startedAt = app.now().getTime();
  let attempts = 0;
  for (;;) {
    const { nextAttemptAt, status } = await rowOf(app, id);
    if (status !== 'queued') break;
    app.advance(Math.max(0, nextAttemptAt.getTime() - app.now().getTime()));
    attempts += await runOnce();
  }
  const row = await rowOf(app, id);
  expect(row).toMatchObject({ status: 'dead', error: 'X_1', attempts });
  expect(row.payload).not.toBeNull();
  // Nine waits of less than an hour, and then one an hour.
  expect(attempts).toBeGreaterThan(25);
  expect(attempts).toBeLessThan(36);
  expect(outcomes.at(-1)).toBe('email dev dead');
  const took = (row.endedAt?.getTime() ?? 0) - startedAt;
  expect(took).toBeGreaterThan(22 * hour);
  expect(took).toBeLessThan(25 * hour);
  app.advance(startedAt - app.now().getTime());
}, 60_000);

test('a permanent failure is not tried again', async () => {
  const id = await queue(testApp());
  const { runOnce, outcomes } = dispatcherOf(testApp(), fails('permanent'));
  await runOnce();
  testApp().advance(day / 2);
  expect(await runOnce()).toBe(0);
  testApp().advance(-day / 2);
  expect(await rowOf(testApp(), id)).toMatchObject({ status: 'dead', error: 'X_1', attempts: 1 });
  expect(outcomes).toEqual(['email dev dead']);
});

test('a message whose code has expired is dropped and wiped, and not sent', async () => {
  const app = testApp();
  const id = await queue(app, sms, 300_000);
  let sent = 0;
  const { runOnce, outcomes } = dispatcherOf(app, async () => {
    sent += 1;
  });
  app.advance(300_001);
  await runOnce('sms');
  app.advance(-300_001);
  expect(sent).toBe(0);
  expect(await rowOf(app, id)).toMatchObject({ status: 'dropped', error: 'EXPIRED', payload: null });
  expect(outcomes).toEqual(['sms dev dropped']);
});

test('a gateway that is known to be down costs a message nothing but time', async () => {
  const app = testApp();
  const id = await queue(app);
  await dispatcherOf(app, fails('busy')).runOnce();
  const { status, nextAttemptAt } = await rowOf(app, id);
  expect(status).toBe('queued');
  expect((await rowOf(app, id)).attempts).toBe(0);
  expect(nextAttemptAt.getTime() - app.now().getTime()).toBeLessThanOrEqual(30_000);
  app.advance(30_000);
  const { runOnce } = dispatcherOf(app, async () => {});
  expect(await runOnce()).toBe(1);
  app.advance(-30_000);
  expect(await rowOf(app, id)).toMatchObject({ status: 'sent' });
});

test('nothing is sent for a suspended tenant until it is active again', async () => {
  const app = await startTestApp();
  const id = await queue(app);
  const tenant = await app.app.store.tenants.findBySlug('dev');
  await app.app.store.tenants.update(tenant?.id ?? '', { status: 'suspended' });
  let sent = 0;
  const { runOnce } = dispatcherOf(app, async () => {
    sent += 1;
  });
  await runOnce();
  expect([sent, (await rowOf(app, id)).status]).toEqual([0, 'queued']);
  await app.app.store.tenants.update(tenant?.id ?? '', { status: 'active' });
  app.advance(31_000);
  await runOnce();
  expect([sent, (await rowOf(app, id)).status]).toEqual([1, 'sent']);
  await app.close();
});

test('where the tenant has given a sender up meanwhile the default one sends', async () => {
  await queue(testApp(), { ...email, from: 'old@tenant.com' });
  const senders: string[] = [];
  await dispatcherOf(testApp(), async ({ message }) => void senders.push(message.from)).runOnce();
  expect(senders).toEqual(['info@tenant.com']);
});

test('a message that cannot be read is put aside and holds up no other', async () => {
  const [broken, whole] = [await queue(testApp()), await queue(testApp())];
  await testApp().sql('UPDATE outbox SET payload = 0x00 WHERE id = UNHEX(?)', [broken.replaceAll('-', '')]);
  const { runOnce } = dispatcherOf(testApp(), async () => {});
  expect(await runOnce()).toBe(1);
  expect(await rowOf(testApp(), broken)).toMatchObject({ status: 'dead', error: 'PAYLOAD_UNREADABLE' });
  expect(await rowOf(testApp(), whole)).toMatchObject({ status: 'sent' });
});

test('five dispatchers at once send each of 60 messages exactly once', async () => {
  const app = testApp();
  const ids = [];
  for (let count = 0; count < 60; count += 1) ids.push(await queue(app));
  const sent: string[] = [];
  const dispatchers = Array.from({ length: 5 }, () =>
    dispatcherOf(app, async (outgoing) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      sent.push(outgoing.id);
    }),
  );
  const drain = async ({ runOnce }: (typeof dispatchers)[0]) => {
    for (let idle = 0; idle < 2; ) idle = (await runOnce()) === 0 ? idle + 1 : 0;
  };
  await Promise.all(dispatchers.map(drain));
  expect(sent.sort()).toEqual(ids.sort());
});

test('a frozen dispatcher loses its messages to another one, sends at most one duplicate and marks nothing', async () => {
  const app = testApp();
  const id = await queue(app);
  const sent: string[] = [];
  let thaw = () => {};
  const frozen = dispatcherOf(app, async (outgoing) => {
    await new Promise<void>((resolve) => {
      thaw = resolve;
    });
    sent.push(`frozen ${outgoing.id}`);
    throw new DeliveryError('temporary', 'X_LATE');
  });
  const other = dispatcherOf(app, async (outgoing) => {
    sent.push(`other ${outgoing.id} ${outgoing.mayBeDuplicate}`);
  });
  const running = frozen.runOnce();
  await new Promise((resolve) => setTimeout(resolve, 100));
  app.advance(50_000);
  expect(await other.runOnce()).toBe(0);
  app.advance(11_000);
  expect(await other.runOnce()).toBe(1);
  thaw();
  await running;
  app.advance(-61_000);
  expect(sent).toEqual([`other ${id} true`, `frozen ${id}`]);
  // The late result changed nothing.
  expect(await rowOf(app, id)).toMatchObject({ status: 'sent', attempts: 1, error: '' });
});

test('codes by SMS are counted before the gateway is asked, taken back where it fails, and not sent uncounted', async () => {
  const app = await startTestApp();
  const counted = async () => {
    const [row] = await app.sql('SELECT SUM(sent) AS n FROM sms_counters WHERE country = ?', ['IR']);
    return Number(row?.['n'] ?? 0);
  };
  const seen: number[] = [];
  const { runOnce } = dispatcherOf(app, async () => {
    seen.push(await counted());
  });
  await queue(app, sms);
  await runOnce('sms');
  expect([seen, await counted()]).toEqual([[1], 1]);

  const id = await queue(app, sms);
  for (const fault of ['temporary', 'busy'] as const) {
    await dispatcherOf(app, fails(fault)).runOnce('sms');
    expect(await counted(), fault).toBe(1);
    app.advance(60_000);
  }

  await app.sql('RENAME TABLE sms_counters TO away');
  const errors: unknown[] = [];
  let sent = 0;
  const broken = createDispatcher({
    store: app.app.store,
    senders: createMessageSenders({
      store: app.app.store,
      transports: {
        sms: {
          send: async () => {
            sent += 1;
          },
          probe: async () => {},
          close: () => {},
        },
      },
      smsGuard: guardOf(app),
      clock: app.now,
    }),
    clock: app.now,
    observe: () => {},
    onError: (error) => errors.push(error),
  });
  await broken.runOnce('sms');
  app.advance(61_000);
  await broken.runOnce('sms');
  expect([errors.length, sent, (await rowOf(app, id)).status]).toEqual([2, 0, 'queued']);
  await app.close();
});

test('notices by SMS count against the tenant when they go out, once, and wait over its limit', async () => {
  const app = await startTestApp();
  const tenant = await app.app.store.tenants.findBySlug('dev');
  if (tenant === undefined) throw new Error('there is a tenant dev');
  const policy = { ...tenant.policy, sms: { ...tenant.policy.sms, dailyMessages: 2 } };
  await app.app.store.tenants.update(tenant.id, { policy });
  const notice = { ...sms, code: '' };
  const ids = [await queue(app, notice), await queue(app, notice), await queue(app, notice)];
  await dispatcherOf(app, fails('busy')).runOnce('sms');
  app.advance(31_000);
  await dispatcherOf(app, async () => {}).runOnce('sms');
  const ends = await Promise.all(ids.map(async (id) => (await rowOf(app, id)).status));
  expect(ends.sort()).toEqual(['queued', 'sent', 'sent']);
  await app.close();
});

test('an operator retries a dead message or drops a waiting one', async () => {
  const { outbox } = testApp().app.store;
  const [dead, waiting] = [await queue(testApp()), await queue(testApp(), email, 1000)];
  await dispatcherOf(testApp(), fails('permanent')).runOnce();
  expect(await outbox.requeue(dead, testApp().now())).toBe(true);
  const asked: boolean[] = [];
  await dispatcherOf(testApp(), async (outgoing) => void asked.push(outgoing.mayBeDuplicate)).runOnce();
  // The other side may have taken it the first time after all.
  expect(asked).toEqual([true]);
  expect(await rowOf(testApp(), dead)).toMatchObject({ status: 'sent', attempts: 1 });
  expect(await outbox.requeue(dead, testApp().now())).toBe(false);
  expect(await outbox.drop(dead, testApp().now())).toBe(false);

  expect(await outbox.requeue(waiting, new Date(testApp().now().getTime() + 2000))).toBe(false);
  expect(await outbox.drop(waiting, testApp().now())).toBe(true);
  expect(await rowOf(testApp(), waiting)).toMatchObject({
    status: 'dropped',
    error: 'DROPPED_BY_OPERATOR',
    payload: null,
  });
});

test('a sender that lost its lease to an operator’s retry changes nothing', async () => {
  const app = testApp();
  const id = await queue(app);
  let release = () => {};
  const first = dispatcherOf(app, async () => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
  });
  const running = first.runOnce();
  await new Promise((resolve) => setTimeout(resolve, 100));
  await app.app.store.outbox.requeue(id, app.now());
  await dispatcherOf(app, fails('temporary')).runOnce();
  release();
  await running;
  expect(await rowOf(app, id)).toMatchObject({ status: 'queued', error: 'X_1', attempts: 1 });
  await app.app.store.outbox.drop(id, app.now());
});

test('wipes an expired dead message and keeps the reason of its failure', async () => {
  const app = testApp();
  const id = await queue(app, email, 1000);
  const { runOnce, wipeExpired } = dispatcherOf(app, fails('permanent'));
  await runOnce();
  expect((await rowOf(app, id)).payload).not.toBeNull();
  app.advance(2000);
  await wipeExpired();
  app.advance(-2000);
  expect(await rowOf(app, id)).toMatchObject({ status: 'dropped', error: 'X_1', payload: null });
});

test('an outage of one channel does not hold up the other', async () => {
  const app = testApp();
  for (let count = 0; count < 20; count += 1) await queue(app);
  const code = await queue(app, sms);
  const sent: string[] = [];
  const { runOnce } = dispatcherOf(app, async ({ message, id }) => {
    if (message.channel === 'email') throw new DeliveryError('temporary', 'X_DOWN');
    sent.push(id);
  });
  await runOnce('email');
  await runOnce('sms');
  expect(sent).toEqual([code]);
});
