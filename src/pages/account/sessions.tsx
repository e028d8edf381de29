import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';
import { useState } from 'preact/hooks';
import { Form } from '../kit/form.tsx';
import { Loaded } from '../kit/loaded.tsx';
import { Section } from '../kit/parts.tsx';
import { useLanguage } from './language.ts';
import { useAccount } from './state.ts';

/** Where one is signed in, and the end of it. */
export function Sessions() {
  const { t, date, locale } = useLanguage();
  const { manam } = useAccount();
  const [note, setNote] = useState('');
  const when = (time: Timestamp | undefined) => (time === undefined ? '' : date(timestampDate(time)));
  return (
    <Section title={t('sessions')} isPage>
      <p role="status">{note}</p>
      <Loaded key={locale} load={async () => (await manam.auth.listSessions({})).sessions}>
        {(sessions, reload) => (
          <>
            <ul class="sessions">
              {sessions.map(({ sessionId, device, address, createTime, lastUseTime, current }) => (
                <li key={sessionId}>
                  <div>
                    <span class="device">{device || '–'}</span>
                    <p class="hint">
                      <bdi dir="ltr">{address}</bdi> · {t('sessionSince', { date: when(createTime) })} ·{' '}
                      {t('sessionUsed', { date: when(lastUseTime) })}
                    </p>
                  </div>
                  {current ? (
                    <span class="badge">{t('sessionCurrent')}</span>
                  ) : (
                    <Form
                      submit={t('endSession')}
                      about={`${device} ${when(createTime)}`}
                      weight="quiet"
                      onSubmit={async () => {
                        await manam.auth.revokeSession({ sessionId });
                        setNote(t('endedSession'));
                        await reload();
                      }}
                    />
                  )}
                </li>
              ))}
            </ul>
            {sessions.length > 1 && (
              <Form
                submit={t('endOthers')}
                onSubmit={async () => {
                  await manam.auth.revokeOtherSessions({});
                  setNote(t('endedOthers'));
                  await reload();
                }}
              />
            )}
          </>
        )}
      </Loaded>
    </Section>
  );
}
