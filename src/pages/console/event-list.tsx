import type { Event } from '../../../gen/manam/v1/event_service_pb.js';
import { Link } from '../kit/parts.tsx';
import { Opener } from './dialogs.tsx';
import { useLanguage } from './language.ts';
import { Code, Empty, Facts, Time } from './parts.tsx';

/** Events, one line each, with everything about one of them at a press. */
export function EventList({ events }: { readonly events: readonly Event[] }) {
  const { t } = useLanguage();
  if (events.length === 0) return <Empty icon="events" title={t('eventsNone')} />;
  return (
    <ul class="events">
      {events.map((event) => (
        <li key={event.eventId} class={event.outcome === 'failure' ? 'failed' : ''}>
          <div>
            <Code>{event.type}</Code>
            {event.reason !== '' && (
              <span class="hint" dir="ltr">
                {event.reason}
              </span>
            )}
            <p class="hint">
              <Time of={event.createTime} />
            </p>
          </div>
          <Opener label={t('details')} title={event.type} about={event.eventId}>
            {() => <EventDetails event={event} />}
          </Opener>
        </li>
      ))}
    </ul>
  );
}

function EventDetails({ event }: { readonly event: Event }) {
  const { t } = useLanguage();
  const { eventId, type, outcome, reason, userId, sessionId, keyId, requestId, createTime, details } = event;
  const named = [
    [t('eventId'), eventId],
    [t('reason'), reason],
    [t('session'), sessionId],
    [t('key'), keyId],
    [t('request'), requestId],
    ...Object.entries(details),
  ] as const;
  return (
    <Facts
      facts={[
        [t('type'), <Code key="type">{type}</Code>],
        [t('outcome'), t(outcome === 'failure' ? 'failure' : 'success')],
        [t('time'), <Time key="time" of={createTime} />],
        ...(userId === ''
          ? []
          : [
              [
                t('user'),
                <Link key="user" to={`users/${userId}`}>
                  <Code>{userId}</Code>
                </Link>,
              ] as const,
            ]),
        ...named
          .filter(([, value]) => value !== '')
          .map(([name, value]) => [name, <Code key={name}>{value}</Code>] as const),
      ]}
    />
  );
}
