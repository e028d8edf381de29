import { gzipSync } from 'node:zlib';
import { create, toBinary, toJsonString } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ConnectRouterOptions,
  createConnectRouter,
  createContextValues,
} from '@connectrpc/connect';
import type { UniversalServerResponse } from '@connectrpc/connect/protocol';
import { compressionGzip } from '@connectrpc/connect-node';
import { expect, test } from 'vitest';
import { AuthService, RegisterRequestSchema } from '../../gen/manam/v1/auth_service_pb.js';
import { implementationsOf } from '../../src/rest/invoke.ts';
import { createGrpcUnary, type UnaryHandler } from '../../src/server/grpc-unary.ts';

// The handler answers as Connect's own does, whatever it is sent.

const seen: string[] = [];

const options: ConnectRouterOptions = {
  acceptCompression: [compressionGzip],
  readMaxBytes: 100,
  compressMinBytes: 40,
  maxTimeoutMs: 30_000,
  jsonOptions: { ignoreUnknownFields: false },
  requestGate: async ({ requestHeader }) => {
    if (requestHeader.has('refused')) throw new ConnectError('not you', Code.PermissionDenied);
  },
  interceptors: [
    (next) => async (request) => {
      const answer = await next(request);
      answer.header.set('x-intercepted', 'yes');
      answer.trailer.set('x-after', 'yes');
      return answer;
    },
  ],
};

function routes(router: ConnectRouter): void {
  router.service(AuthService, {
    register: async ({ email }, { responseHeader }) => {
      seen.push(email);
      responseHeader.set('x-own', 'yes');
      if (email === 'taken')
        throw new ConnectError('it is taken', Code.AlreadyExists, new Headers({ 'x-why': 'taken' }));
      if (email === 'broken') throw new Error('of no concern to the caller');
      return { tokens: { accessToken: email.repeat(50) } };
    },
  });
}

const { name } = AuthService.method.register;
const path = `/${AuthService.typeName}/${name}`;
const spec = implementationsOf(routes).find(({ method }) => method.name === name);
const router = createConnectRouter(options);
routes(router);
const theirs = router.handlers.find(({ requestPath }) => requestPath === path) as unknown as UnaryHandler;
if (spec === undefined) throw new Error(`${path} has no implementation`);
const ours = createGrpcUnary(options)(spec);

const envelope = (data: Uint8Array, flags = 0) => {
  const prefix = Buffer.alloc(5);
  prefix[0] = flags;
  prefix.writeUInt32BE(data.length, 1);
  return Buffer.concat([prefix, data]);
};
const message = (email: string) => create(RegisterRequestSchema, { email });
const binary = (email: string) => toBinary(RegisterRequestSchema, message(email));

type Sent = {
  readonly chunks: readonly Uint8Array[];
  readonly header?: Record<string, string>;
  readonly method?: string;
};

const one = (bytes: Uint8Array): Sent => ({ chunks: [bytes] });

async function answerOf(handler: UnaryHandler, { chunks, header, method = 'POST' }: Sent) {
  async function* body() {
    yield* chunks;
  }
  const answer: UniversalServerResponse = await handler({
    httpVersion: '2.0',
    method,
    url: `http://localhost${path}`,
    header: new Headers({ 'content-type': 'application/grpc', ...header }),
    body: body(),
    signal: new AbortController().signal,
    contextValues: createContextValues(),
  });
  const sent: Uint8Array[] = [];
  for await (const chunk of answer.body ?? []) sent.push(chunk as Uint8Array);
  return {
    status: answer.status,
    header: Object.fromEntries(answer.header ?? []),
    body: Buffer.concat(sent).toString('hex'),
    trailer: Object.fromEntries([...(answer.trailer ?? [])].map(([name, value]) => [name, plain(value)])),
  };
}

/** How a text says that a message is too long is no one's concern: the error mapper writes its own. */
const plain = (text: string) => text.replace(/^message%20size.*/, 'too long');

const gzip = { 'grpc-encoding': 'gzip' };

test.each<[string, Sent]>([
  ['a message', one(envelope(binary('a')))],
  ['a message in small pieces', { chunks: [...envelope(binary('a'))].map((byte) => Buffer.from([byte])) }],
  ['an empty message', one(envelope(Buffer.alloc(0)))],
  ['no message', { chunks: [] }],
  ['half a prefix', one(Buffer.from([0, 0]))],
  ['half a message', one(envelope(binary('abc')).subarray(0, 7))],
  ['two messages', one(Buffer.concat([envelope(binary('a')), envelope(binary('b'))]))],
  ['a message as long as may be', one(envelope(binary('a'.repeat(98))))],
  ['a message that is too long', one(envelope(binary('a'.repeat(99))))],
  ['a prefix that promises too much', one(Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1]))],
  ['a message that is none', one(envelope(Buffer.from([0xff, 0xff])))],
  ['a packed message', { ...one(envelope(gzipSync(binary('a')), 1)), header: gzip }],
  ['a packed message that is none', { ...one(envelope(Buffer.from('none'), 1)), header: gzip }],
  ['a bomb', { ...one(envelope(gzipSync(binary('a'.repeat(5000))), 1)), header: gzip }],
  ['a packed message without a word of it', one(envelope(gzipSync(binary('a')), 1))],
  ['a plain message where packed ones may come', { ...one(envelope(binary('a'))), header: gzip }],
  ['an unknown packing', { ...one(envelope(binary('a'))), header: { 'grpc-encoding': 'zip' } }],
  [
    'a caller who takes packed answers',
    { ...one(envelope(binary('a'))), header: { 'grpc-accept-encoding': 'gzip' } },
  ],
  ['a method other than POST', { ...one(envelope(binary('a'))), method: 'GET' }],
  [
    'another content type',
    { ...one(envelope(binary('a'))), header: { 'content-type': 'application/grpc+xml' } },
  ],
  [
    'JSON',
    {
      ...one(envelope(Buffer.from(toJsonString(RegisterRequestSchema, message('a'))))),
      header: { 'content-type': 'application/grpc+json' },
    },
  ],
  [
    'JSON with an unknown field',
    { ...one(envelope(Buffer.from('{"un":1}'))), header: { 'content-type': 'application/grpc+json' } },
  ],
  ['a deadline', { ...one(envelope(binary('a'))), header: { 'grpc-timeout': '5S' } }],
  ['a deadline that is none', { ...one(envelope(binary('a'))), header: { 'grpc-timeout': 'soon' } }],
  ['a deadline that is too long', { ...one(envelope(binary('a'))), header: { 'grpc-timeout': '9H' } }],
  ['a caller whom the gate rejects', { ...one(envelope(binary('a'))), header: { refused: 'yes' } }],
  ['an error with metadata', one(envelope(binary('taken')))],
  ['an error that is a defect', one(envelope(binary('broken')))],
])('%s is answered as Connect answers it', async (_, sent) => {
  seen.length = 0;
  const expected = await answerOf(theirs, sent);
  const calls = seen.splice(0);
  expect(await answerOf(ours, sent)).toEqual(expected);
  expect(seen).toEqual(calls);
});
