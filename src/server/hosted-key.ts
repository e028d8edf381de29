import { digestApiKey, formatApiKey } from '../domain/api-key.ts';
import type { Clock, Random, Vault } from '../domain/ports.ts';
import { DuplicateError, type Store } from '../domain/repositories.ts';
import { manamSlug } from '../domain/tenant.ts';
import type { TenantDirectory } from './tenant-directory.ts';

export type HostedKeyDeps = {
  readonly store: Store<'tenants'>;
  readonly directory: TenantDirectory;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

/** How often such a key may have been revoked. */
const maxGenerations = 100;

/**
 * The publishable key that the hosted sign-in of Manam calls with. It follows from the
 * data key, so that every instance knows the same one, and where it was revoked the next
 * one takes its place. Undefined where there is no tenant of Manam.
 */
export function createHostedKey({ store, directory, vault, clock, random }: HostedKeyDeps) {
  return async function hostedKey(): Promise<string | undefined> {
    const tenant = await store.tenants.findBySlug(manamSlug);
    if (tenant === undefined) return undefined;
    for (let generation = 0; generation < maxGenerations; generation += 1) {
      const secret = vault.mac('hosted-page-key', Buffer.from(`${tenant.id} ${generation}`));
      const text = formatApiKey('publishable', secret);
      const digest = digestApiKey(text);
      if (digest === undefined) return undefined;
      if ((await directory.findByKey(digest)) !== undefined) return text;
      try {
        const key = {
          id: random.uuid(),
          tenantId: tenant.id,
          kind: 'publishable',
          scopes: [],
          digest,
        } as const;
        await store.tenants.insertKey(key, clock());
        directory.forgetKey(digest);
        return text;
      } catch (error) {
        // Another instance has just made it, or it was revoked once.
        if (!(error instanceof DuplicateError)) throw error;
        if ((await store.tenants.findByKeyDigest(digest, clock())) !== undefined) return text;
      }
    }
    return undefined;
  };
}
