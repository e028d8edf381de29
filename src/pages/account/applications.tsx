import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Form } from '../kit/form.tsx';
import { Loaded } from '../kit/loaded.tsx';
import { Section } from '../kit/parts.tsx';
import { useLanguage } from './language.ts';
import { ScopeList } from './scope-list.tsx';
import { useAccount } from './state.ts';

/** The applications that the user has let in, and the end of that. Nothing where there are none. */
export function Applications() {
  const { t, date } = useLanguage();
  const { manam } = useAccount();
  return (
    <Loaded load={async () => (await manam.authorization.listConnectedApplications({})).applications}>
      {(applications, reload) =>
        applications.length > 0 && (
          <Section title={t('applications')}>
            <p class="hint">{t('applicationsHint')}</p>
            <ul class="sessions">
              {applications.map(({ application, scopes, createTime }) => (
                <li key={application?.clientId}>
                  <div>
                    <bdi class="device">{application?.name}</bdi>
                    {application?.host && (
                      <p class="hint">
                        <bdi dir="ltr">{application.host}</bdi>
                      </p>
                    )}
                    <p class="hint">
                      {t('applicationSince', { date: createTime ? date(timestampDate(createTime)) : '' })}
                    </p>
                    <details>
                      <summary>{t('applicationScopes')}</summary>
                      <ScopeList scopes={scopes} resources={[]} />
                    </details>
                  </div>
                  <Form
                    submit={t('providerDisconnect')}
                    about={application?.name ?? ''}
                    weight="quiet"
                    onSubmit={async () => {
                      await manam.authorization.disconnectApplication({
                        clientId: application?.clientId ?? '',
                      });
                      await reload();
                    }}
                  />
                </li>
              ))}
            </ul>
          </Section>
        )
      }
    </Loaded>
  );
}
