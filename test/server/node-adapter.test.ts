import { once } from 'node:events';
import { createServer, request as requestHttp1 } from 'node:http';
import { connect, createServer as createHttp2Server, type Http2ServerRequest } from 'node:http2';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createContextValues } from '@connectrpc/connect';
import type { UniversalHandler, UniversalServerRequest } from '@connectrpc/connect/protocol';
import { expect, onTestFinished, test } from 'vitest';
import { serve } from '../../src/server/node-adapter.ts';
import { Whole } from '../../src/server/whole.ts';
import { endHeaders, frame, openRaw, postBlock } from '../support/raw-http2.ts';

type Handle = (request: UniversalServerRequest) => ReturnType<UniversalHandler>;

/** Serves a handler on a free port; returns its address. */
async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const http1 = (handle: Handle) =>
  listen(
    createServer((request, response) => {
      void serve(handle as UniversalHandler, request, response, createContextValues());
    }),
  );

async function textOf(body: UniversalServerRequest['body']): Promise<string> {
  let text = '';
  for await (const chunk of body as AsyncIterable<Uint8Array>) text += Buffer.from(chunk).toString();
  return text;
}

async function* bytesOf(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text);
}

test('a handler gets the request, and the caller its answer', async () => {
  const seen: unknown[] = [];
  const url = await http1(async ({ httpVersion, method, url: asked, header, body }) => {
    seen.push(httpVersion, method, asked, header.get('x-some'), await textOf(body));
    return { status: 201, header: new Headers({ 'x-other': 'b' }), body: bytesOf('an', 'swer') };
  });
  const answer = await fetch(`${url}/path?a=1`, {
    method: 'POST',
    headers: { 'x-some': 'a' },
    body: 'question',
  });
  expect(seen).toEqual(['1.1', 'POST', `${url}/path?a=1`, 'a', 'question']);
  expect([answer.status, answer.headers.get('x-other'), await answer.text()]).toEqual([201, 'b', 'answer']);
});

test('over HTTP/2 the trailers follow the body, and pseudo-headers are no headers', async () => {
  const names: string[] = [];
  const url = await listen(
    createHttp2Server((request: Http2ServerRequest, response) => {
      const handle: Handle = async ({ header }) => {
        names.push(...header.keys());
        return { status: 200, body: bytesOf('answer'), trailer: new Headers({ 'grpc-status': '0' }) };
      };
      void serve(handle as UniversalHandler, request as never, response as never, createContextValues());
    }),
  );
  const session = connect(url);
  const stream = session.request({ ':path': '/path', 'x-some': 'a' });
  const trailers = once(stream, 'trailers');
  stream.resume();
  expect((await trailers)[0]).toMatchObject({ 'grpc-status': '0' });
  expect(names).toEqual(['x-some']);
  session.close();
});

test.each(['answer', ''])('an answer in one piece (%j) comes with its headers and trailers', async (text) => {
  const handle: Handle = async () => ({
    status: 200,
    header: new Headers({ 'x-other': 'b', 'content-length': String(text.length) }),
    body: new Whole(Buffer.from(text)),
    trailer: new Headers({ 'grpc-status': '0' }),
  });
  const answer = await fetch(await http1(handle));
  expect([answer.headers.get('x-other'), await answer.text()]).toEqual(['b', text]);
  const url = await listen(
    createHttp2Server((request: Http2ServerRequest, response) => {
      void serve(handle as UniversalHandler, request as never, response as never, createContextValues());
    }),
  );
  const session = connect(url);
  const stream = session.request({ ':path': '/path' });
  const trailers = once(stream, 'trailers');
  let received = '';
  for await (const chunk of stream) received += String(chunk);
  expect(received).toBe(text);
  expect((await trailers)[0]).toMatchObject({ 'grpc-status': '0' });
  session.close();
});

/** Ways to leave in the middle of a body. */
const cuts: Record<string, (socket: Socket) => void> = {
  'RST_STREAM (NO_ERROR)': (socket) => void socket.write(frame('rst', 0, 1, Buffer.from([0, 0, 0, 0]))),
  'RST_STREAM (CANCEL)': (socket) => void socket.write(frame('rst', 0, 1, Buffer.from([0, 0, 0, 8]))),
  'the end of the connection': (socket) => void socket.end(),
  'its reset': (socket) => void socket.resetAndDestroy(),
};

test.each(Object.keys(cuts))('rejects a body over HTTP/2 that is truncated by %s', async (name) => {
  const { promise: read, resolve } = Promise.withResolvers<string>();
  const url = await listen(
    createHttp2Server((request: Http2ServerRequest, response) => {
      const handle: Handle = async ({ body }) => {
        resolve(
          await textOf(body).then(
            (text) => `whole: ${text}`,
            (error: Error) => error.message,
          ),
        );
        return { status: 200 };
      };
      void serve(handle as UniversalHandler, request as never, response as never, createContextValues());
    }),
  );
  const { socket } = await openRaw(Number(new URL(url).port), '127.0.0.1');
  socket.write(frame('headers', endHeaders, 1, postBlock()));
  socket.write(frame('data', 0, 1, Buffer.from('half')));
  await once(socket, 'data');
  await new Promise((done) => setTimeout(done, 50));
  cuts[name]?.(socket);
  expect(await read).toBe('the body was cut off');
  socket.destroy();
});

test('returns no body to HEAD over HTTP/2 and closes the stream', async () => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const url = await listen(
    createHttp2Server((request: Http2ServerRequest, response) => {
      response.once('close', resolve);
      const handle: Handle = async () => ({ status: 405, body: bytesOf('no such method') });
      void serve(handle as UniversalHandler, request as never, response as never, createContextValues());
    }),
  );
  const session = connect(url);
  const stream = session.request({ ':method': 'HEAD', ':path': '/path' });
  const [headers] = await once(stream, 'response');
  expect(headers[':status']).toBe(405);
  stream.resume();
  await closed;
  session.close();
});

test('a handler writes no faster than its caller reads, and ends with a caller that leaves', async () => {
  let chunks = 0;
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const signals: AbortSignal[] = [];
  async function* endless() {
    try {
      for (;;) {
        chunks += 1;
        yield Buffer.alloc(64 * 1024);
      }
    } finally {
      end();
    }
  }
  const url = await http1(async ({ signal }) => {
    signals.push(signal);
    return { status: 200, body: endless() };
  });
  const call = requestHttp1(url);
  call.on('error', () => {});
  call.end();
  const [response] = await once(call, 'response');
  response.on('error', () => {});
  // The handler fills the socket buffers, then waits.
  for (let before = -1; before !== chunks; await new Promise((resolve) => setTimeout(resolve, 200)))
    before = chunks;
  expect(chunks).toBeLessThan(1000);
  call.destroy();
  await ended;
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
});

test('an answer that was given is no caller that went away', async () => {
  const signals: AbortSignal[] = [];
  const url = await http1(async ({ signal }) => {
    signals.push(signal);
    return { status: 200, body: bytesOf('answer') };
  });
  await (await fetch(url)).text();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
});
