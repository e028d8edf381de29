import type { IncomingMessage } from 'node:http';
import type { Caller } from '../domain/caller.ts';
import { negotiateLocale } from '../domain/locale.ts';
import type { Tenant } from '../domain/tenant.ts';
import type { RequestInfo } from '../rpc/context.ts';

/** Who a browser is that comes by a link: of a tenant, and nobody yet. */
export function browserCaller(request: IncomingMessage, info: RequestInfo, tenant: Tenant): Caller {
  const locale = negotiateLocale(request.headers['accept-language'] ?? null);
  const nobody = { key: undefined, session: undefined, pending: undefined, idempotency: undefined };
  return { requestId: info.requestId, tenant, client: info.client, locale, ...nobody };
}
