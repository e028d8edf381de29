import { timestampDate } from '@bufbuild/protobuf/wkt';
import { useState } from 'preact/hooks';
import type { MyEvent } from '../../../gen/manam/v1/event_service_pb.js';
import { Form } from '../kit/form.tsx';
import { Loaded } from '../kit/loaded.tsx';
import { Section } from '../kit/parts.tsx';
import { useLanguage } from './language.ts';
import { useAccount } from './state.ts';

type Page = { readonly events: readonly MyEvent[]; readonly hasMore: boolean };

/** The events of the account, the newest first. */
export function Activity() {
  const { t } = useLanguage();
  const { manam } = useAccount();
  return (
    <Section title={t('activity')} isPage>
      <p class="hint">{t('activityHint')}</p>
      <Loaded load={() => manam.events.listMyEvents({})}>{(page) => <Events first={page} />}</Loaded>
    </Section>
  );
}

function Events({ first }: { readonly first: Page }) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const [{ events, hasMore }, setPage] = useState(first);
  const showMore = async () => {
    const older = await manam.events.listMyEvents({ beforeEventId: events.at(-1)?.eventId ?? '' });
    setPage({ events: [...events, ...older.events], hasMore: older.hasMore });
  };
  if (events.length === 0) return <p>{t('activityNone')}</p>;
  return (
    <>
      <ul class="sessions">
        {events.map((event) => (
          <Item key={event.eventId} event={event} />
        ))}
      </ul>
      {hasMore && <Form submit={t('activityMore')} onSubmit={showMore} weight="quiet" />}
    </>
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
