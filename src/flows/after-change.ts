import type { Former } from '../domain/account-change.ts';
import type { Clock } from '../domain/clock.ts';
import { DomainError } from '../domain/errors.ts';
import type { EventType } from '../domain/events.ts';
import type { Repositories } from '../domain/repositories.ts';
import type { CallerSession } from '../domain/session.ts';
import type { User, UserView } from '../domain/user.ts';
import { type Actor, type RecordDeps, type Recorded, record } from './events/record.ts';
import { type MessageContext, type Notice, notifyUser } from './messages.ts';
import { sendUndo, type UndoableNotice, type UndoLinkDeps } from './recovery/undo-link.ts';
import { holdSession } from './sessions/own-session.ts';

/** The repositories of the ways into an account. */
export type AccessStores =
  | 'challenges'
  | 'trustedDevices'
  | 'sessions'
  | 'grants'
  | 'factorResets'
  | 'events';

/** The repositories of what follows a change of credentials. */
type ChangeStores = AccessStores | 'users' | 'outbox';
export type UndoableChangeStores = ChangeStores | 'accountChanges' | 'authenticators';

type Change<T extends EventType> = { readonly notice: Notice; readonly event: Recorded<T> };

/**
 * Ends every way into an account that was opened before: outstanding challenges, trusted devices and
 * sessions, except the one that is kept, and records that. Returns the number of ended sessions.
 */
export async function endAccess(
  deps: RecordDeps,
  repositories: Pick<Repositories, AccessStores>,
  actor: Actor,
  { tenantId, id }: Pick<User, 'tenantId' | 'id'>,
  kept: string | undefined,
): Promise<number> {
  const { clock } = deps;
  const { challenges, trustedDevices, factorResets } = repositories;
  // Challenges first: a second step that is under way holds its row, and could still become a session.
  await challenges.invalidateAll(tenantId, id);
  await trustedDevices.removeAll(tenantId, id);
  // A reset that waits began before this change.
  await factorResets.end(tenantId, id, clock());
  return await endSessions(deps, repositories, actor, { tenantId, id }, kept);
}

/** Ends all sessions of a user but one, with everything that applications were given outside of it, and records that also where there were none. Returns their number. */
export async function endSessions(
  deps: RecordDeps,
  repositories: Pick<Repositories, 'sessions' | 'grants' | 'events'>,
  actor: Actor,
  { tenantId, id: userId }: Pick<User, 'tenantId' | 'id'>,
  kept: string | undefined,
): Promise<number> {
  const now = deps.clock();
  const count = await repositories.sessions.revokeOthers(tenantId, userId, kept, now);
  await repositories.grants.endOfUser(tenantId, userId, { keptSessionId: kept }, now);
  const details = { count, kept: kept !== undefined };
  await record(repositories, deps, actor, { type: 'sessions.ended', userId, sessionId: kept ?? '', details });
  return count;
}

/** Throws ACCOUNT_FROZEN where the owner reported a change: a session may be an intruder's. */
export function assertNotFrozen({ frozenUntil }: UserView, now: Date): void {
  if (frozenUntil !== undefined && frozenUntil > now)
    throw new DomainError('ACCOUNT_FROZEN', { retryAfterMs: frozenUntil.getTime() - now.getTime() });
}

/** The same in the transaction of a change, as the account is now: a freeze may have come since the call began. */
export async function assertNotFrozenNow(
  { users }: Pick<Repositories, 'users'>,
  clock: Clock,
  { tenantId, id }: Pick<User, 'tenantId' | 'id'>,
): Promise<void> {
  await users.lock(tenantId, id);
  const view = await users.findById(tenantId, id);
  if (view !== undefined) assertNotFrozen(view, clock());
}

/**
 * The same for a change that a session makes, which it keeps from ending before the change is made: what ends all sessions
 * comes first, or after it. Throws TOKEN_INVALID where the session has ended since the gate admitted it.
 */
export async function assertMayChange(
  repositories: Pick<Repositories, 'users' | 'sessions'>,
  clock: Clock,
  actor: Pick<Actor, 'tenant'> & { readonly session: CallerSession },
  user: Pick<User, 'tenantId' | 'id'>,
): Promise<void> {
  await holdSession(repositories, actor, actor.session, clock);
  await assertNotFrozenNow(repositories, clock, user);
}

/**
 * Runs after every change of credentials, in its transaction: other sessions and everything
 * outstanding end, every confirmed identifier of `view`, as it was before the change, gets a notice, and the
 * event is recorded (R19, R46). The caller's own session is kept.
 */
export async function afterChange<T extends EventType>(
  deps: RecordDeps,
  repositories: Pick<Repositories, ChangeStores>,
  actor: Actor & MessageContext,
  view: UserView,
  { notice, event }: Change<T>,
): Promise<void> {
  await endOthers(deps, repositories, actor, view);
  await notifyUser(deps, repositories, actor, view, notice);
  await record(repositories, deps, actor, { ...event, userId: view.user.id });
}

/** The same after a change of an identifier or the password: the notice has a link that undoes it. */
export async function afterUndoableChange<T extends EventType>(
  deps: RecordDeps & UndoLinkDeps,
  repositories: Pick<Repositories, UndoableChangeStores>,
  actor: Actor & MessageContext,
  view: UserView,
  {
    event,
    ...undo
  }: Change<T> & {
    readonly notice: UndoableNotice;
    readonly former: Former;
    readonly toAll?: boolean;
  },
): Promise<void> {
  await endOthers(deps, repositories, actor, view);
  await sendUndo(deps, repositories, actor, view, undo);
  await record(repositories, deps, actor, { ...event, userId: view.user.id });
}

async function endOthers(
  deps: RecordDeps,
  repositories: Pick<Repositories, AccessStores | 'users'>,
  actor: Actor,
  view: UserView,
): Promise<void> {
  const { session } = actor;
  if (session !== undefined)
    await assertMayChange(repositories, deps.clock, { ...actor, session }, view.user);
  await endAccess(deps, repositories, actor, view.user, session?.id);
}
