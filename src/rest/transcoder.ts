import type { IncomingMessage, ServerResponse } from 'node:http';
import { type DescMethod, fromJson, getOption, hasOption, type Message, toJson } from '@bufbuild/protobuf';
import type {
  ConnectError,
  ConnectRouter,
  ConnectRouterOptions,
  ContextValues,
  Interceptor,
} from '@connectrpc/connect';
import { codeToHttpStatus } from '@connectrpc/connect/protocol-connect';
import { http } from '../../gen/google/api/annotations_pb.js';
import { bindRequest, type PathVariable } from './bind.ts';
import { closeSignal } from './close-signal.ts';
import { createInvoke, implementationsOf } from './invoke.ts';
import type { JsonObject } from './json.ts';
import { RestError } from './rest-error.ts';
import { bindingsOf, type MethodSpelling, type Route } from './route.ts';
import { createSpeller, type Speller, type SpellingOptions } from './spelling.ts';
import { createRouteTrie } from './trie.ts';

/** The rest of an answer: what a dialect decides. */
export type Dialect = {
  /** The body of a success, out of the message in the names of REST. */
  success(
    method: DescMethod,
    message: JsonObject,
    values: ContextValues,
    request: IncomingMessage,
  ): JsonObject;
  /** Status and body of a failure. `method` is undefined where no route was found. */
  failure(
    method: DescMethod | undefined,
    error: ConnectError,
    httpStatus: number,
    request: IncomingMessage,
    nameOf: (fieldPath: string) => string,
  ): { readonly status: number; readonly body: JsonObject };
  /** The error of a call whose request the transcoder rejects; it goes through the router's interceptors. */
  refusal(error: RestError, method: DescMethod): Error;
  /** The same for a request that led to no call. */
  unrouted(error: RestError, values: ContextValues, request: IncomingMessage): ConnectError;
};

export type TranscoderOptions = {
  /** Registers the services. */
  readonly routes: (router: ConnectRouter) => void;
  /** The gate and the interceptors of the other protocols. */
  readonly router: Pick<ConnectRouterOptions, 'requestGate' | 'interceptors'>;
  /** Interceptors that need the bound request; they run after those of `router`. */
  readonly inner: readonly Interceptor[];
  readonly spelling: SpellingOptions;
  readonly method: (method: DescMethod) => MethodSpelling;
  readonly dialect: Dialect;
  /** Where the routes are mounted, such as '' and '/v1'. */
  readonly prefixes: readonly string[];
  /** The largest body, in bytes. */
  readonly maxBodyBytes: number;
};

export type Transcoder = (
  request: IncomingMessage,
  response: ServerResponse,
  values: ContextValues,
) => Promise<void>;

