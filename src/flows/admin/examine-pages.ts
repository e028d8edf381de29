import type { Finding } from '../../domain/finding.ts';
import type { Repositories } from '../../domain/repositories.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { defaultPolicy } from '../../domain/tenant-policy.ts';
import { everyTenant } from '../every-tenant.ts';

const check = 'tenants.pages';

/**
 * Whether the hosted pages in the policies of tenants are those of this service: a policy names them by the origin that the
 * service had when the tenant was made, and so do the links in its messages. `pageOrigin` empty: it is not known.
 */
export async function examinePages(
  store: Pick<Repositories, 'tenants'>,
  pageOrigin: string,
): Promise<Finding[]> {
  const ok = (detail: string): Finding => ({ check, state: 'ok', detail, fix: '' });
  if (pageOrigin === '') return [ok('not known here, without MANAM_ISSUER')];
  const findings: Finding[] = [];
  for await (const { slug, status, policy } of everyTenant(store)) {
    const strange = status === 'active' ? strangePages(slug, policy.pages, pageOrigin) : [];
    if (strange.length > 0)
      findings.push({
        check,
        state: 'warning',
        detail: `${slug}: ${strange.join(', ')} of another origin than ${pageOrigin}`,
        fix: `manam tenant set ${slug} ${strange.map((path) => `--set ${path}=null`).join(' ')}`,
      });
  }
  return findings.length > 0 ? findings : [ok('the hosted pages are those of this service')];
}

/** The paths of a policy's pages that are the hosted ones of another origin. */
function strangePages(slug: string, pages: Tenant['policy']['pages'], pageOrigin: string): string[] {
  return (Object.keys(pages) as (keyof typeof pages)[])
    .filter((name) => {
      const origin = URL.canParse(pages[name]) ? new URL(pages[name]).origin : pageOrigin;
      return origin !== pageOrigin && pages[name] === defaultPolicy(origin, slug).pages[name];
    })
    .map((name) => `pages.${name}`);
}
