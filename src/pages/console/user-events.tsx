import { useState } from 'preact/hooks';
import type { ListUserEventsResponse } from '../../clients/management.ts';
import { Form } from '../kit/form.tsx';
import { useLanguage } from './language.ts';
import { Empty, Fetched, Time } from './parts.tsx';
import { useConsole } from './state.ts';

/** Everything that happened to a user, in words, the newest first. */
export function UserEvents({ userId }: { readonly userId: string }) {
  const { manage } = useConsole();
  const limit = 20;
  const read = (beforeEventId: string) => manage.listUserEvents({ userId, limit, beforeEventId });
  return <Fetched load={() => read('')}>{(first) => <Pages first={first} read={read} />}</Fetched>;
}

type Answer = Pick<ListUserEventsResponse, 'events' | 'hasMore'>;

function Pages({
  first,
  read,
}: {
  readonly first: Answer;
  readonly read: (beforeEventId: string) => Promise<Answer>;
}) {
  const { t } = useLanguage();
  const [{ events, hasMore }, setAnswer] = useState(first);
  const showMore = async () => {
    const older = await read(events.at(-1)?.eventId ?? '');
    setAnswer({ events: [...events, ...older.events], hasMore: older.hasMore });
  };
  if (events.length === 0) return <Empty icon="events" title={t('eventsNone')} />;
  return (
    <>
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
      {hasMore && <Form submit={t('showOlder')} weight="quiet" onSubmit={showMore} />}
    </>
  );
}
