import type { Clock } from '../domain/clock.ts';
import type { EventType } from '../domain/events.ts';
import type { Repositories } from '../domain/repositories.ts';
import type { User, UserView } from '../domain/user.ts';
import { type Actor, type RecordDeps, type Recorded, record } from './events/record.ts';
import { type MessageContext, type Notice, notifyUser } from './messages.ts';

/** The repositories of the ways into an account. */
export type AccessStores = 'challenges' | 'trustedDevices' | 'sessions';

/**
 * Ends every way into an account that was opened before: outstanding challenges, trusted devices and
 * sessions, except the one that is kept. Returns the number of ended sessions.
 */
export async function endAccess(
  { challenges, trustedDevices, sessions }: Pick<Repositories, AccessStores>,
  clock: Clock,
  { tenantId, id }: Pick<User, 'tenantId' | 'id'>,
  keptSessionId: string | undefined,
): Promise<number> {
  // Challenges first: a second step that is under way holds its row, and could still become a session.
  await challenges.invalidateAll(tenantId, id);
  await trustedDevices.removeAll(tenantId, id);
  return await sessions.revokeOthers(tenantId, id, keptSessionId, clock());
}

/**
 * Runs after every change of credentials, in its transaction: other sessions and everything
 * outstanding end, every confirmed identifier of `view` gets a notice, and the event is recorded
 * (R19, R46). The caller's own session is kept.
 */
export async function afterChange<T extends EventType>(
  deps: RecordDeps,
  repositories: Pick<Repositories, AccessStores | 'outbox' | 'events'>,
  actor: Actor & MessageContext,
  view: UserView,
  change: { readonly notice: Notice; readonly event: Recorded<T> },
): Promise<void> {
  await endAccess(repositories, deps.clock, view.user, actor.session?.id);
  await notifyUser(deps, repositories, actor, view, change.notice);
  await record(repositories, deps, actor, { ...change.event, userId: view.user.id });
}
