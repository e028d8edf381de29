import { useState } from 'preact/hooks';
import type { Event } from '../../../gen/manam/v1/event_service_pb.js';
import { SelectField } from '../kit/fields.tsx';
import { Older, type OlderPage } from '../kit/older.tsx';
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
  const read = async (after: string): Promise<OlderPage<Event>> => {
    const query = { newestFirst: true, limit: 50, types: kind === '' ? [] : [kind] };
    let answer = await events.listEvents({ ...query, after });
    while (answer.hasMore && answer.events.length === 0)
      answer = await events.listEvents({ ...query, after: answer.nextCursor });
    return { items: answer.events, hasMore: answer.hasMore, next: answer.nextCursor };
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
          {(first) => (
            <Older first={first} read={read} more={t('showOlder')}>
              {(found) => <EventList events={found} />}
            </Older>
          )}
        </Fetched>
      </Card>
    </Page>
  );
}
