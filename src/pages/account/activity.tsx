import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { MyEvent } from '../../../gen/manam/v1/event_service_pb.js';
import { Loaded } from '../kit/loaded.tsx';
import { Older, type OlderPage } from '../kit/older.tsx';
import { Section } from '../kit/parts.tsx';
import { useLanguage } from './language.ts';
import { useAccount } from './state.ts';

/** The events of the account, the newest first. */
export function Activity() {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const read = async (beforeEventId: string): Promise<OlderPage<MyEvent>> => {
    const { events, hasMore } = await manam.events.listMyEvents({ beforeEventId });
    return { items: events, hasMore, next: events.at(-1)?.eventId ?? '' };
  };
  return (
    <Section title={t('activity')} isPage>
      <p class="hint">{t('activityHint')}</p>
      <Loaded load={() => read('')}>
        {(first) => (
          <Older first={first} read={read} more={t('activityMore')}>
            {(events) => <Events events={events} />}
          </Older>
        )}
      </Loaded>
    </Section>
  );
}

function Events({ events }: { readonly events: readonly MyEvent[] }) {
  const { t } = useLanguage();
  if (events.length === 0) return <p>{t('activityNone')}</p>;
  return (
    <ul class="sessions">
      {events.map((event) => (
        <Item key={event.eventId} event={event} />
      ))}
    </ul>
  );
}

function Item({ event }: { readonly event: MyEvent }) {
  const { t, date } = useLanguage();
  const { text, outcome, address, createTime, isCurrentSession } = event;
  return (
    <li>
      <div>
        <p class={outcome === 'failure' ? 'event failed' : 'event'}>{text}</p>
        <p class="hint">
          {createTime && <time>{date(timestampDate(createTime))}</time>}
          {address !== '' && (
            <>
              {' · '}
              <bdi dir="ltr">{address}</bdi>
            </>
          )}
        </p>
      </div>
      {isCurrentSession && <span class="badge">{t('sessionCurrent')}</span>}
    </li>
  );
}
