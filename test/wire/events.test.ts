import { execFile } from 'node:child_process';
import http2 from 'node:http2';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { EventService, type WatchEventsResponse } from '../../gen/manam/v1/event_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { createWebClient } from '../../src/clients/web.ts';
import { password, startTestApp, useTestApp } from '../support/app.ts';
import { blocksOf } from '../support/documents.ts';
import { failureOf, shapeOf } from '../support/errors.ts';
import { bearer, signUp } from '../support/journey.ts';
import { protocols } from '../support/protocols.ts';

const run = promisify(execFile);
const testApp = useTestApp();
const grpc = protocols.find(({ name }) => name === 'gRPC by @grpc/grpc-js') ?? protocols[0];

/** Streams that a test left open. */
const open: AbortController[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.abort();
});

type Query = { readonly after?: string; readonly types?: string[]; readonly fromStart?: boolean };

/** A stream as a list of its messages so far, and its failure. */
function follow(
  protocol = grpc,
  query: Query = {},
  headers = { apieco_key: testApp().dev.secret },
  at = testApp(),
) {
  const controller = new AbortController();
  open.push(controller);
  const messages: WatchEventsResponse[] = [];
  const client = protocol?.connect(EventService, at.url, headers);
  const end = (async () => {
    const stream = client?.watchEvents(query, { signal: controller.signal }) ?? [];
    for await (const message of stream) messages.push(message);
  })().catch((error: unknown) => shapeOf(error).reason ?? String(error));
  return { messages, end, close: () => controller.abort() };
}

async function until<T>(find: () => T | undefined | false): Promise<T> {
  for (;;) {
    const found = find();
    if (found !== undefined && found !== false) return found;
    await pause(10);
  }
}

/** Waits until everything that is committed has its position. */
async function isNumbered({ sql }: ReturnType<typeof testApp>): Promise<void> {
  while ((await sql('SELECT 1 FROM events WHERE position IS NULL LIMIT 1')).length > 0) await pause(10);
}

const typesOf = (messages: readonly WatchEventsResponse[]) =>
  messages.flatMap(({ event }) => (event === undefined ? [] : [event.type]));

test.each(protocols.map((protocol) => [protocol.name, protocol] as const))(
  '%s follows what is committed, and goes on after the last cursor',
  async (_, protocol) => {
    const first = follow(protocol);
    const hello = await until(() => first.messages[0]);
    expect(hello.event).toBeUndefined();
    expect(hello.logHead.split('.')).toHaveLength(3);
    const { userId } = await signUp(testApp());
    await until(() => typesOf(first.messages).includes('session.started'));
    first.close();
    const own = first.messages.filter(({ event }) => event?.userId === userId);
    expect(typesOf(own)).toEqual(['user.registered', 'identifier.confirmed', 'session.started']);

    const again = follow(protocol, {
      after: own[0]?.cursor ?? '',
      types: ['session.', 'identifier.confirmed'],
    });
    await until(() => typesOf(again.messages).includes('session.started'));
    expect(typesOf(again.messages)).toEqual(['identifier.confirmed', 'session.started']);
    const [confirmed] = own.slice(1);
    expect(again.messages.find(({ event }) => event !== undefined)?.event).toEqual(confirmed?.event);
  },
);

