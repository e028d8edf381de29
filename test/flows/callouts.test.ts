import { expect, test } from 'vitest';
import { systemRandom } from '../../src/adapters/random.ts';
import type { Callout } from '../../src/domain/message.ts';
import { OutgoingError, type OutgoingFetch } from '../../src/domain/outgoing.ts';
import { createCalloutSender } from '../../src/flows/delivery/callout-sender.ts';
import { createDispatcher } from '../../src/flows/delivery/dispatch.ts';
import { useTestApp } from '../support/app.ts';

const testApp = useTestApp();
const hourMs = 3_600_000;
const callout: Callout = {
  channel: 'http',
  to: 'https://tenant.example/hook',
  headers: { 'content-type': 'application/json' },
  body: '{"secret":4711}',
};

/** An hour ahead, so that the dispatcher of the app itself leaves these callouts alone. */
const later = () => new Date(testApp().now().getTime() + hourMs);

async function queue(): Promise<string> {
  const { store } = testApp().app;
  const createdAt = later();
  const tenantId = (await store.tenants.findBySlug('dev'))?.id ?? '';
  const expiresAt = new Date(createdAt.getTime() + 100 * hourMs);
  const entry = { id: systemRandom.uuid(), tenantId, message: callout, createdAt, expiresAt };
  await store.outbox.add(entry);
  return entry.id;
}

function dispatcherOf(fetch: OutgoingFetch) {
  const { store } = testApp().app;
  return createDispatcher({
    store,
    senders: { http: createCalloutSender(fetch, async () => 'a logout token') },
    clock: later,
    observe: () => {},
    onError: (error) => {
      throw error;
    },
  });
}

test('sends a callout once, names it, and wipes its payload', async () => {
  const id = await queue();
  const sent: unknown[] = [];
  const { runOnce } = dispatcherOf(async (to, init) => {
    sent.push([to, init?.method, init?.body, new Headers(init?.headers).get('webhook-id')]);
    return new Response(null, { status: 204 });
  });
  await runOnce('http');
  await runOnce('http');
  expect(sent).toEqual([[callout.to, 'POST', callout.body, id]]);
  expect(await testApp().app.store.outbox.find(id)).toMatchObject({
    channel: 'http',
    status: 'sent',
    attempts: 1,
  });
});

test.each([
  ['an error of the server', async () => new Response(null, { status: 500 }), 'queued', 'HTTP_500'],
  ['a request that it rejects', async () => new Response(null, { status: 400 }), 'queued', 'HTTP_400'],
  ['an address that is gone', async () => new Response(null, { status: 410 }), 'dead', 'HTTP_410'],
  ['a denied URL', async () => Promise.reject(new OutgoingError('URL_DENIED')), 'dead', 'URL_DENIED'],
  [
    'a private address',
    async () => Promise.reject(new OutgoingError('ADDRESS_DENIED')),
    'queued',
    'ADDRESS_DENIED',
  ],
  ['a timeout', async () => Promise.reject(new OutgoingError('TIMED_OUT')), 'queued', 'TIMED_OUT'],
] as const)('after %s the callout is as it should be', async (_, fetch, status, error) => {
  const id = await queue();
  const { runOnce } = dispatcherOf(fetch);
  while ((await runOnce('http')) > 0);
  expect(await testApp().app.store.outbox.find(id)).toMatchObject({ status, error });
  await testApp().app.store.outbox.drop(id, testApp().now());
});

test('retries a callout for three days, then gives up', async () => {
  const id = await queue();
  const { runOnce } = dispatcherOf(async () => new Response(null, { status: 503 }));
  const statusAt = async (hours: number) => {
    testApp().advance(hours * hourMs);
    await runOnce('http');
    return (await testApp().app.store.outbox.find(id))?.status;
  };
  expect(await statusAt(0)).toBe('queued');
  for (let day = 0; day < 2; day += 1) expect(await statusAt(24)).toBe('queued');
  expect(await statusAt(24)).toBe('dead');
});

test('the mailbox of a development server shows no callout', async () => {
  await queue();
  expect(
    (await testApp().app.store.outbox.listPending(1000)).map(({ message }) => message.channel),
  ).not.toContain('http');
});
