import type { MyEvent } from '../../../gen/manam/v1/event_service_pb.js';
import { Older, type OlderPage } from '../kit/older.tsx';
import { useLanguage } from './language.ts';
import { Empty, Fetched, Time } from './parts.tsx';
import { useConsole } from './state.ts';

const limit = 20;

/** Everything that happened to a user, in words, the newest first. */
export function UserEvents({ userId }: { readonly userId: string }) {
  const { t } = useLanguage();
  const { manage } = useConsole();
  const read = async (beforeEventId: string): Promise<OlderPage<MyEvent>> => {
    const { events, hasMore } = await manage.listUserEvents({ userId, limit, beforeEventId });
    return { items: events, hasMore, next: events.at(-1)?.eventId ?? '' };
  };
  return (
    <Fetched load={() => read('')}>
      {(first) => (
        <Older first={first} read={read} more={t('showOlder')}>
          {(events) => <List events={events} />}
        </Older>
      )}
    </Fetched>
  );
}

function List({ events }: { readonly events: readonly MyEvent[] }) {
  const { t } = useLanguage();
  if (events.length === 0) return <Empty icon="events" title={t('eventsNone')} />;
  return (
    <ul class="events">
      {events.map(({ eventId, text, outcome, address, createTime }) => (
        <li key={eventId} class={outcome === 'failure' ? 'failed' : ''}>
          <div>
            <p>{text}</p>
            <p class="hint">
              <Time of={createTime} />
              {address !== '' && (
                <>
                  {' · '}
                  <bdi dir="ltr">{address}</bdi>
                </>
              )}
            </p>
          </div>
        </li>
      ))}
    </ul>
  );
}
