import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import type { SessionRow } from '../../domain/session.ts';
import { isUuid } from '../../domain/token.ts';
import { auditEvent } from '../audit.ts';
import { ownSession } from './own-session.ts';

export type ManageSessionsDeps = {
  readonly store: Store<'sessions' | 'audit'>;
  readonly clock: Clock;
  readonly random: Random;
};

/** What a user does with his own sessions: sees them, and ends this one, another one or all others. */
export function createManageSessions({ store, clock, random }: ManageSessionsDeps) {
  const deps = { clock, random };
  return {
    async list(caller: Caller): Promise<SessionRow[]> {
      return await store.sessions.listLive(caller.tenant.id, ownSession(caller).userId, clock());
    },

    async logout(caller: Caller): Promise<void> {
      const { userId, id } = ownSession(caller);
      await store.transaction(async ({ sessions, audit }) => {
        await sessions.revoke(caller.tenant.id, userId, id, clock());
        await audit.add(auditEvent(deps, caller, 'logout', 'success'));
      });
    },

    /** Throws NOT_FOUND for what is not a live session of the caller's own user. */
    async revoke(caller: Caller, command: { readonly sessionId: string }): Promise<void> {
      const { userId } = ownSession(caller);
      const { sessionId } = command;
      if (!isUuid(sessionId)) throw new DomainError('NOT_FOUND');
      await store.transaction(async ({ sessions, audit }) => {
        if (!(await sessions.revoke(caller.tenant.id, userId, sessionId, clock())))
          throw new DomainError('NOT_FOUND');
        await audit.add(auditEvent(deps, caller, 'revoke-session', 'success', { sessionId }));
      });
    },

    /** Answers how many sessions ended. */
    async revokeOthers(caller: Caller): Promise<number> {
      const { userId, id } = ownSession(caller);
      return await store.transaction(async ({ sessions, audit }) => {
        const revoked = await sessions.revokeOthers(caller.tenant.id, userId, id, clock());
        await audit.add(auditEvent(deps, caller, 'revoke-other-sessions', 'success'));
        return revoked;
      });
    },
  };
}
