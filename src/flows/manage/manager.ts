import { isCanonicalBase64url } from '../../domain/base64url.ts';
import type { Caller, Manager } from '../../domain/caller.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import type { Repositories } from '../../domain/repositories.ts';
import { manamSlug, type Tenant } from '../../domain/tenant.ts';
import { isUuid } from '../../domain/token.ts';
import type { Vault } from '../../domain/vault.ts';
import type { Actor } from '../events/record.ts';
import type { MessageContext } from '../messages.ts';

/** The tenant id of events of the deployment: its keys, and tenants that are gone. */
export const deploymentId = '00000000-0000-0000-0000-000000000000';

/** A manager at work on a tenant, or without one on the deployment. */
export function asActor({ keyId, key: _, ...manager }: Manager, tenant?: Pick<Tenant, 'id'>): Actor {
  const key = keyId === undefined ? undefined : { id: keyId };
  return { ...manager, key, tenant: { id: tenant?.id ?? deploymentId } };
}

/** A person of Manam at work on a tenant, in a call that is not made by its key. */
export function asPerson({ requestId, client, emits }: Caller, tenant: Pick<Tenant, 'id'>): Actor {
  return asActor({ requestId, client, keyId: undefined, ...(emits && { emits }) }, tenant);
}

/** The context of a message from a tenant, in the user's language. */
export function onBehalfOf(tenant: Tenant): MessageContext {
  return { tenant, locale: undefined };
}

/** The tenant that a request names by slug or id. */
export async function findTenant(
  { tenants }: Pick<Repositories, 'tenants'>,
  reference: string,
): Promise<Tenant> {
  const found = isUuid(reference) ? await tenants.findById(reference) : await tenants.findBySlug(reference);
  if (found === undefined) throw new DomainError('NOT_FOUND');
  return found;
}

/** The tenant of the people who run tenants. */
export async function findManam({ tenants }: Pick<Repositories, 'tenants'>): Promise<Tenant> {
  const manam = await tenants.findBySlug(manamSlug);
  if (manam?.status !== 'active') throw new DomainError('UNAVAILABLE');
  return manam;
}

export type PageRequest = { readonly pageSize: number; readonly pageToken: string };

const defaultPageSize = 100;

/**
 * Pages of a list (AIP-158). A token is sealed and valid for its list only, so
 * that no caller can forge its content (R61).
 */
export function createPages(vault: Vault) {
  const purpose = 'page-token';
  return {
    /** Reads what a page is asked for with; `list` names the list and its filters. */
    parse(list: string, { pageSize, pageToken }: PageRequest): { after: string | undefined; size: number } {
      const size = pageSize === 0 ? defaultPageSize : pageSize;
      if (pageToken === '') return { after: undefined, size };
      try {
        if (!isCanonicalBase64url(pageToken)) throw new TypeError('not canonical');
        return { after: vault.open(purpose, list, Buffer.from(pageToken, 'base64url')).toString(), size };
      } catch {
        throw invalid({ field: 'page_token', reason: 'FIELD_INVALID' });
      }
    },

    /** The token of the page after the last item, where there is one. */
    next(list: string, last: string | undefined): string {
      return last === undefined ? '' : vault.seal(purpose, list, Buffer.from(last)).toString('base64url');
    },
  };
}
