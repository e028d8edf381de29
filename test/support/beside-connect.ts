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
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { implementationsOf } from '../../src/rest/invoke.ts';
import type { UnaryHandler } from '../../src/server/unary-call.ts';

// A method beside Connect's own handler of it: both are sent the same, and must answer and call the same.

/** The limit of a message, in bytes. */
export const maxBytes = 100;

export const options: ConnectRouterOptions = {
  acceptCompression: [compressionGzip],
  readMaxBytes: maxBytes,
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

const seen: string[] = [];

function routes(router: ConnectRouter): void {
  router.service(AuthService, {
    register: async ({ email }, { responseHeader, timeoutMs }) => {
      seen.push(`${email} ${timeoutMs() === undefined ? 'without' : 'with'} a deadline`);
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
const router = createConnectRouter(options);
routes(router);
const found = implementationsOf(routes).find(({ method }) => method.name === name);
if (found === undefined) throw new Error(`${path} has no implementation`);

/** The implementation of Register, which is called with an address. */
export const spec = found;
export const theirs = router.handlers.find(
  ({ requestPath }) => requestPath === path,
) as unknown as UnaryHandler;

export type Sent = {
  readonly chunks: readonly Uint8Array[];
  readonly header?: Record<string, string>;
  readonly method?: string;
};

/** How a text says that a message is too long is no one's concern: the error mapper writes its own. */
const plain = (text: string) => text.replace(/^message%20size.*/, 'too long');

/** The answer of a handler to what is sent, and the calls of the method that came of it. */
export async function answerOf(
  handler: UnaryHandler,
  { chunks, header, method = 'POST' }: Sent,
  httpVersion: '1.1' | '2.0',
) {
  async function* body() {
    yield* chunks;
  }
  seen.length = 0;
  const answer: UniversalServerResponse = await handler({
    httpVersion,
    method,
    url: `http://localhost${path}`,
    header: new Headers(header),
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
    calls: seen.splice(0),
  };
}
