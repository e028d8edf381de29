import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError, invalid, type Reason } from '../../domain/errors.ts';
import { endTexts, sessionTexts, textOfEvent } from '../../domain/event-texts.ts';
import { type Event, eventCatalogue, isEventType, type SessionEnd } from '../../domain/events.ts';
import type { Locale } from '../../domain/locale.ts';
import type { Store } from '../../domain/repositories.ts';
import type { EndedSession } from '../../domain/session.ts';
import { isUuid } from '../../domain/token.ts';
import { ownSession } from '../sessions/own-session.ts';

export type HistoryDeps = {
  readonly store: Store<'events' | 'sessions'>;
  readonly clock: Clock;
  /** The text of a reason in a language. */
  readonly textOfReason: (reason: Reason, locale: Locale) => string;
};

/** An event in words. */
export type ToldEvent = { readonly event: Event; readonly text: string };

export type Explanation = {
  readonly state: 'active' | 'ended' | 'expired' | 'unknown' | 'refused' | 'done';
  readonly text: string;
  readonly cause: ToldEvent | undefined;
  readonly events: readonly ToldEvent[];
};

/** A page of events; `beforeId`: empty, or only those before it. */
type HistoryPage = { readonly beforeId: string; readonly limit: number };

const defaultLimit = 20;
const defaultPageLimit = 50;
/** The newest events of a user that an explanation looks at, and those that it lists. */
const lookedAt = 1000;
const listed = 100;