test('nothing published has an address, a number or a name', async () => {
  const { messages } = follow();
  await until(() => messages.length > 0);
  const { email } = await signUp(testApp());
  const started = await until(() => messages.find(({ event }) => event?.type === 'session.started'));
  expect(
    JSON.stringify(messages, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
  ).not.toContain(email);
  expect(Object.keys(started.event ?? {})).not.toContain('address');
});

describe('a cursor', () => {
  const list = (query: object, key = testApp().dev.secret) =>
    testApp().client(EventService, { apieco_key: key }).listEvents(query);

  test('pages through the log by REST, with a filter, to its end', async () => {
    await signUp(testApp());
    await isNumbered(testApp());
    const seen: string[] = [];
    for (let after = ''; ; ) {
      const url = `${testApp().url}/events?limit=2&types=session.&types=user.registered&after=${after}`;
      const response = await fetch(url, { headers: { 'x-api-key': testApp().dev.secret } });
      const { body } = { body: (await response.json()) as Record<string, unknown> };
      const events = body['events'] as { event_id: string; type: string }[];
      expect(events.length).toBeLessThanOrEqual(2);
      expect(events.every(({ type }) => /^session\.|^user\.registered$/.test(type))).toBe(true);
      seen.push(...events.map(({ event_id: id }) => id));
      after = String(body['next_cursor']);
      if (body['has_more'] !== true) break;
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBeGreaterThan(2);
  });

  test('of another tenant, with a changed letter, or of nothing is none', async () => {
    await signUp(testApp(), { apieco_key: testApp().manam.publishable });
    await isNumbered(testApp());
    const { nextCursor } = await list({}, testApp().manam.secret);
    for (const after of [
      nextCursor,
      'abc',
      `${nextCursor.slice(0, -1)}${nextCursor.endsWith('A') ? 'B' : 'A'}`,
    ])
      expect(shapeOf(await list({ after }).catch((error: unknown) => error)).reason).toBe('CURSOR_INVALID');
  });

  test('whose next event retention has deleted says so, as a page and as a stream', async () => {
    await signUp(testApp());
    await isNumbered(testApp());
    const { events } = await list({ limit: 500 });
    const [first, second] = [events[0], events[1]];
    await testApp().sql('DELETE FROM events WHERE id = UNHEX(?)', [second?.eventId.replaceAll('-', '')]);
    const expired = { code: 'OutOfRange', reason: 'CURSOR_EXPIRED' };
    expect(shapeOf(await list({ after: first?.cursor }).catch((error: unknown) => error))).toMatchObject(
      expired,
    );
    expect(await follow(grpc, { after: first?.cursor ?? '' }).end).toBe('CURSOR_EXPIRED');
    const kept = await list({ after: second?.cursor });
    expect(kept.events[0]?.eventId).toBe(events[2]?.eventId);
  });

  test('with types that no event has is refused', async () => {
    for (const types of [['session.startled'], ['nothing.'], ['session']])
      expect(shapeOf(await list({ types }).catch((error: unknown) => error)).reason).toBe('REQUEST_INVALID');
  });
});

describe('a stream ends', () => {
  test('when its key is revoked, loses its scope, or its tenant is suspended', async () => {
    const { createKey, sql } = testApp();
    const keyOf = async (what: string) => {
      const key = await createKey('secret', ['events.read']);
      const [row] = await sql('SELECT id FROM api_keys ORDER BY id DESC LIMIT 1');
      const stream = follow(grpc, {}, { apieco_key: key });
      await until(() => stream.messages.length > 0);
      await sql(`UPDATE api_keys SET ${what} WHERE id = ?`, [row?.['id']]);
      return stream.end;
    };
    expect(await keyOf('revoked_at = UTC_TIMESTAMP(3)')).toBe('KEY_INVALID');
    expect(await keyOf('scopes = \'["users.read"]\'')).toBe('SCOPE_REQUIRED');
    const stream = follow(grpc, {}, { apieco_key: testApp().manam.secret });
    await until(() => stream.messages.length > 0);
    await sql("UPDATE tenants SET status = 'suspended' WHERE slug = 'manam'");
    expect(await stream.end).toBe('KEY_INVALID');
    await sql("UPDATE tenants SET status = 'active' WHERE slug = 'manam'");
  });

  test('of a session with a message, wherever that session was ended', async () => {
    for (const protocol of protocols.filter(({ name }) => /Web|grpc-js|JSON, HTTP\/1.1/.test(name))) {
      const { accessToken } = await signUp(testApp());
      const client = protocol.connect(EventService, testApp().url, {
        ...bearer(accessToken),
        apieco_key: testApp().dev.publishable,
      });
      const messages: boolean[] = [];
      const end = (async () => {
        for await (const { ended } of client.watchSession({})) messages.push(ended);
      })();
      await until(() => messages.length > 0);
      await testApp().client(AuthService, bearer(accessToken)).logout({});
      await end;
      expect(messages, protocol.name).toEqual([false, true]);
    }
  });

  test('at a drain, first and with a reason to come back', async () => {
    const other = await startTestApp({ sibling: testApp() });
    const stream = follow(grpc, {}, { apieco_key: testApp().dev.secret }, other);
    await until(() => stream.messages.length > 0);
    await other.close();
    expect(await stream.end).toBe('UNAVAILABLE');
  });
});

test('streams are bounded for a key, a tenant and an instance, and a closed one gives its place back', async () => {
  const streams = {
    perInstance: 4,
    perTenant: 3,
    perKey: 2,
    sessionsPerInstance: 9,
    sessionsPerTenant: 9,
    perSession: 9,
  };
  const app = await startTestApp({ config: { streams } });
  const watch = async (key: string) => {
    const stream = follow(grpc, {}, { apieco_key: key }, app);
    await Promise.race([stream.end, until(() => stream.messages.length > 0)]);
    return stream;
  };
  const keys = [app.dev.secret, await app.createKey('secret', ['events.read'])] as const;
  const [first] = [await watch(keys[0]), await watch(keys[0])];
  expect(await (await watch(keys[0])).end).toBe('STREAM_LIMIT');
  await watch(keys[1]);
  expect(await (await watch(keys[1])).end).toBe('STREAM_LIMIT');
  await watch(app.manam.secret);
  expect(await (await watch(app.manam.secret)).end).toBe('STREAM_LIMIT');
  first?.close();
  await first?.end;
  // The server learns of the closed one a moment later.
  while ((await watch(keys[0])).messages.length === 0) await pause(20);
  for (const each of open) each.abort();
  await app.close();
});

test('closing a web client ends its stream and leaves its session alone', async () => {
  const { url, dev } = testApp();
  const sent = vi.spyOn(globalThis, 'fetch');
  const { email } = await signUp(testApp());
  const web = createWebClient({ url, key: dev.publishable, watchSession: true });
  await web.clientOf(AuthService).login({ email, password });
  const stream = await until(() => sent.mock.calls.find(([to]) => String(to).endsWith('/WatchSession')));
  expect(stream[1]?.signal?.aborted).toBe(false);
  web.close();
  expect(stream[1]?.signal?.aborted).toBe(true);
  const { user } = await web.clientOf(ProfileService).viewUser({});
  expect(user?.email).toBe(email);
  sent.mockRestore();
});

test('the calls of docs/event-log.md succeed as they stand there', async () => {
  const { url, dev } = testApp();
  for (const block of blocksOf('docs/event-log.md', 'sh')) {
    const env = { PATH: process.env['PATH'], URL: url, KEY: dev.secret };
    const { stdout } = await run('sh', ['-ec', block], { env });
    const calls = block.match(/^curl /gm)?.length;
    expect(stdout.match(/"status":"success"/g), stdout).toHaveLength(calls ?? 0);
  }
});

test('a client’s long deadline is no error of a stream', async () => {
  const url = `${testApp().url}/manam.v1.EventService/WatchEvents`;
  const controller = new AbortController();
  const body = Buffer.concat([Buffer.from([0, 0, 0, 0, 2]), Buffer.from('{}')]);
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/connect+json',
      'connect-timeout-ms': '3600000',
      'x-api-key': testApp().dev.secret,
    },
    body,
    signal: controller.signal,
  });
  const { value } = (await response.body?.getReader().read()) ?? {};
  expect(Buffer.from(value ?? []).toString()).toContain('logHead');
  controller.abort();
});

