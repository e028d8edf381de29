import { formatApiKey, type KeyKind, scopes } from '../domain/api-key.ts';
import type { Clock } from '../domain/clock.ts';
import type { TenantPolicy } from '../domain/policy.ts';
import type { Random } from '../domain/random.ts';
import { DuplicateError, type Store } from '../domain/repositories.ts';
import { defaultPolicy } from '../domain/tenant-policy.ts';
import { sha256 } from '../domain/token.ts';

export type TenantKeys = { readonly publishable: string; readonly secret: string };

type SeedDeps = {
  readonly store: Store<'tenants'>;
  readonly clock: Clock;
  readonly random: Random;
};

const names: Record<string, string> = { manam: 'Manam', dev: 'Dev' };

/** The policy of a development tenant: the addresses of the documented samples, and pages on this machine. */
function developmentPolicy(origin: string, slug: string): TenantPolicy {
  const standard = defaultPolicy(origin, slug);
  return {
    ...standard,
    confirmUrls: ['https://tenant.com/confirm', standard.pages.confirm],
    senders: { default: 'info@tenant.com', addresses: ['info@tenant.com'] },
    redirectUris: ['https://tenant.com/signed-in', 'http://localhost:3000/signed-in'],
    origins: ['http://localhost:*', 'http://127.0.0.1:*'],
    google: { ...standard.google, enabled: true },
    manam: { enabled: true },
    defaultCountry: 'IR',
    countries: ['IR', 'AF', 'AE', 'TR', 'DE', 'GB', 'US'],
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
  const fresh = developmentPolicy(origin, slug);
  if (existing === undefined) {
    const name = names[slug] ?? slug;
    try {
      await store.tenants.insert({ id, slug, name, status: 'active', policy: fresh, createdAt: now });
    } catch (error) {
      // Another instance made it at this moment.
      if (!(error instanceof DuplicateError)) throw error;
      return await seedTenant({ store, clock, random }, slug, origin, known);
    }
  } else {
    // The port may be another one today: our own pages follow it, and nothing else changes.
    const confirmUrls = [...new Set([...existing.policy.confirmUrls, ...fresh.confirmUrls])];
    const policy = { ...existing.policy, pages: fresh.pages, confirmUrls };
    await store.tenants.update(id, { policy });
  }
  if (known !== undefined && (await isLive(store, known, id, now))) return known;

  // Of instances that start together one is first, and none waits for another in a circle.
  return await store.transaction(async ({ tenants }) => {
    await tenants.findForUpdate(id);
    await tenants.revokeKeys(id, now);
    return await makeKeys({ tenants, random }, id, now);
  });
}

async function makeKeys(
  { tenants, random }: Pick<SeedDeps, 'random'> & Pick<SeedDeps['store'], 'tenants'>,
  id: string,
  now: Date,
): Promise<TenantKeys> {
  const make = async (kind: KeyKind) => {
    const text = formatApiKey(kind, random.bytes(32));
    const key = {
      id: random.uuid(),
      tenantId: id,
      kind,
      scopes: kind === 'secret' ? scopes : [],
      digest: sha256(text),
    };
    await tenants.insertKey(key, now);
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
    // A key of an older version lacks newer scopes.
    const { key } = found;
    if (key.kind === 'secret' && !scopes.every((scope) => key.scopes.includes(scope))) return false;
  }
  return true;
}
