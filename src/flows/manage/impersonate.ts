import type { AccessTokens } from '../../domain/access-token.ts';
import { type Caller, managerOf } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import { parseText } from '../../domain/profile.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import { isUuid } from '../../domain/token.ts';
import { record } from '../events/record.ts';
import { openActingSession } from '../sign-in/session-gate.ts';
import { memberOf } from './members.ts';

export type ImpersonateDeps = {
  readonly store: Store<'users' | 'sessions' | 'events'>;
  readonly accessTokens: AccessTokens;
  readonly clock: Clock;
  readonly random: Random;
};

const maxReason = 200;

/**
 * Lets a member look at an account as its user does (RFC 8693, section 4.1): a short token that says who acts, opens what
 * shows the account and nothing that changes it, and stands in the history of the user with its reason.
 */
export function createImpersonate({ store, accessTokens, clock, random }: ImpersonateDeps) {
  const deps = { clock, random };
  return async function impersonate(
    caller: Caller,
    command: { readonly userId: string; readonly reason: string },
  ): Promise<{ accessToken: string; expiresInS: number }> {
    const { tenant } = caller;
    const { userId: actorId } = memberOf(managerOf(caller));
    const reason = parseText(command.reason.trim(), 'reason', maxReason);
    if (reason === '') throw invalid({ field: 'reason', reason: 'FIELD_REQUIRED' });
    const view = isUuid(command.userId) ? await store.users.findById(tenant.id, command.userId) : undefined;
    // Only an account that can sign in can be impersonated.
    const isUsable = [view?.email, view?.mobile].some((held) => held?.confirmedAt !== undefined);
    if (view?.user.status !== 'active' || !isUsable) throw new DomainError('NOT_FOUND');
    const session = await store.transaction(async (repositories) => {
      const opened = await openActingSession(repositories, deps, view.user);
      if (opened === undefined) throw new DomainError('NOT_FOUND');
      const event = { type: 'user.impersonated', userId: view.user.id, sessionId: opened.id } as const;
      await record(repositories, deps, caller, { ...event, details: { reason } });
      return opened;
    });
    const { tenantId, userId, id: sessionId, level, authTime, amr } = session;
    const claims = { tenantId, userId, sessionId, level, authTime, amr, jkt: undefined, actorId };
    return { accessToken: await accessTokens.sign(claims), expiresInS: accessTokens.lifetimeS };
  };
}