test('a reader that reads nothing is cut when its right ends', async () => {
  const streams = {
    ...{ perInstance: 1, perTenant: 1, perKey: 1 },
    ...{ sessionsPerInstance: 1, sessionsPerTenant: 1, perSession: 1 },
  };
  const app = await startTestApp({ sibling: testApp(), config: { streams } });
  const key = await app.createKey('secret', ['events.read']);
  const [row] = await app.sql('SELECT id FROM api_keys ORDER BY id DESC LIMIT 1');
  const query = Buffer.from('{}');
  const session = http2.connect(app.url, { settings: { initialWindowSize: 256 } });
  const stuck = session.request({
    ...{ ':method': 'POST', ':path': '/manam.v1.EventService/WatchEvents' },
    ...{ 'content-type': 'application/connect+json', 'x-api-key': key },
  });
  stuck.on('error', () => {});
  stuck.end(Buffer.concat([Buffer.from([0, 0, 0, 0, query.length]), query]));
  const other = () => follow(grpc, {}, { apieco_key: app.dev.secret }, app);
  // Its place is taken; nothing more than the first bytes are on their way to it.
  while ((await Promise.race([other().end, pause(50)])) !== 'STREAM_LIMIT')
    for (const each of open.splice(0)) each.abort();
  for (let index = 0; index < 5; index += 1) await signUp(testApp());
  await isNumbered(testApp());
  await app.sql('UPDATE api_keys SET revoked_at = UTC_TIMESTAMP(3) WHERE id = ?', [row?.['id']]);
  for (let isFree = false; !isFree; ) {
    const stream = other();
    isFree = (await Promise.race([stream.end, until(() => stream.messages.length > 0)])) === true;
  }
  session.destroy();
  for (const each of open.splice(0)) each.abort();
  await app.close();
});

