import type { IncomingMessage, ServerResponse } from 'node:http';
import { codeToHttpStatus, errorToJson } from '@connectrpc/connect/protocol-connect';
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import type { DomainError } from '../domain/errors.ts';
import { negotiateLocale } from '../domain/locale.ts';
import type { RequestInfo } from '../rpc/context.ts';
import type { ErrorMapper } from './error-mapper.ts';
import { protocolOf } from './framework-errors.ts';
import { oauthFailure, oauthPath } from './oauth-dialect.ts';
import { toFailure } from './rest-dialect.ts';

/** A path of gRPC, gRPC-Web and Connect: `/package.Service/Method`. */
const rpcPath = /^\/(?:[a-z]\w*\.)+[A-Z]\w*\/[A-Z]\w*(?:\?|$)/;

/** Rejects a request that no route has seen, in the form of errors that its protocol has. */
export function refuse(
  mapError: ErrorMapper,
  request: IncomingMessage,
  response: ServerResponse,
  info: RequestInfo,
  failure: DomainError,
): void {
  const error = mapError(failure, info, negotiateLocale(headerText(request, 'accept-language')));
  const httpStatus = codeToHttpStatus(error.code);
  const { status, body } = oauthPath.test(request.url ?? '')
    ? oauthFailure(error, httpStatus)
    : toFailure(error, httpStatus, 'unsuccess', (field) => field);
  for (const [name, value] of error.metadata) response.setHeader(name, value);
  // The rest of the body is not read.
  if (request.httpVersionMajor === 1) response.setHeader('connection', 'close');
  const contentType = headerText(request, 'content-type') ?? '';
  if (protocolOf(contentType) !== 'connect') {
    // An answer that is trailers alone (gRPC over HTTP/2, "Responses").
    const trailers = setTrailerStatus(new Headers(), error);
    response.writeHead(200, { 'content-type': contentType, ...Object.fromEntries(trailers) }).end();
    return;
  }
  const document = rpcPath.test(request.url ?? '') ? errorToJson(error, undefined) : body;
  const bytes = Buffer.from(JSON.stringify(document));
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length })
    .end(request.method === 'HEAD' ? undefined : bytes);
}

function headerText(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return typeof value === 'string' ? value : null;
}
