import type { Application } from '../../domain/application.ts';
import type { Store } from '../../domain/repositories.ts';
import type { Vault } from '../../domain/vault.ts';
import { pairwiseSubject } from '../federation/pairwise-subject.ts';

/** The subject by which an application knows a user; undefined where the tenant that it is for is gone. */
export type SubjectOf = (
  application: Pick<Application, 'settings'>,
  userId: string,
) => Promise<string | undefined>;

/**
 * The id of the user, or for the application of another tenant at Manam a subject of its own sector, which is the one that
 * "Login with Manam" names (OpenID Connect Core 1.0, section 8.1).
 */
export function createSubjects({
  store,
  vault,
}: {
  readonly store: Store<'tenants'>;
  readonly vault: Vault;
}): SubjectOf {
  return async ({ settings: { sector } }, userId) => {
    if (sector === '') return userId;
    const tenant = await store.tenants.findBySlug(sector);
    return tenant && pairwiseSubject(vault, userId, tenant.id);
  };
}
