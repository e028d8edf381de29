import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import { readWebhook, WebhookError, type WebhookRequest } from '../../src/clients/webhooks.ts';

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const other = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
const payload = {
  type: 'session.ended',
  timestamp: '2026-11-28T10:00:00.000Z',
  data: {
    event_id: 'e1',
    ...{ outcome: 'success', reason: '', user_id: 'u1', session_id: 's1', key_id: 'k1', request_id: 'r1' },
    ...{ details: { cause: 'logout' }, position: 7 },
  },
};
const body = JSON.stringify(payload);

function headersOf(at = new Date(), by = [secret], text = body): Record<string, string> {
  const signatures = by.map((each) => new Webhook(each).sign('e1', at, text));
  return {
    'content-type': 'application/json',
    'webhook-id': 'e1',
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': signatures.join(' '),
  };
}

const event = {
  type: 'session.ended',
  createdAt: new Date('2026-11-28T10:00:00.000Z'),
  ...{ eventId: 'e1', outcome: 'success', reason: '', userId: 'u1', sessionId: 's1', keyId: 'k1' },
  ...{ requestId: 'r1', position: 7, details: { cause: 'logout' } },
};

/** Sends the webhook to a server, and returns the type that it answers with. */
async function send(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  const answer = await fetch(url, { method: 'POST', headers: headersOf(), body });
  server.close();
  return await answer.text();
}

describe('in one call', () => {
  test('of a plain Request, as in a route handler of Next', async () => {
    const request = new Request('https://app.example/hook', { method: 'POST', headers: headersOf(), body });
    expect(await readWebhook(request, secret)).toEqual(event);
  });

  test('of Hono', async () => {
    const app = new Hono();
    app.post('/hook', async (c) => c.text((await readWebhook(c.req.raw, secret)).type));
    const answer = await app.request('/hook', { method: 'POST', headers: headersOf(), body });
    expect(await answer.text()).toBe('session.ended');
  });

  test('of Express, with its body as bytes or not read yet', async () => {
    const app = express();
    const answer: express.RequestHandler = async (request, response) => {
      response.end((await readWebhook(request, secret)).type);
    };
    app.post('/hook', express.raw({ type: 'application/json' }), answer);
    expect(await send(app)).toBe('session.ended');
    const unread = express();
    unread.post('/hook', answer);
    expect(await send(unread)).toBe('session.ended');
  });

  test('of Fastify, whose parser keeps the bytes', async () => {
    const app = fastify();
    app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_, bytes, done) =>
      done(null, bytes),
    );
    app.post('/hook', async (request) => (await readWebhook(request, secret)).type);
    const { body: answer } = await app.inject({ method: 'POST', url: '/hook', headers: headersOf(), body });
    expect(answer).toBe('session.ended');
    await app.close();
  });

  test('of Node', async () => {
    expect(
      await send((request, response) => {
        readWebhook(request, secret).then(
          ({ type }) => response.end(type),
          () => response.end('refused'),
        );
      }),
    ).toBe('session.ended');
  });
});

test('types narrow the details of an event', async () => {
  const read = await readWebhook({ headers: headersOf(), body }, secret);
  if (read.type !== 'session.ended') throw new Error('it is a session');
  const cause: 'logout' | 'revoked' | 'replaced' | 'device-removed' | 'provider-logout' = read.details.cause;
  expect(cause).toBe('logout');
});

test('any secret of a rotation verifies, on either side', async () => {
  expect((await readWebhook({ headers: headersOf(), body }, [other, secret])).eventId).toBe('e1');
  expect((await readWebhook({ headers: headersOf(new Date(), [other, secret]), body }, secret)).eventId).toBe(
    'e1',
  );
});

test('a secret may end with a line, as that of a file, and what is none is told', async () => {
  expect((await readWebhook({ headers: headersOf(), body }, `${secret}\n`)).eventId).toBe('e1');
  for (const none of [undefined, '', 'whsec_§'])
    await expect(readWebhook({ headers: headersOf(), body }, none as never)).rejects.toThrowError(
      new TypeError('a secret is none of a webhook, such as whsec_…'),
    );
});

test.each<[string, WebhookRequest, string | string[]]>([
  ['another secret', { headers: headersOf(), body }, other],
  ['no secret', { headers: headersOf(), body }, []],
  ['another body', { headers: headersOf(), body: body.replace('s1', 's2') }, secret],
  ['a time that is six minutes ago', { headers: headersOf(new Date(Date.now() - 360_000)), body }, secret],
  ['a time that is six minutes ahead', { headers: headersOf(new Date(Date.now() + 360_000)), body }, secret],
  ['no headers', { headers: {}, body }, secret],
  [
    'a signature of another version',
    { headers: { ...headersOf(), 'webhook-signature': 'v2,abc' }, body },
    secret,
  ],
  ['a body that was parsed', { headers: headersOf(), body: payload }, secret],
  ['no body', { headers: headersOf() }, secret],
  ['bytes that are no text', { headers: headersOf(), body: Buffer.of(0xff) }, secret],
])('%s is refused', async (_, request, by) => {
  await expect(readWebhook(request, by)).rejects.toThrowError(WebhookError);
});
