import { useState } from 'preact/hooks';
import { type ManagedApplication, ManagementService } from '../../clients/management.ts';
import type { ApplicationSettings } from '../../domain/application-settings.ts';
import { CheckField, linesOf, numberIn, SelectField, TextArea } from '../kit/fields.tsx';
import { Field, type Values } from '../kit/form.tsx';
import { kindWord } from './applications.tsx';
import { Confirm } from './dialogs.tsx';
import { useLanguage } from './language.ts';
import { Card, Copyable, Empty, Facts, Fetched, Page, Secret, Time } from './parts.tsx';
import { Editable } from './sheet.tsx';
import { useConsole } from './state.ts';

/** One application: what its developer needs, and its settings. */
export function ApplicationScreen() {
  const { t } = useLanguage();
  const { manage, item } = useConsole();
  const load = async () =>
    (await manage.listApplications({})).applications.find(({ clientId }) => clientId === item);
  return (
    <Fetched load={load}>
      {(application, reload) =>
        application === undefined ? (
          <Page title={t('notFound')} back={{ to: 'applications', label: t('applications') }}>
            <Empty icon="search" title={t('notFoundHint')} />
          </Page>
        ) : (
          <Shown application={application} reload={reload} />
        )
      }
    </Fetched>
  );
}

type ShownProps = { readonly application: ManagedApplication; readonly reload: () => Promise<void> };

function Shown({ application, reload }: ShownProps) {
  const { t, number } = useLanguage();
  const { may } = useConsole();
  const { clientId, issuer, secrets, createTime } = application;
  const settings = application.settings as unknown as ApplicationSettings;
  const mayChange = may(ManagementService.method.updateApplication);
  return (
    <Page
      title={settings.name}
      hint={t(kindWord(settings.kind))}
      back={{ to: 'applications', label: t('applications') }}
    >
      <Card title={t('appConnect')} hint={t('appConnectHint')}>
        <Facts
          facts={[
            [t('clientId'), <Copyable key="id" text={clientId} />],
            [t('issuer'), <Copyable key="issuer" text={issuer} />],
            [
              t('discovery'),
              <Copyable key="discovery" text={`${issuer}/.well-known/openid-configuration`} />,
            ],
            ...(settings.authentication === 'none' ? [] : [[t('secretsLive'), number(secrets)] as const]),
            [t('madeAt'), <Time key="time" of={createTime} />],
          ]}
        />
        {mayChange && settings.authentication.startsWith('client_secret') && (
          <NewSecret clientId={clientId} onMade={reload} />
        )}
      </Card>
      <AppForm clientId={clientId} settings={settings} reload={reload} />
      {mayChange && <RemoveApplication clientId={clientId} />}
    </Page>
  );
}

function NewSecret({
  clientId,
  onMade,
}: {
  readonly clientId: string;
  readonly onMade: () => Promise<void>;
}) {
  const { t } = useLanguage();
  const { manage } = useConsole();
  const [secret, setSecret] = useState('');
  return (
    <>
      {secret !== '' && <Secret label={t('clientSecret')} text={secret} />}
      <Confirm
        label={t('secretRotate')}
        text={t('secretRotateHint')}
        weight="quiet"
        onConfirm={async () => {
          const { clientSecret } = await manage.rotateApplicationSecret({ clientId });
          setSecret(clientSecret);
          await onMade();
        }}
      />
    </>
  );
}

function RemoveApplication({ clientId }: { readonly clientId: string }) {
  const { t } = useLanguage();
  const { manage, go } = useConsole();
  return (
    <Card title={t('appRemove')}>
      <Confirm
        label={t('appRemove')}
        text={t('appRemoveHint')}
        onConfirm={async () => {
          await manage.deleteApplication({ clientId });
          go('applications', t('removed'));
        }}
      />
    </Card>
  );
}

type AppFormProps = {
  readonly clientId: string;
  readonly settings: ApplicationSettings;
  readonly reload: () => Promise<void>;
};

function AppForm({ clientId, settings, reload }: AppFormProps) {
  const { t } = useLanguage();
  const { manage, say } = useConsole();
  const isPerson = settings.kind !== 'machine';
  const save = async (values: Values) => {
    const next = {
      name: values['name'] ?? '',
      enabled: values['enabled'] === 'on',
      algorithm: values['algorithm'] ?? settings.algorithm,
      accessTokenMinutes: numberIn(values, 'accessTokenMinutes', t('numberWrong')),
      scopes: linesOf(values['scopes']),
      resources: linesOf(values['resources']),
      ...(isPerson && {
        redirectUris: linesOf(values['redirectUris']),
        postLogoutRedirectUris: linesOf(values['postLogoutRedirectUris']),
        backchannelLogoutUri: (values['backchannelLogoutUri'] ?? '').trim(),
        firstParty: values['firstParty'] === 'on',
        deviceGrant: values['deviceGrant'] === 'on',
      }),
      ...(settings.kind === 'spa' && { origins: linesOf(values['origins']) }),
    };
    await manage.updateApplication({ clientId, settings: next });
    say(t('saved'));
    await reload();
  };
  const lines = (
    name: 'redirectUris' | 'postLogoutRedirectUris' | 'origins' | 'scopes' | 'resources',
    hint: string,
  ) => (
    <TextArea
      name={name}
      alsoNames={[`settings.${name}`, `settings.${name}.`]}
      label={t(name)}
      hint={hint}
      value={settings[name].join('\n')}
      isLatin
    />
  );
  const fields = (
    <>
      <Field name="name" alsoNames={['settings.name']} label={t('name')} value={settings.name} />
      {isPerson && lines('redirectUris', t('redirectUrisHint'))}
      {isPerson && lines('postLogoutRedirectUris', t('onePerLine'))}
      {settings.kind === 'spa' && lines('origins', t('originsHint'))}
      {isPerson && (
        <Field
          name="backchannelLogoutUri"
          alsoNames={['settings.backchannelLogoutUri']}
          label={t('backchannelLogoutUri')}
          value={settings.backchannelLogoutUri}
          isLatin
        />
      )}
      {lines('scopes', t('onePerLine'))}
      {lines('resources', t('resourcesHint'))}
      <div class="row">
        <SelectField
          name="algorithm"
          label={t('algorithm')}
          value={settings.algorithm}
          choices={['RS256', 'ES256', 'EdDSA'].map((value) => ({ value, label: value }))}
        />
        <Field
          name="accessTokenMinutes"
          alsoNames={['settings.accessTokenMinutes']}
          label={t('accessTokenMinutes')}
          value={String(settings.accessTokenMinutes)}
          inputMode="numeric"
          isLatin
        />
      </div>
      <CheckField name="enabled" label={t('appEnabled')} isChecked={settings.enabled} />
      {isPerson && (
        <>
          <CheckField
            name="firstParty"
            label={t('firstParty')}
            hint={t('firstPartyHint')}
            isChecked={settings.firstParty}
          />
          <CheckField name="deviceGrant" label={t('deviceGrant')} isChecked={settings.deviceGrant} />
        </>
      )}
    </>
  );
  return (
    <Card title={t('settings')}>
      <Editable method={ManagementService.method.updateApplication} onSave={save}>
        {fields}
      </Editable>
    </Card>
  );
}
