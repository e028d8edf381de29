import { useState } from 'preact/hooks';
import { type CreateApplicationResponse, ManagementService } from '../../clients/management.ts';
import type { ApplicationSettings } from '../../domain/application-settings.ts';
import { linesOf, SelectField, TextArea } from '../kit/fields.tsx';
import { Field, type Values } from '../kit/form.tsx';
import { Link } from '../kit/parts.tsx';
import { Opener } from './dialogs.tsx';
import { useLanguage, type Word } from './language.ts';
import { Card, Code, Copyable, Empty, Facts, Fetched, KeptSecret, Page, Table, Tag, Time } from './parts.tsx';
import { Sheet } from './sheet.tsx';
import { useConsole } from './state.ts';

const kindWords: Readonly<Record<string, Word>> = {
  web: 'appWeb',
  spa: 'appSpa',
  native: 'appNative',
  machine: 'appMachine',
};

export const kindWord = (kind: string): Word => kindWords[kind] ?? 'appWeb';

/** The tenant's applications: what signs people in by OpenID Connect. */
export function Applications() {
  const { t } = useLanguage();
  const { manage, may } = useConsole();
  const mayCreate = may(ManagementService.method.createApplication);
  return (
    <Fetched load={async () => (await manage.listApplications({})).applications}>
      {(applications) => (
        <Page
          title={t('applications')}
          hint={t('applicationsHint')}
          actions={
            mayCreate && (
              <Opener label={t('appAdd')} icon="add" weight="primary">
                {() => <NewApplication />}
              </Opener>
            )
          }
        >
          {applications.length === 0 ? (
            <Card>
              <Empty icon="applications" title={t('appsNone')}>
                <p class="hint">{t('appsNoneHint')}</p>
              </Empty>
            </Card>
          ) : (
            <Table
              label={t('applications')}
              rows={applications}
              keyOf={({ clientId }) => clientId}
              columns={[
                {
                  label: t('name'),
                  isMain: true,
                  of: ({ clientId, settings }) => (
                    <Link to={`applications/${encodeURIComponent(clientId)}`}>
                      <bdi>{(settings as unknown as ApplicationSettings).name}</bdi>
                    </Link>
                  ),
                },
                {
                  label: t('kind'),
                  of: ({ settings }) => t(kindWord((settings as unknown as ApplicationSettings).kind)),
                },
                { label: t('clientId'), of: ({ clientId }) => <Code>{clientId}</Code> },
                {
                  label: t('state'),
                  of: ({ settings }) =>
                    (settings as unknown as ApplicationSettings).enabled ? (
                      <Tag tone="good">{t('on')}</Tag>
                    ) : (
                      <Tag tone="bad">{t('off')}</Tag>
                    ),
                },
                { label: t('madeAt'), of: ({ createTime }) => <Time of={createTime} /> },
              ]}
            />
          )}
        </Page>
      )}
    </Fetched>
  );
}

function NewApplication() {
  const { t } = useLanguage();
  const { manage, go } = useConsole();
  const [kind, setKind] = useState('web');
  const [made, setMade] = useState<CreateApplicationResponse>();
  const open = ({ application }: CreateApplicationResponse) =>
    go(`applications/${encodeURIComponent(application?.clientId ?? '')}`, t('appMade'));
  const create = async ({ name = '', redirectUris = '', origins = '' }: Values) => {
    const settings = {
      kind,
      name,
      ...(kind !== 'machine' && { redirectUris: linesOf(redirectUris) }),
      ...(kind === 'spa' && { origins: linesOf(origins) }),
    };
    const answer = await manage.createApplication({ settings });
    if (answer.clientSecret === '') open(answer);
    else setMade(answer);
  };
  if (made !== undefined)
    return (
      <>
        <Facts
          facts={[
            [t('clientId'), <Copyable key="id" text={made.application?.clientId ?? ''} />],
            [t('issuer'), <Copyable key="issuer" text={made.application?.issuer ?? ''} />],
          ]}
        />
        <KeptSecret label={t('clientSecret')} text={made.clientSecret} onKept={() => open(made)} />
      </>
    );
  return (
    <Sheet submit={t('appAdd')} onSubmit={create}>
      <Field name="name" alsoNames={['settings.name']} label={t('name')} isRequired takesFocus />
      <SelectField
        name="kind"
        alsoNames={['settings.kind']}
        label={t('kind')}
        value={kind}
        onChange={setKind}
        choices={Object.entries(kindWords).map(([value, word]) => ({ value, label: t(word) }))}
      />
      {kind !== 'machine' && (
        <TextArea
          name="redirectUris"
          alsoNames={['settings.redirectUris', 'settings.redirectUris.']}
          label={t('redirectUris')}
          hint={t('redirectUrisHint')}
          isLatin
        />
      )}
      {kind === 'spa' && (
        <TextArea
          name="origins"
          alsoNames={['settings.origins', 'settings.origins.']}
          label={t('origins')}
          hint={t('originsHint')}
          isLatin
        />
      )}
    </Sheet>
  );
}
