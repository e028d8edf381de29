import type { Finding } from '../../domain/finding.ts';
import type { OutgoingFetch } from '../../domain/outgoing.ts';
import type { Repositories } from '../../domain/repositories.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { everyTenant } from '../every-tenant.ts';

export type ExamineSitesDeps = {
  readonly store: Pick<Repositories, 'tenants'>;
  readonly outgoingFetch: OutgoingFetch;
  /** The origin of the hosted pages. */
  readonly pageOrigin: string;
};

const check = 'passkeys.sites';
const maxBytes = 16 * 1024;
const timeoutMs = 5000;

/**
 * Whether the site of each tenant that names one as its relying party lets the hosted pages use its passkeys, by
 * `/.well-known/webauthn` (WebAuthn Level 3, section 5.11). Pages of the site itself need no such file.
 */
export async function examinePasskeySites({
  store,
  outgoingFetch,
  pageOrigin,
}: ExamineSitesDeps): Promise<Finding[]> {
  const findings: Finding[] = [];
  for await (const tenant of everyTenant(store)) {
    const origins = needsOf(tenant, pageOrigin);
    if (origins.length > 0) findings.push(await examineSite(outgoingFetch, tenant, origins));
  }
  return findings.length > 0 ? findings : [{ check, state: 'ok', detail: 'no site is needed', fix: '' }];
}

/** The origins of a tenant that its site has to name. */
function needsOf({ status, policy }: Tenant, pageOrigin: string): string[] {
  const { mode, rpId, origins } = policy.passkeys;
  if (status !== 'active' || mode === 'off' || rpId === '') return [];
  const isOfSite = (origin: string) => {
    const { hostname } = new URL(origin);
    return hostname === rpId || hostname.endsWith(`.${rpId}`);
  };
  const pages = [...origins, pageOrigin].filter((origin) => /^https?:/.test(origin));
  return [...new Set(pages.filter((origin) => !isOfSite(origin)))];
}

async function examineSite(
  outgoingFetch: OutgoingFetch,
  { slug, policy }: Tenant,
  origins: readonly string[],
): Promise<Finding> {
  const url = `https://${policy.passkeys.rpId}/.well-known/webauthn`;
  const fix = `put ${JSON.stringify({ origins })} there, as application/json (docs/passkeys.md)`;
  try {
    const response = await outgoingFetch(url, { maxBytes, timeoutMs });
    const told = (await response.json()) as { readonly origins?: unknown };
    const named: readonly unknown[] = Array.isArray(told.origins) ? told.origins : [];
    const missing = origins.filter((origin) => !named.includes(origin));
    if (response.ok && missing.length === 0)
      return { check, state: 'ok', detail: `${slug}: ${url} names the pages`, fix: '' };
    const detail = `${slug}: ${url} does not name ${missing.join(', ') || 'anything'}`;
    return { check, state: 'warning', detail, fix };
  } catch {
    return { check, state: 'warning', detail: `${slug}: ${url} cannot be read`, fix };
  }
}