test.each([
  ['a field of another type', '{"after":-1}', 'InvalidArgument', 'REQUEST_INVALID'],
  ['a field that there is not', '{"nothing":1}', 'InvalidArgument', 'REQUEST_INVALID'],
  [
    'a text that is too long',
    JSON.stringify({ after: 'x'.repeat(1000) }),
    'InvalidArgument',
    'REQUEST_INVALID',
  ],
  ['a cursor of nobody', '{"after":"x"}', 'InvalidArgument', 'CURSOR_INVALID'],
  ['no JSON', '{', 'InvalidArgument', 'BODY_MALFORMED'],
])('a stream that is asked for with %s is refused with its reason', async (_, text, code, reason) => {
  const message = Buffer.from(text);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  const response = await fetch(`${testApp().url}/manam.v1.EventService/WatchEvents`, {
    method: 'POST',
    headers: { 'content-type': 'application/connect+json', 'x-api-key': testApp().dev.secret },
    body: Buffer.concat([head, message]),
  });
  const body = Buffer.from(await response.arrayBuffer())
    .subarray(5)
    .toString();
  const { error } = JSON.parse(body) as {
    error: { code: string; details: { debug?: { reason?: string } }[] };
  };
  expect(error.code.replaceAll('_', '')).toBe(code.toLowerCase());
  expect(error.details.map(({ debug }) => debug?.reason)).toContain(reason);
});

test('reads the log backwards, page by page, by type, and to its beginning', async () => {
  const own = await startTestApp();
  await signUp(own);
  await isNumbered(own);
  for (const protocol of protocols) {
    const client = protocol.connect(EventService, own.url, { apieco_key: own.dev.secret });
    const forward = (await client.listEvents({ limit: 500 })).events.map(({ eventId }) => eventId);
    const backward: string[] = [];
    let after = '';
    for (;;) {
      const page = await client.listEvents({ newestFirst: true, limit: 2, after });
      backward.push(...page.events.map(({ eventId }) => eventId));
      after = page.nextCursor;
      if (!page.hasMore) break;
    }
    expect(backward, protocol.name).toEqual(forward.toReversed());
    const signedIn = await client.listEvents({ newestFirst: true, types: ['session.'] });
    expect(new Set(signedIn.events.map(({ type }) => type))).toEqual(new Set(['session.started']));
  }
  const client = own.client(EventService, { apieco_key: own.dev.secret });
  const refused = client.listEvents({ newestFirst: true, after: 'no cursor' });
  expect(await failureOf(refused)).toMatchObject({ reason: 'CURSOR_INVALID' });
  await own.close();
});
