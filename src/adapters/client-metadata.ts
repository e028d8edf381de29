import { LRUCache } from 'lru-cache';
import * as v from 'valibot';
import { defaultApplication, patchApplication } from '../domain/application.ts';
import type { ApplicationSettings } from '../domain/application-settings.ts';
import type { Client, FindClient } from '../domain/client.ts';
import type { Clock } from '../domain/clock.ts';
import type { OutgoingFetch } from '../domain/outgoing.ts';
import type { Tenant } from '../domain/tenant.ts';

export type ClientMetadataDeps = {
  readonly outgoingFetch: OutgoingFetch;
  readonly clock: Clock;
  /** Counts a document that is fetched; throws RATE_LIMITED where a network named too many. */
  readonly chargeFetch: (tenant: Tenant, address: string) => Promise<unknown>;
};

/** A document is kept for minutes, and so is its absence: callers do not decide how often it is fetched. */
const keptMs = 300_000;
const refusedMs = 30_000;
const maxKept = 1000;
const maxBytes = 16 * 1024;
const timeoutMs = 5000;
const maxIdLength = 500;

const texts = v.optional(v.array(v.string()), []);
/** The members that matter here (RFC 7591, section 2); others are for other servers. */
const schema = v.object({
  client_id: v.string(),
  client_name: v.optional(v.string(), ''),
  redirect_uris: v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(20)),
  client_uri: v.optional(v.string(), ''),
  policy_uri: v.optional(v.string(), ''),
  tos_uri: v.optional(v.string(), ''),
  grant_types: texts,
  scope: v.optional(v.string(), ''),
  token_endpoint_auth_method: v.optional(v.string(), 'none'),
  jwks_uri: v.optional(v.string(), ''),
});

/** Whether an address can be an id: https, a path, and nothing that would give it a second spelling (CIMD, section 3). */
function isPossibleId(clientId: string): boolean {
  if (clientId.length > maxIdLength || !URL.canParse(clientId)) return false;
  const url = new URL(clientId);
  const isPlain = `${url.username}${url.password}${url.hash}` === '' && !clientId.includes('#');
  const hasDots = /\/\.{1,2}(?:\/|$)/.test(clientId.split('?', 1)[0] ?? '');
  return url.protocol === 'https:' && isPlain && !hasDots && url.pathname !== '/' && url.href === clientId;
}

function toSettings(document: unknown, clientId: string): ApplicationSettings | undefined {
  const parsed = v.safeParse(schema, document);
  if (!parsed.success || parsed.output.client_id !== clientId) return undefined;
  const { output: said } = parsed;
  const authentication = said.token_endpoint_auth_method;
  // A secret in a public document would be none.
  if (authentication !== 'none' && authentication !== 'private_key_jwt') return undefined;
  const { host } = new URL(clientId);
  const name = said.client_name
    .replaceAll(/[<>\p{Cc}\p{Cf}]/gu, '')
    .trim()
    .slice(0, 60);
  try {
    return patchApplication(defaultApplication('native'), {
      name: name === '' ? host : name,
      redirectUris: said.redirect_uris,
      homeUrl: linkOf(said.client_uri, clientId),
      privacyUrl: linkOf(said.policy_uri, clientId),
      termsUrl: linkOf(said.tos_uri, clientId),
      authentication,
      ...(authentication === 'private_key_jwt' && { jwksUri: said.jwks_uri }),
      deviceGrant: said.grant_types.includes('urn:ietf:params:oauth:grant-type:device_code'),
    });
  } catch {
    return undefined;
  }
}

/** A link of the document, where it leads to the host that vouches for the application. */
function linkOf(uri: string, clientId: string): string {
  return URL.canParse(uri) && new URL(uri).origin === new URL(clientId).origin ? uri : '';
}

/**
 * Applications whose id is the address of their metadata (OAuth Client ID Metadata Document), where the tenant's policy
 * takes them. Everything about them is what the document says, so that the consent page names the host.
 */
export function createClientMetadata({ outgoingFetch, clock, chargeFetch }: ClientMetadataDeps): FindClient {
  const kept = new LRUCache<
    string,
    { readonly settings: ApplicationSettings | undefined; readonly untilMs: number }
  >({
    max: maxKept,
  });

  async function read(clientId: string): Promise<ApplicationSettings | undefined> {
    try {
      const response = await outgoingFetch(clientId, {
        headers: { accept: 'application/json' },
        maxBytes,
        timeoutMs,
      });
      const type = response.headers.get('content-type') ?? '';
      if (response.status !== 200 || !/^application\/(?:[\w.-]+\+)?json\b/i.test(type)) return undefined;
      return toSettings(await response.json(), clientId);
    } catch {
      // Not there, not allowed, too slow, too large, no JSON: there is no such application.
      return undefined;
    }
  }

  return async (tenant, clientId, address): Promise<Client | undefined> => {
    if (!tenant.policy.metadataClients || !isPossibleId(clientId)) return undefined;
    const now = clock();
    let known = kept.get(clientId);
    if (known === undefined || known.untilMs <= now.getTime()) {
      await chargeFetch(tenant, address);
      const settings = await read(clientId);
      known = { settings, untilMs: now.getTime() + (settings === undefined ? refusedMs : keptMs) };
      kept.set(clientId, known);
    }
    const { settings } = known;
    return (
      settings && { tenantId: tenant.id, clientId, settings, createdAt: now, updatedAt: now, secrets: [] }
    );
  };
}