/** The history of an account in words: for its user, and for the support of its tenant. */
export function createHistory({ store, clock, textOfReason }: HistoryDeps) {
  const localeOf = ({ locale, tenant }: Caller) => locale ?? tenant.policy.defaultLocale;
  const isSeen = ({ type }: Event) => isEventType(type) && eventCatalogue[type].audience.includes('user');

  function tell(event: Event, locale: Locale): ToldEvent {
    const text = textOfEvent(event.type, locale);
    return { event, text: event.reason === '' ? text : `${text} ${textOfReason(event.reason, locale)}` };
  }

  /** The user that a call asks about: a session's own, or the one that a secret key names. */
  async function subjectOf(
    caller: Caller,
    query: ExplainQuery,
  ): Promise<{ userId: string; session?: EndedSession }> {
    const { sessionId, userId } = query;
    const own = caller.session?.userId;
    if (own !== undefined && userId !== '' && userId !== own) throw new DomainError('NOT_FOUND');
    if (sessionId === '') {
      const subject = own ?? userId;
      if (!isUuid(subject)) throw invalid({ field: 'user_id', reason: 'FIELD_REQUIRED' });
      return { userId: subject };
    }
    const session = isUuid(sessionId)
      ? await store.sessions.findEnded(caller.tenant.id, sessionId)
      : undefined;
    if (session === undefined || (own !== undefined && session.userId !== own))
      throw new DomainError('NOT_FOUND');
    return { userId: session.userId, session };
  }

  async function page(
    caller: Caller,
    userId: string,
    types: readonly string[],
    { beforeId, limit }: HistoryPage,
  ): Promise<{ events: ToldEvent[]; hasMore: boolean }> {
    if (beforeId !== '' && !isUuid(beforeId))
      throw invalid({ field: 'before_event_id', reason: 'FIELD_INVALID' });
    const filter = { tenantId: caller.tenant.id, userId, types, ...(beforeId !== '' && { beforeId }) };
    const events = await store.events.list(filter, limit + 1);
    const told = events.slice(0, limit).map((event) => tell(event, localeOf(caller)));
    return { events: told, hasMore: events.length > limit };
  }

  return {
    /** The events of the caller's account, the newest first. */
    async list(
      caller: Caller,
      { beforeId, limit }: HistoryPage,
    ): Promise<{ events: ToldEvent[]; hasMore: boolean }> {
      const { userId } = ownSession(caller);
      const types = Object.keys(eventCatalogue).filter(
        (type) => isEventType(type) && eventCatalogue[type].audience.includes('user'),
      );
      return await page(caller, userId, types, { beforeId, limit: limit === 0 ? defaultLimit : limit });
    },

    /** Everything that happened to a user, for those who manage the tenant; the newest first. */
    async ofUser(
      caller: Caller,
      userId: string,
      { beforeId, limit }: HistoryPage,
    ): Promise<{ events: ToldEvent[]; hasMore: boolean }> {
      const types = Object.keys(eventCatalogue).filter(
        (type) => isEventType(type) && eventCatalogue[type].audience.includes('tenant'),
      );
      return await page(caller, userId, types, { beforeId, limit: limit === 0 ? defaultPageLimit : limit });
    },

    /** Explains a session, or a call that was refused. Throws NOT_FOUND for what is not the caller's to ask about. */
    async explain(caller: Caller, query: ExplainQuery): Promise<Explanation> {
      const locale = localeOf(caller);
      const { requestId } = query;
      if (query.sessionId === '' && requestId === '')
        throw invalid({ field: 'session_id', reason: 'FIELD_REQUIRED' });
      const { userId, session } = await subjectOf(caller, query);
      const all = (await store.events.list({ tenantId: caller.tenant.id, userId }, lookedAt)).reverse();
      const seen = caller.session === undefined ? all : all.filter(isSeen);
      const ofCall = requestId === '' ? seen : seen.filter((event) => event.requestId === requestId);
      const own = ofCall.filter((event) => session === undefined || concerns(event, session));
      const events = own.slice(-listed).map((event) => tell(event, locale));
      if (session === undefined || requestId !== '') return explainCall(own, events, locale);
      const ending = own.find((event) => ends(event, session));
      const { revokedAt, idleExpiresAt } = session;
      const isCut = (revokedAt !== undefined && revokedAt < idleExpiresAt) || ending !== undefined;
      if (!isCut) {
        const isLive = session.idleExpiresAt > clock() && session.expiresAt > clock();
        const state = isLive ? 'active' : 'expired';
        return { state, text: sessionTexts[state][locale], cause: undefined, events };
      }
      return {
        state: 'ended',
        text: ending === undefined ? sessionTexts.unknown[locale] : reasonOf(ending, seen, locale),
        cause: ending && tell(ending, locale),
        events,
      };
    },
  };

  function explainCall(own: readonly Event[], events: readonly ToldEvent[], locale: Locale): Explanation {
    const failed = own.find(({ outcome }) => outcome === 'failure');
    const cause = failed && tell(failed, locale);
    if (cause !== undefined) return { state: 'refused', text: cause.text, cause, events };
    const state = own.length > 0 ? 'done' : 'unknown';
    return { state, text: events.at(-1)?.text ?? sessionTexts.unknownCall[locale], cause: undefined, events };
  }
}

export type ExplainQuery = {
  readonly sessionId: string;
  readonly userId: string;
  readonly requestId: string;
};

/** Whether an event is about a session: in it, or to all sessions of its user while it lived. */
function concerns(event: Event, session: EndedSession): boolean {
  return event.sessionId === session.id || ends(event, session);
}

/** Whether an event ended a session. */
export function ends(event: Event, session: Pick<EndedSession, 'id' | 'createdAt'>): boolean {
  const { type, sessionId, details, createdAt } = event;
  if (createdAt < session.createdAt) return false;
  if (type === 'session.ended' || type === 'session.reuse_detected') return sessionId === session.id;
  return type === 'sessions.ended' && (details['kept'] === false || sessionId !== session.id);
}

/** Why a session ended, from the event that ended it and those of the same call. */
function reasonOf(ending: Event, all: readonly Event[], locale: Locale): string {
  const { type, details, requestId } = ending;
  if (type === 'session.ended') {
    return endTexts[details['cause'] as SessionEnd][locale];
  }
  if (type !== 'sessions.ended') return textOfEvent(type, locale);
  const because = all.find((event) => event.requestId === requestId && event.type !== type) ?? ending;
  return sessionTexts.others[locale].replace('{cause}', textOfEvent(because.type, locale));
}
