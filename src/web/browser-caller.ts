import type { IncomingMessage, ServerResponse } from 'node:http';
import { codeToHttpStatus } from '@connectrpc/connect/protocol-connect';
import type { Logger } from 'pino';
import { digestApiKey } from '../domain/api-key.ts';
import type { Caller } from '../domain/caller.ts';
import { DomainError } from '../domain/errors.ts';
import { negotiateLocale } from '../domain/locale.ts';
import type { Tenant } from '../domain/tenant.ts';
import type { RequestInfo } from '../rpc/context.ts';
import { createDeadline, serverDeadlineMs } from '../server/deadline.ts';
import type { ErrorMapper } from '../server/error-mapper.ts';
import { sendJson } from '../server/handler.ts';
import { toFailure } from '../server/rest-dialect.ts';
import type { TenantDirectory } from '../server/tenant-directory.ts';

/** The caller of a browser that follows a link: a tenant without a user. */
export function browserCaller(request: IncomingMessage, info: RequestInfo, tenant: Tenant): Caller {
  const locale = negotiateLocale(request.headers['accept-language'] ?? null);
  const nobody = { key: undefined, session: undefined, pending: undefined, idempotency: undefined };
  return {
    requestId: info.requestId,
    tenant,
    client: info.client,
    deadline: createDeadline(AbortSignal.timeout(serverDeadlineMs)),
    locale,
    ...nobody,
  };
}

export type KeyedCallerDeps = { readonly directory: TenantDirectory; readonly log: Logger };

/** The same, known by the publishable key in its link; a secret key there is refused and reported (R53). */
export async function keyedCaller(
  { directory, log }: KeyedCallerDeps,
  request: IncomingMessage,
  info: RequestInfo,
  text: string,
): Promise<Caller> {
  const digest = digestApiKey(text);
  const found = digest && (await directory.findByKey(digest));
  if (found === undefined) throw new DomainError('KEY_INVALID');
  const { tenant, key } = found;
  info.tenantId = tenant.id;
  if (key.kind === 'secret') {
    // In an address it has been read by now: by logs, by the history, by the next site.
    log.warn(
      { requestId: info.requestId, tenantId: tenant.id, keyId: key.id },
      'a secret key stood in an address: rotate it',
    );
    throw new DomainError('SECRET_KEY_EXPOSED');
  }
  return { ...browserCaller(request, info, tenant), key };
}

/** Answers a browser whose way in has failed, with the document and the headers of the error. */
export function sendFailure(
  mapError: ErrorMapper,
  request: IncomingMessage,
  response: ServerResponse,
  info: RequestInfo,
  thrown: unknown,
): 'answered' {
  const error = mapError(thrown, info, negotiateLocale(request.headers['accept-language'] ?? null));
  const { status, body } = toFailure(error, codeToHttpStatus(error.code), 'unsuccess', (field) => field);
  for (const [name, value] of error.metadata) response.setHeader(name, value);
  return sendJson(response, status, body);
}
