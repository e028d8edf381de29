import type { Caller } from '../../domain/caller.ts';
import { invalid } from '../../domain/errors.ts';
import type { Store } from '../../domain/repositories.ts';
import type { Terms } from '../../domain/terms.ts';
import { type RecordDeps, record } from '../events/record.ts';
import { ownSession } from '../sessions/own-session.ts';

export type TermsDeps = RecordDeps & { readonly store: Store<'terms' | 'events'> };

/** The tenant's terms, and when a user accepted them; undefined: not yet. */
export type TermsOfUser = Terms & { readonly acceptedAt: Date | undefined };

/** The consent of a user to the tenant's terms. */
export function createTerms(deps: TermsDeps) {
  const { store, clock } = deps;
  return {
    async read(caller: Caller): Promise<TermsOfUser> {
      const { id: tenantId, policy } = caller.tenant;
      const { url, version } = policy.terms;
      const { userId } = ownSession(caller);
      const acceptedAt =
        version === '' ? undefined : await store.terms.findAcceptance(tenantId, userId, version);
      return { url, version, acceptedAt };
    },

    /** Accepts the version that was shown; another one than the tenant's is refused. */
    async accept(caller: Caller, command: { readonly version: string }): Promise<void> {
      const { id: tenantId, policy } = caller.tenant;
      const { version } = policy.terms;
      if (version === '' || command.version !== version)
        throw invalid({ field: 'version', reason: 'FIELD_INVALID' });
      const { userId } = ownSession(caller);
      await store.transaction(async (repositories) => {
        await repositories.terms.accept(tenantId, userId, version, clock());
        await record(repositories, deps, caller, { type: 'terms.accepted', details: { version } });
      });
    },
  };
}
