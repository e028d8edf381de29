import { setTimeout as pause } from 'node:timers/promises';
import { Webhook as Verifier } from 'standardwebhooks';
import { afterEach, describe, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { EventService } from '../../gen/manam/v1/event_service_pb.js';
import { WebhookService } from '../../gen/manam/v1/webhook_service_pb.js';
import { readWebhook } from '../../src/clients/webhooks.ts';
import { parseNetworks } from '../../src/domain/network.ts';
import { attemptMs } from '../../src/domain/webhook.ts';
import { freshEmail, password, useTestApp } from '../support/app.ts';
import { failure, failureOf, shapeOf } from '../support/errors.ts';
import { type GatewayCall, type Script, startGateway } from '../support/gateway.ts';
import { signUp } from '../support/journey.ts';
import { makeMember } from '../support/members.ts';
import { protocols } from '../support/protocols.ts';

const allowed = parseNetworks(['127.0.0.0/8']);
const testApp = useTestApp({ config: { outgoingNetworks: allowed } });
type Receiver = Awaited<ReturnType<typeof startGateway>>;
const receivers: Receiver[] = [];

async function receive(script: Script = () => ({ status: 204, body: '' })): Promise<Receiver> {
  const receiver = await startGateway(script);
  receivers.push(receiver);
  return receiver;
}

const client = (key = testApp().dev.secret) => testApp().client(WebhookService, { apieco_key: key });

async function make(url: string, types: string[] = []) {
  const { webhook, secret } = await client().createWebhook({ url, types });
  return { id: webhook?.webhookId ?? '', secret };
}

afterEach(async () => {
  for (const { webhookId } of (await client().listWebhooks({})).webhooks)
    await client().deleteWebhook({ webhookId });
  for (const receiver of receivers.splice(0)) await receiver.close();
});

async function until<T>(find: () => Promise<T | undefined | false> | T | undefined | false): Promise<T> {
  for (;;) {
    const found = await find();
    if (found !== undefined && found !== false) return found;
    await pause(20);
  }
}

const typeOf = ({ body }: GatewayCall) => (JSON.parse(body) as { type: string }).type;
const idsOf = (calls: readonly GatewayCall[]) => calls.map(({ headers }) => headers['webhook-id']);
const deliveriesOf = async (webhookId: string, state = '') =>
  (await client().listWebhookDeliveries({ webhookId, state })).deliveries;

test('what happens is delivered, signed, and verified by the receiver’s library and by ours', async () => {
  const receiver = await receive();
  const { secret } = await make(receiver.url);
  const { userId } = await signUp(testApp());
  const call = await until(() => receiver.calls.find((each) => typeOf(each) === 'session.started'));
  const headers = call.headers as Record<string, string>;
  expect(call.method).toBe('POST');
  expect(headers).toMatchObject({ 'content-type': 'application/json', 'user-agent': 'Manam-Webhooks/1' });
  expect(new Verifier(secret).verify(call.body, headers)).toEqual({
    type: 'session.started',
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    data: {
      event_id: headers['webhook-id'],
      ...{ outcome: 'success', reason: '', user_id: userId, details: { method: 'password', amr: 'pwd' } },
      ...{ session_id: expect.any(String), key_id: expect.any(String), request_id: expect.any(String) },
      position: expect.any(Number),
    },
  });
  const event = await readWebhook({ headers, body: call.body }, secret);
  expect(event).toMatchObject({ type: 'session.started', userId, details: { method: 'password' } });
  const all = ['user.registered', 'identifier.confirmed', 'session.started'];
  await until(() => all.every((type) => receiver.calls.map(typeOf).includes(type)));
});

test('a webhook gets the types that it wants', async () => {
  const receiver = await receive();
  await make(receiver.url, ['user.', 'session.started']);
  await signUp(testApp());
  await until(() => receiver.calls.length >= 2);
  await pause(300);
  expect(receiver.calls.map(typeOf).sort()).toEqual(['session.started', 'user.registered']);
});

test.each(protocols.map((protocol) => [protocol.name, protocol] as const))(
  '%s makes, changes, tests and deletes a webhook',
  async (_, { connect }) => {
    const receiver = await receive();
    const webhooks = connect(WebhookService, testApp().url, { apieco_key: testApp().dev.secret });
    const { webhook } = await webhooks.createWebhook({
      url: receiver.url,
      description: 'ours',
      types: ['user.'],
    });
    const webhookId = webhook?.webhookId ?? '';
    await webhooks.testWebhook({ webhookId });
    await until(() => receiver.calls.some((each) => typeOf(each) === 'webhook.tested'));
    const changed = await webhooks.updateWebhook({ webhookId, types: ['*'] });
    expect(changed.webhook).toMatchObject({
      description: 'ours',
      types: [],
      state: 'enabled',
      url: receiver.url,
    });
    await webhooks.deleteWebhook({ webhookId });
    const missing = await webhooks.getWebhook({ webhookId }).catch((error: unknown) => shapeOf(error));
    expect(missing).toEqual(failure('NotFound', 'NOT_FOUND'));
  },
);

test('REST has a resource of webhooks', async () => {
  const receiver = await receive();
  const rest = async (method: string, path: string, body?: object) => {
    const headers = { 'x-api-key': testApp().dev.secret, 'content-type': 'application/json' };
    const answer = await fetch(testApp().url + path, {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
  };
  const { json } = await rest('POST', '/webhooks', { url: receiver.url });
  const id = String((json['webhook'] as Record<string, unknown>)['webhook_id']);
  expect(String(json['secret'])).toMatch(/^whsec_/);
  expect((await rest('POST', `/webhooks/${id}:test`, {})).status).toBe(200);
  expect((await rest('GET', `/webhooks/${id}/deliveries`)).status).toBe(200);
  expect((await rest('PATCH', `/webhooks/${id}`, { description: 'ours' })).status).toBe(200);
  expect((await rest('DELETE', `/webhooks/${id}`)).status).toBe(200);
  expect((await rest('GET', `/webhooks/${id}`)).status).toBe(404);
});

test('a receiver that fails gets the same id again, and the log has every attempt', async () => {
  const receiver = await receive((_, index) =>
    index === 0 ? { status: 500, body: 'broken \u001b[31m' } : { status: 200, body: 'ok' },
  );
  const { id } = await make(receiver.url, ['user.registered']);
  await signUp(testApp());
  await until(() => receiver.calls.length === 1);
  const [pending] = await until(async () => {
    const found = await deliveriesOf(id, 'pending');
    return found[0]?.attempts === 1 && found;
  });
  expect(pending).toMatchObject({ type: 'user.registered', state: 'pending', attempts: 1 });
  testApp().advance(6000);
  const [delivered] = await until(async () => {
    const found = await deliveriesOf(id, 'delivered');
    return found.length > 0 && found;
  });
  expect(new Set(idsOf(receiver.calls)).size).toBe(1);
  const { attempts, request } = await client().getWebhookDelivery({
    deliveryId: delivered?.deliveryId ?? '',
  });
  expect(attempts.map(({ statusCode, response }) => [statusCode, response])).toEqual([
    [500, 'broken  [31m'],
    [200, 'ok'],
  ]);
  expect(request).toBe(receiver.calls[0]?.body);
});

test('a receiver decides when to try again, and one that answers 410 gets nothing more', async () => {
  const headers = { status: 429, body: '' };
  const slow = await receive(() => headers);
  const gone = await receive(() => ({ status: 410, body: 'moved' }));
  const [developer, viewer] = [
    await makeMember(testApp(), 'developer'),
    await makeMember(testApp(), 'viewer'),
  ];
  const [, second] = [await make(slow.url, ['user.']), await make(gone.url, ['user.'])];
  await signUp(testApp());
  const { webhook } = await until(async () => {
    const found = await client().getWebhook({ webhookId: second.id });
    return found.webhook?.state === 'disabled' && found;
  });
  expect(webhook).toMatchObject({ state: 'disabled', disabledReason: 'GONE' });
  // Who can switch it on again is told, once.
  const toldTo = async (email: string) =>
    (await testApp().messagesTo(email)).filter(({ subject }) => subject.includes('webhook'));
  expect(await toldTo(developer.email)).toMatchObject([
    {
      subject: 'A webhook of Dev has been switched off',
      link: `${testApp().issuer}/console/dev/webhooks/${second.id}`,
      text: expect.stringContaining(new URL(gone.url).host),
    },
  ]);
  expect(await toldTo(viewer.email)).toEqual([]);
  const before = gone.calls.length;
  await signUp(testApp());
  testApp().advance(60_000);
  await until(() => slow.calls.length > 2);
  expect(gone.calls.length).toBe(before);
});

test('what a webhook missed while it was off comes when it is on again, unless that is skipped', async () => {
  const [kept, skipped] = [await receive(), await receive()];
  const [first, second] = [
    await make(kept.url, ['user.registered']),
    await make(skipped.url, ['user.registered']),
  ];
  for (const webhookId of [first.id, second.id]) await client().disableWebhook({ webhookId });
  await signUp(testApp());
  while ((await testApp().sql('SELECT 1 FROM events WHERE position IS NULL LIMIT 1')).length > 0)
    await pause(10);
  expect(kept.calls).toHaveLength(0);
  await client().enableWebhook({ webhookId: first.id });
  await client().enableWebhook({ webhookId: second.id, skipMissed: true });
  await until(() => kept.calls.length === 1);
  await signUp(testApp());
  await until(() => kept.calls.length === 2 && skipped.calls.length === 1);
});

test('while a secret is rotated both sign, and the old one until its end', async () => {
  const receiver = await receive();
  const { id, secret: old } = await make(receiver.url, ['user.registered']);
  const { secret: next } = await client().rotateWebhookSecret({ webhookId: id, overlap: { seconds: 3600n } });
  await client().testWebhook({ webhookId: id });
  const call = await until(() => receiver.calls[0]);
  expect(String(call.headers['webhook-signature']).split(' ')).toHaveLength(2);
  for (const secret of [old, next])
    new Verifier(secret).verify(call.body, call.headers as Record<string, string>);
  testApp().advance(3_601_000);
  await client().testWebhook({ webhookId: id });
  const later = await until(() => receiver.calls[1]);
  expect(String(later.headers['webhook-signature']).split(' ')).toHaveLength(1);
});

test('a delivery is sent again on demand, and a range of the log is, with the same ids', async () => {
  const receiver = await receive();
  const { id } = await make(receiver.url, ['user.registered']);
  const { nextCursor: after } = await until(async () => {
    const found = await testApp()
      .client(EventService, { apieco_key: testApp().dev.secret })
      .listEvents({ limit: 500 });
    return !found.hasMore && found;
  });
  await signUp(testApp());
  await signUp(testApp());
  await until(() => receiver.calls.length === 2);
  const [last] = await until(async () => {
    const found = await deliveriesOf(id, 'delivered');
    return found.length === 2 && found;
  });
  await client().retryWebhookDelivery({ deliveryId: last?.deliveryId ?? '' });
  await until(() => receiver.calls.length === 3);
  const { deliveries } = await client().replayEvents({ webhookId: id, after });
  expect(deliveries).toBe(2);
  await until(() => receiver.calls.length === 5);
  expect(new Set(idsOf(receiver.calls)).size).toBe(2);
  // A log outlives its webhook, and sends nothing again.
  await client().deleteWebhook({ webhookId: id });
  expect(await failureOf(client().retryWebhookDelivery({ deliveryId: last?.deliveryId ?? '' }))).toEqual(
    failure('NotFound', 'NOT_FOUND'),
  );
});

describe('an address', () => {
  test('that is not https, has a password, or is no URL is refused', async () => {
    for (const url of [
      'http://93.184.216.34/',
      'ftp://example.com/',
      'https://a:b@example.com/',
      'https://example.com/#x',
      'nonsense',
    ])
      expect((await failureOf(client().createWebhook({ url }))).fields, url).toEqual({
        url: 'FIELD_INVALID',
      });
  });

  test('that is private is refused', async () => {
    for (const url of [
      'https://10.0.0.1/',
      'https://[::1]/',
      'https://169.254.169.254/latest',
      'https://[::ffff:10.0.0.1]/',
    ])
      expect((await failureOf(client().createWebhook({ url }))).fields, url).toEqual({
        url: 'FIELD_INVALID',
      });
  });

  test('that redirects to another one gets no further request', async () => {
    const inner = await receive();
    const outer = await receive(() => ({ status: 302, body: '', headers: { location: inner.url } }));
    const { id } = await make(outer.url, ['user.registered']);
    await signUp(testApp());
    const [delivery] = await until(async () => {
      const found = await deliveriesOf(id);
      return found[0]?.attempts === 1 && found;
    });
    const { attempts } = await client().getWebhookDelivery({ deliveryId: delivery?.deliveryId ?? '' });
    expect(attempts).toMatchObject([{ statusCode: 0, error: 'REDIRECTED' }]);
    expect(inner.calls).toHaveLength(0);
  });
});

test('a dead webhook with many deliveries holds up no other', async () => {
  const dead = await receive(() => ({ status: 500, body: '' }));
  const { id } = await make(dead.url, ['user.registered']);
  for (let index = 0; index < 70; index += 1)
    await testApp().client(AuthService).register({ email: freshEmail(), password });
  await until(async () => (await client().getWebhook({ webhookId: id })).pending >= 70);
  const receiver = await receive();
  await make(receiver.url, ['user.registered']);
  await testApp().sql(
    "UPDATE webhook_deliveries SET next_attempt_at = '2020-01-01' WHERE status = 'pending'",
  );
  await signUp(testApp());
  await until(() => receiver.calls.length === 1);
});

test('changes at the same time lose no secret, and are told once', async () => {
  const receiver = await receive();
  const { id } = await make(receiver.url, ['user.registered']);
  const rotations = await Promise.all(
    Array.from({ length: 3 }, () =>
      client().rotateWebhookSecret({ webhookId: id, overlap: { seconds: 3600n } }),
    ),
  );
  expect(new Set(rotations.map(({ secret }) => secret)).size).toBe(3);
  await signUp(testApp());
  const { headers } = await until(() => receiver.calls[0]);
  // The first one and those of the three rotations.
  expect(String(headers['webhook-signature']).split(' ')).toHaveLength(4);
  await Promise.all(Array.from({ length: 4 }, () => client().disableWebhook({ webhookId: id })));
  await Promise.all(Array.from({ length: 4 }, () => client().enableWebhook({ webhookId: id })));
  const rows = await testApp().sql(
    "SELECT type FROM events WHERE type IN ('webhook.disabled', 'webhook.enabled') AND details LIKE ?",
    [`%${id}%`],
  );
  expect(rows.map(({ type }) => String(type)).sort()).toEqual(['webhook.disabled', 'webhook.enabled']);
});

test('a hundred webhooks are served while one of them never answers', async () => {
  const hole = await receive(() => 'hang');
  const receiver = await receive();
  const { sql, app } = testApp();
  await make(hole.url, ['user.registered']);
  const [tenant] = await sql("SELECT id FROM tenants WHERE slug = 'dev'");
  const tenantId = Buffer.from(tenant?.['id'] as Buffer).toString('hex');
  const [log] = await sql(
    'SELECT size FROM event_logs WHERE tenant_id = UNHEX(?) ORDER BY number DESC LIMIT 1',
    [tenantId],
  );
  for (let index = 0; index < 99; index += 1)
    await app.store.webhooks.insert({
      tenantId: tenantId.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
      id: `00000000-0000-7000-8000-${String(index).padStart(12, '0')}`,
      url: `${receiver.url}/${index}`,
      description: '',
      types: ['user.registered'],
      secrets: [{ text: `whsec_${Buffer.alloc(32, 1).toString('base64')}`, until: undefined }],
      disabledReason: undefined,
      position: Number(log?.['size']),
      failingSince: undefined,
      createdAt: new Date(),
    });
  const startedAt = performance.now();
  for (let index = 0; index < 10; index += 1) await signUp(testApp());
  await until(() => receiver.calls.length === 990);
  // Four at a time, and one at a time once they have run out of their time.
  const ranOut = Math.floor((performance.now() - startedAt) / attemptMs);
  expect(hole.calls.length).toBeLessThanOrEqual(4 + ranOut);
  expect(new Set(receiver.calls.map(({ path }) => path)).size).toBe(99);
}, 120_000);

test('another tenant sees and moves nothing of a webhook', async () => {
  const { id: webhookId } = await make('https://example.com/hook');
  const foreign = client(testApp().manam.secret);
  const calls: (() => Promise<unknown>)[] = [
    () => foreign.getWebhook({ webhookId }),
    () => foreign.updateWebhook({ webhookId, description: 'mine' }),
    () => foreign.deleteWebhook({ webhookId }),
    () => foreign.rotateWebhookSecret({ webhookId }),
    () => foreign.enableWebhook({ webhookId }),
    () => foreign.disableWebhook({ webhookId }),
    () => foreign.testWebhook({ webhookId }),
    () => foreign.listWebhookDeliveries({ webhookId }),
    () => foreign.replayEvents({ webhookId }),
  ];
  for (const call of calls) expect(await failureOf(call())).toEqual(failure('NotFound', 'NOT_FOUND'));
  expect((await client().getWebhook({ webhookId })).webhook).toMatchObject({
    description: '',
    state: 'enabled',
  });
});

test('a tenant has at most twenty webhooks', async () => {
  for (let index = 0; index < 20; index += 1) await make(`https://example.com/${index}`);
  expect(await failureOf(client().createWebhook({ url: 'https://example.com/' }))).toMatchObject(
    failure('FailedPrecondition', 'WEBHOOK_LIMIT'),
  );
});

test('what a webhook wants must be types that there are', async () => {
  const types = ['user.registered', 'users'];
  expect(await failureOf(client().createWebhook({ url: 'https://example.com/', types }))).toMatchObject({
    ...{ code: 'InvalidArgument', reason: 'REQUEST_INVALID' },
    fields: { 'types.1': 'FIELD_INVALID' },
  });
});