/** Serves the routes of google.api.http, behind the gate and the interceptors of every other protocol. */
export function createTranscoder(options: TranscoderOptions): Transcoder {
  const { dialect } = options;
  const speller = createSpeller(options.spelling);
  const invoke = createInvoke(options.router, options.inner);

  const trie = createRouteTrie<Route>();
  for (const implementation of implementationsOf(options.routes)) {
    const { method } = implementation;
    if (!hasOption(method, http)) continue;
    const rule = getOption(method, http);
    for (const { httpMethod, template, route } of bindingsOf(
      implementation,
      rule,
      options.method(method),
      speller,
    )) {
      for (const prefix of options.prefixes) {
        const literals = prefix.split('/').filter((part) => part !== '');
        const shift = literals.length;
        const mounted = {
          verb: template.verb,
          segments: [...literals.map((text) => ({ kind: 'literal', text }) as const), ...template.segments],
          variables: template.variables.map(({ fieldPath, start, end }) => ({
            fieldPath,
            start: start + shift,
            end: end < 0 ? end : end + shift,
          })),
        };
        trie.add(httpMethod, mounted, route, `${method.parent.typeName}/${method.name}`);
      }
    }
  }

  return async function transcode(request, response, values) {
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const wanted = request.method === 'HEAD' ? 'GET' : (request.method ?? '');
    const match = trie.find(wanted, path);
    if (match?.found === 'route') {
      const { route, variables } = match;
      return await call(route, variables, request, response, values);
    }
    if (match !== undefined) {
      const methods = match.methods.includes('GET') ? [...match.methods, 'HEAD'] : match.methods;
      response.setHeader('allow', [...methods, 'OPTIONS'].join(', '));
      if (request.method === 'OPTIONS') {
        response.writeHead(204).end();
        return;
      }
    }
    const error = new RestError(match === undefined ? 'route-not-found' : 'method-not-allowed');
    const status = match === undefined ? 404 : 405;
    fail(undefined, dialect.unrouted(error, values, request), status, request, response);
  };

  async function call(
    route: Route,
    variables: readonly PathVariable[],
    request: IncomingMessage,
    response: ServerResponse,
    values: ContextValues,
  ): Promise<void> {
    const bind = async () => {
      try {
        const json = await bindRequest(speller, route, request, variables, options.maxBodyBytes);
        return parseMessage(route.method, json);
      } catch (error) {
        throw error instanceof RestError ? dialect.refusal(error, route.method) : error;
      }
    };
    const { header, message, error } = await invoke(route.implementation, {
      header: callHeaders(request),
      signal: closeSignal(response),
      values,
      bind,
      // A call of OAuth authenticates its caller in its flow, and its GET changes nothing.
      isHead: request.method === 'HEAD' && !route.isTolerant,
    });
    for (const [name, value] of [...header, ...(error?.metadata ?? [])]) {
      if (!name.startsWith('content-')) response.setHeader(name, value);
    }
    if (error !== undefined) {
      fail(route, error, codeToHttpStatus(error.code), request, response);
    } else if (message === undefined) {
      response.writeHead(200, { 'content-type': 'application/json' }).end();
    } else {
      succeed(speller, dialect, route, message, values, request, response);
    }
  }

  function fail(
    route: Route | undefined,
    error: ConnectError,
    httpStatus: number,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const nameOf = (field: string) =>
      route === undefined ? field : speller.restNameOf(route.method.input, field);
    const { status, body } = dialect.failure(route?.method, error, httpStatus, request, nameOf);
    // Node reads over what is left of a body before the next request. No one waits for a long one.
    const isShort = Number(request.headers['content-length']) <= options.maxBodyBytes;
    if (!request.complete && !isShort && request.httpVersionMajor === 1)
      response.setHeader('connection', 'close');
    send(response, status, 'application/json', JSON.stringify(body), request);
  }
}

function succeed(
  speller: Speller,
  dialect: Dialect,
  route: Route,
  answer: Message,
  values: ContextValues,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (route.raw !== undefined) {
    const { [route.raw.bytes.localName]: bytes, [route.raw.contentType.localName]: type } =
      answer as unknown as Record<string, unknown>;
    send(response, route.status, String(type), Buffer.from(bytes as Uint8Array), request);
    return;
  }
  const json = toJson(route.method.output, answer, { useProtoFieldName: true, alwaysEmitImplicit: true });
  const body = dialect.success(
    route.method,
    speller.toRest(route.output, json as JsonObject),
    values,
    request,
  );
  send(response, route.status, 'application/json', JSON.stringify(body), request);
}

function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: Buffer | string,
  request: IncomingMessage,
): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** The message, whose fields the speller has checked; what is left is values that no message can hold. */
function parseMessage(method: DescMethod, json: JsonObject): Message {
  try {
    return fromJson(method.input, json);
  } catch {
    throw new RestError('body-malformed');
  }
}

/** The headers of a call: those of the request but the ones of its body and of Connect's own protocol. */
function callHeaders(request: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (
      value === undefined ||
      name.startsWith(':') ||
      name.startsWith('content-') ||
      name.startsWith('connect-')
    )
      continue;
    headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  headers.set('content-type', 'application/json');
  return headers;
}
