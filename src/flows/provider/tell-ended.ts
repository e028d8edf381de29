import type { Clock } from '../../domain/clock.ts';
import { dayMs } from '../../domain/duration.ts';
import type { LoggedEvent } from '../../domain/event-log.ts';
import type { EventType } from '../../domain/events.ts';
import type { LogoutPlace } from '../../domain/logout.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import { goRound } from '../round.ts';
import type { SubjectOf } from './subject.ts';

export type TellDeps = {
  readonly clock: Clock;
  readonly random: Random;
  readonly subjectOf: SubjectOf;
};

export type TellStores = 'applications' | 'grants' | 'outbox';

/**
 * Puts a logout token on its way for every grant of a user that has ended and whose application wants to know, once for each
 * session (OpenID Connect Back-Channel Logout 1.0, section 2.5). In a transaction.
 */
export async function tellEnded(
  { grants, applications, outbox }: Pick<Repositories, TellStores>,
  { clock, random, subjectOf }: TellDeps,
  tenantId: string,
  userId: string,
): Promise<void> {
  const now = clock();
  const told = new Set<string>();
  for (const { clientId, sessionId } of await grants.takeEnded(tenantId, userId, now)) {
    const application = await applications.find(tenantId, clientId);
    const to = application?.settings.backchannelLogoutUri ?? '';
    const name = `${clientId} ${sessionId}`;
    if (application === undefined || to === '' || told.has(name)) continue;
    told.add(name);
    // Nobody is left to tell where the tenant that a subject was made for is gone.
    const subject = await subjectOf(application, userId);
    if (subject === undefined) continue;
    const { algorithm, sector } = application.settings;
    await outbox.add({
      id: random.uuid(),
      tenantId,
      message: {
        channel: 'http',
        to,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        // The token is made at every attempt, because its time would be over at the last.
        body: '',
        logout: { clientId, subject, sessionId, sector, algorithm },
      },
      createdAt: now,
      expiresAt: new Date(now.getTime() + 3 * dayMs),
    });
  }
}

/** The events after which a grant may be over. */
const endings: readonly EventType[] = [
  'session.ended',
  'sessions.ended',
  'session.reuse_detected',
  'grant.ended',
  'grant.reuse_detected',
  'application.disconnected',
  'user.disabled',
];

export type LogoutFanOutDeps = TellDeps & {
  readonly store: Store<TellStores | 'eventLogs' | 'logoutCursors'>;
};

const batchTenants = 50;
const batchEvents = 200;

/**
 * Follows the log of every tenant that has applications with a back-channel: whatever ends a session is an event, so that no
 * way out is forgotten. Place and messages move in one transaction, whichever instance does it and whenever it is killed.
 */
export function createLogoutFanOut(deps: LogoutFanOutDeps) {
  const { store } = deps;
  let after: string | undefined;

  async function advance(place: LogoutPlace, events: readonly LoggedEvent[]): Promise<void> {
    const position = events.at(-1)?.position ?? place.size;
    const users = new Set(
      events.filter(({ type }) => endings.includes(type as EventType)).map(({ userId }) => userId),
    );
    await store.transaction(async (repositories) => {
      if (!(await repositories.logoutCursors.advance(place.tenantId, place.position, position))) return;
      for (const userId of users)
        if (userId !== undefined) await tellEnded(repositories, deps, place.tenantId, userId);
    });
  }

  /** One round over tenants that are behind; returns the number of events, or 1 where others wait for their turn. */
  return async function fanOut(): Promise<number> {
    const behind = await store.logoutCursors.listBehind(after, batchTenants);
    const isMiddle = after !== undefined;
    after = behind.length < batchTenants ? undefined : behind.at(-1)?.tenantId;
    const count = await goRound(behind, async (place) => {
      const events = await store.eventLogs.read(place.tenantId, place.position, place.size, batchEvents);
      await advance(place, events);
      return events.length;
    });
    return count === 0 && (isMiddle || after !== undefined) ? 1 : count;
  };
}
