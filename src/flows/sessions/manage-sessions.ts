import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import type { SessionRow } from '../../domain/session.ts';
import { isUuid } from '../../domain/token.ts';
import { endSessions } from '../after-change.ts';
import { record } from '../events/record.ts';
import { ownSession } from './own-session.ts';

export type ManageSessionsDeps = {
  readonly store: Store<'sessions' | 'grants' | 'events'>;
  readonly clock: Clock;
  readonly random: Random;
};

/** Operations of a user on their sessions: list, and end this one, another one or all others. */
export function createManageSessions({ store, clock, random }: ManageSessionsDeps) {
  const deps = { clock, random };
  return {
    async list(caller: Caller): Promise<SessionRow[]> {
      return await store.sessions.listLive(caller.tenant.id, ownSession(caller).userId, clock());
    },

    async logout(caller: Caller): Promise<void> {
      const { userId, id } = ownSession(caller);
      await store.transaction(async (repositories) => {
        await repositories.sessions.revoke(caller.tenant.id, userId, id, clock());
        await record(repositories, deps, caller, { type: 'session.ended', details: { cause: 'logout' } });
      });
    },

    /** Throws NOT_FOUND for what is not a live session of the caller's own user. */
    async revoke(caller: Caller, command: { readonly sessionId: string }): Promise<void> {
      const { userId } = ownSession(caller);
      const { sessionId } = command;
      if (!isUuid(sessionId)) throw new DomainError('NOT_FOUND');
      await store.transaction(async (repositories) => {
        if (!(await repositories.sessions.revoke(caller.tenant.id, userId, sessionId, clock())))
          throw new DomainError('NOT_FOUND');
        const details = { cause: 'revoked' } as const;
        await record(repositories, deps, caller, { type: 'session.ended', sessionId, details });
      });
    },

    /** Returns the number of ended sessions. */
    async revokeOthers(caller: Caller): Promise<number> {
      const { userId, id } = ownSession(caller);
      const user = { tenantId: caller.tenant.id, id: userId };
      return await store.transaction((repositories) => endSessions(deps, repositories, caller, user, id));
    },
  };
}
