import { formatApiKey } from '../domain/api-key.ts';
import type { Clock, Random } from '../domain/ports.ts';
import type { Store } from '../domain/repositories.ts';
import { type KeyKind, scopes, type TenantPolicy } from '../domain/tenant.ts';
import { sha256 } from '../domain/token.ts';

export type TenantKeys = { readonly publishable: string; readonly secret: string };

type SeedDeps = {
  readonly store: Store<'tenants'>;
  readonly clock: Clock;
  readonly random: Random;
};

const names: Record<string, string> = { manam: 'Manam', dev: 'Dev' };

/** What a development tenant allows: the addresses of the documented samples, and pages on this machine. */
function developmentPolicy(origin: string): TenantPolicy {
  const page = (name: string) => `${origin}/account/${name}`;
  const pages = { confirm: page('confirm'), recover: page('recover'), twoFactor: page('two-factor') };
  return {
    pages,
    confirmUrls: ['https://tenant.com/confirm', pages.confirm],
    redirectUris: [],
    senders: { default: 'info@tenant.com', addresses: ['info@tenant.com'] },
    origins: ['http://localhost:*', 'http://127.0.0.1:*'],
    defaultCountry: 'IR',
    countries: ['IR', 'AF', 'AE', 'TR', 'DE', 'GB', 'US'],
    defaultLocale: 'en',
    password: { minLength: 8 },
    requireSecondFactor: false,
    roles: { admin: [...scopes], user: [] },
    discloseRegistration: false,
  };
}

/**
 * Makes a development tenant where it does not exist. Its keys are stored as digests
 * only, so keys that are no longer known from `known` are replaced by new ones.
 */
export async function seedTenant(
  { store, clock, random }: SeedDeps,
  slug: 'manam' | 'dev',
  origin: string,
  known: TenantKeys | undefined,
): Promise<TenantKeys> {
  const now = clock();
  const existing = await store.tenants.findBySlug(slug);
  const id = existing?.id ?? random.uuid();
  const fresh = developmentPolicy(origin);
  if (existing === undefined) {
    await store.tenants.insert({ id, slug, name: names[slug] ?? slug, status: 'active', policy: fresh }, now);
  } else {
    // The port may be another one today: our own pages follow it, and nothing else changes.
    const confirmUrls = [...new Set([...existing.policy.confirmUrls, ...fresh.confirmUrls])];
    await store.tenants.updatePolicy(id, { ...existing.policy, pages: fresh.pages, confirmUrls });
  }
  if (known !== undefined && (await isLive(store, known, id, now))) return known;

  await store.tenants.revokeKeys(id, now);
  const make = async (kind: KeyKind) => {
    const text = formatApiKey(kind, random.bytes(32));
    const key = {
      id: random.uuid(),
      tenantId: id,
      kind,
      scopes: kind === 'secret' ? scopes : [],
      digest: sha256(text),
    };
    await store.tenants.insertKey(key, now);
    return text;
  };
  return { publishable: await make('publishable'), secret: await make('secret') };
}

async function isLive(
  store: Store<'tenants'>,
  keys: TenantKeys,
  tenantId: string,
  now: Date,
): Promise<boolean> {
  for (const text of [keys.publishable, keys.secret]) {
    const found = await store.tenants.findByKeyDigest(sha256(text), now);
    if (found?.tenant.id !== tenantId) return false;
  }
  return true;
}
