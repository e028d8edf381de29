import { useState } from 'preact/hooks';
import type { ListEventsResponse } from '../../../gen/manam/v1/event_service_pb.js';
import { SelectField } from '../kit/fields.tsx';
import { Form } from '../kit/form.tsx';
import { EventList } from './event-list.tsx';
import { useLanguage, type Word } from './language.ts';
import { Card, Fetched, Page } from './parts.tsx';
import { useConsole } from './state.ts';

/** Beginnings of types that people look for. */
const kinds: readonly (readonly [types: string, word: Word])[] = [
  ['', 'eventsAll'],
  ['sign_in.', 'eventsSignIn'],
  ['session.', 'eventsSession'],
  ['user.', 'eventsUser'],
  ['identifier.', 'eventsIdentifier'],
  ['authenticator.', 'eventsAuthenticator'],
  ['recovery.', 'eventsRecovery'],
  ['grant.', 'eventsGrant'],
  ['member.', 'eventsMember'],
  ['key.', 'eventsKey'],
  ['tenant.', 'eventsTenant'],
  ['webhook.', 'eventsWebhook'],
];

/** The log of the tenant, the newest event first. */
export function Events() {
  const { t } = useLanguage();
  const { events } = useConsole();
  const [kind, setKind] = useState('');
  /** Goes on until there is something to show: rare kinds lie far apart. */
  const read = async (after: string): Promise<Answer> => {
    let answer: Answer = { events: [], nextCursor: after, hasMore: true };
    while (answer.hasMore && answer.events.length === 0) {
      const types = kind === '' ? [] : [kind];
      answer = await events.listEvents({ newestFirst: true, after: answer.nextCursor, limit: 50, types });
    }
    return answer;
  };
  return (
    <Page title={t('events')} hint={t('eventsHint')}>
      <div class="toolbar">
        <SelectField
          name="kind"
          label={t('eventsKind')}
          choices={kinds.map(([value, word]) => ({ value, label: t(word) }))}
          value={kind}
          onChange={setKind}
        />
      </div>
      <Card>
        <Fetched key={kind} load={() => read('')}>
          {(first) => <Pages first={first} read={read} />}
        </Fetched>
      </Card>
    </Page>
  );
}

type Answer = Pick<ListEventsResponse, 'events' | 'nextCursor' | 'hasMore'>;

function Pages({
  first,
  read,
}: {
  readonly first: Answer;
  readonly read: (after: string) => Promise<Answer>;
}) {
  const { t } = useLanguage();
  const [answer, setAnswer] = useState(first);
  const showMore = async () => {
    const { events, ...rest } = await read(answer.nextCursor);
    setAnswer({ ...rest, events: [...answer.events, ...events] });
  };
  return (
    <>
      <EventList events={answer.events} />
      {answer.hasMore && <Form submit={t('showOlder')} weight="quiet" onSubmit={showMore} />}
    </>
  );
}
