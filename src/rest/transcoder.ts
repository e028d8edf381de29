import type { IncomingMessage, ServerResponse } from 'node:http';
import { type DescMethod, fromJson, getOption, hasOption, type Message, toJson } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ConnectRouterOptions,
  type ContextValues,
  createConnectRouter,
  type Interceptor,
} from '@connectrpc/connect';
import { http } from '../../gen/google/api/annotations_pb.js';
import { bindRequest, type PathVariable } from './bind.ts';
import { type Exchange, errorOf, setExchange, throughExchange } from './exchange.ts';
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
  refusal(error: RestError): Error;
  /** The same for a request that led to no call. */
  unrouted(error: RestError, values: ContextValues, request: IncomingMessage): ConnectError;
};

export type TranscoderOptions = {
  /** Registers the services on a separate router of the transcoder. */
  readonly routes: (router: ConnectRouter) => void;
  /** The options of that router: the gate and the interceptors of the others. */
  readonly router: ConnectRouterOptions;
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

/**
 * Serves the routes of google.api.http over a separate Connect router, so that gate
 * and interceptors are those of every other protocol. The body is read and bound by
 * the innermost interceptor: a rejected caller's body is never read.
 */
export function createTranscoder(options: TranscoderOptions): Transcoder {
  const { dialect } = options;
  const speller = createSpeller(options.spelling);
  const router = createConnectRouter({
    ...throughExchange(options.router, options.inner),
    acceptCompression: [],
  });
  options.routes(router);

  const trie = createRouteTrie<Route>();
  for (const handler of router.handlers) {
    if (!hasOption(handler.method, http)) continue;
    const rule = getOption(handler.method, http);
    for (const { httpMethod, template, route } of bindingsOf(
      handler,
      rule,
      options.method(handler.method),
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
        trie.add(httpMethod, mounted, route, `${handler.method.parent.typeName}/${handler.method.name}`);
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
        throw error instanceof RestError ? dialect.refusal(error) : error;
      }
    };
    const exchange: Exchange = { bind, isHead: request.method === 'HEAD' };
    setExchange(values, exchange);
    const result = await route.handler({
      httpVersion: request.httpVersion,
      method: 'POST',
      url: `http://localhost${route.handler.requestPath}`,
      header: callHeaders(request),
      body: {},
      signal: closeSignal(response),
      contextValues: values,
    });
    const error = result.status === 200 ? undefined : await errorOf(exchange, result);
    for (const [name, value] of [...(result.header ?? []), ...(error?.metadata ?? [])]) {
      if (!name.startsWith('content-')) response.setHeader(name, value);
    }
    if (error !== undefined) {
      fail(route, error, result.status, request, response);
    } else if (exchange.answer === undefined) {
      response.writeHead(200, { 'content-type': 'application/json' }).end();
    } else {
      succeed(speller, dialect, route, exchange.answer, values, request, response);
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
    send(response, status, 'application/json', Buffer.from(JSON.stringify(body)), request);
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
  send(response, route.status, 'application/json', Buffer.from(JSON.stringify(body)), request);
}

function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: Buffer,
  request: IncomingMessage,
): void {
  response.writeHead(status, { 'content-type': type, 'content-length': body.length });
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

/** Aborts where the caller goes away before the answer. */
function closeSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort(new ConnectError('the caller went away', Code.Canceled));
  });
  return controller.signal;
}
