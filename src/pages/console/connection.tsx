import { useState } from 'preact/hooks';
import { type ManagedConnection, ManagementService } from '../../clients/management.ts';
import { CheckField, linesOf, SelectField, TextArea } from '../kit/fields.tsx';
import { Field, type Values } from '../kit/form.tsx';
import { useLanguage } from './language.ts';
import { Card, Confirm, Copyable, Empty, Facts, Fetched, Page, Sheet } from './parts.tsx';
import { useConsole } from './state.ts';

const kinds: readonly (readonly [kind: string, name: string])[] = [
  ['google', 'Google'],
  ['apple', 'Apple'],
  ['microsoft', 'Microsoft'],
  ['github', 'GitHub'],
  ['facebook', 'Facebook'],
  ['linkedin', 'LinkedIn'],
  ['oidc', 'OpenID Connect'],
  ['manam', 'Manam'],
];

type Settings = {
  readonly kind: string;
  readonly enabled: boolean;
  readonly displayName: string;
  readonly clientId: string;
  readonly issuer: string;
  readonly domains: readonly string[];
  readonly createAccounts: boolean;
  readonly teamId: string;
  readonly keyId: string;
};

const blank: Settings = {
  kind: 'google',
  enabled: true,
  displayName: '',
  clientId: '',
  issuer: '',
  domains: [],
  createAccounts: true,
  teamId: '',
  keyId: '',
};

/** A connection with an identity provider: made, changed, or taken away. */
export function ConnectionScreen() {
  const { t } = useLanguage();
  const { manage, item } = useConsole();
  const back = { to: 'sign-in', label: t('signInWays') };
  const load = async () => (await manage.listConnections({})).connections;
  if (item === 'new')
    return (
      <Page title={t('providerAdd')} back={back}>
        <NewConnection />
      </Page>
    );
  return (
    <Fetched load={load}>
      {(connections, reload) => {
        const found = connections.find(({ name }) => name === item);
        return (
          <Page title={found === undefined ? t('notFound') : item} back={back}>
            {found === undefined ? (
              <Empty icon="search" title={t('notFoundHint')} />
            ) : (
              <Known connection={found} reload={reload} />
            )}
          </Page>
        );
      }}
    </Fetched>
  );
}

/** The redirect URI of a connection that is not made yet: the provider asks for it first. */
const redirectUriOf = (slug: string, name: string) => `${location.origin}/login/callback/${slug}/${name}`;

function NewConnection() {
  const { t } = useLanguage();
  const { go, tenant } = useConsole();
  const [kind, setKind] = useState(blank.kind);
  const [name, setName] = useState('');
  const known = name.trim() || (kind === 'oidc' ? 'company' : kind);
  return (
    <Card>
      <SelectField
        name="kind"
        label={t('provider')}
        value={kind}
        onChange={setKind}
        choices={kinds.map(([value, label]) => ({ value, label }))}
      />
      {kind === 'oidc' && (
        <Field
          name="name"
          label={t('connectionName')}
          hint={t('connectionNameHint')}
          isLatin
          onInput={setName}
        />
      )}
      {kind !== 'manam' && (
        <>
          <p>{t('providerFirst')}</p>
          <Copyable text={redirectUriOf(tenant.slug, known)} />
        </>
      )}
      <ConnectionForm
        key={kind}
        name={kind === 'manam' ? 'manam-account' : known}
        settings={{ ...blank, kind }}
        onSaved={async () => go('sign-in', t('saved'))}
      />
    </Card>
  );
}

function Known({
  connection,
  reload,
}: {
  readonly connection: ManagedConnection;
  readonly reload: () => Promise<void>;
}) {
  const { t } = useLanguage();
  const { manage, may, say, go } = useConsole();
  const { name, settings, redirectUri, logoutUri, hasSecret } = connection;
  const mayChange = may(ManagementService.method.setConnection);
  return (
    <>
      <Card title={t('providerTell')}>
        <Facts
          facts={[
            [t('redirectUri'), <Copyable key="redirect" text={redirectUri} />],
            ...(logoutUri === '' ? [] : [[t('logoutUri'), <Copyable key="out" text={logoutUri} />] as const]),
            [t('clientSecret'), t(hasSecret ? 'secretKept' : 'secretMissing')],
          ]}
        />
      </Card>
      {mayChange && (
        <>
          <Card title={t('settings')}>
            <ConnectionForm
              name={name}
              settings={{ ...blank, ...(settings as unknown as Settings) }}
              onSaved={async () => {
                say(t('saved'));
                await reload();
              }}
            />
          </Card>
          <Card title={t('remove')}>
            <Confirm
              label={t('remove')}
              text={t('connectionRemoveHint')}
              onConfirm={async () => {
                await manage.deleteConnection({ name });
                go('sign-in', t('removed'));
              }}
            />
          </Card>
        </>
      )}
    </>
  );
}

type ConnectionFormProps = {
  readonly name: string;
  readonly settings: Settings;
  readonly onSaved: () => Promise<void>;
};

function ConnectionForm({ name, settings, onSaved }: ConnectionFormProps) {
  const { t } = useLanguage();
  const { manage } = useConsole();
  const { kind } = settings;
  const save = async (values: Values) => {
    const { clientId = '', secret = '', displayName = '', issuer = '', teamId = '', keyId = '' } = values;
    const next = {
      kind,
      displayName,
      enabled: values['enabled'] === 'on',
      createAccounts: values['createAccounts'] === 'on',
      domains: linesOf(values['domains']),
      ...(kind !== 'manam' && { clientId: clientId.trim() }),
      ...((kind === 'oidc' || kind === 'microsoft') && { issuer: issuer.trim() }),
      ...(kind === 'apple' && { teamId: teamId.trim(), keyId: keyId.trim() }),
    };
    await manage.setConnection({ name, settings: next });
    if (secret.trim() !== '') await manage.setConnectionSecret({ name, value: secret.trim() });
    await onSaved();
  };
  const text = (field: 'clientId' | 'issuer' | 'displayName' | 'teamId' | 'keyId', isLatin = true) => (
    <Field
      name={field}
      alsoNames={[`settings.${field}`]}
      label={t(field)}
      value={settings[field]}
      isLatin={isLatin}
    />
  );
  return (
    <Sheet submit={t('save')} onSubmit={save}>
      {kind !== 'manam' && text('clientId')}
      {kind === 'apple' && (
        <div class="row">
          {text('teamId')}
          {text('keyId')}
        </div>
      )}
      {kind !== 'manam' && (
        <TextArea
          name="secret"
          alsoNames={['value']}
          label={t(kind === 'apple' ? 'privateKey' : 'clientSecret')}
          hint={t('secretFieldHint')}
          rows={kind === 'apple' ? 5 : 1}
          isLatin
        />
      )}
      {(kind === 'oidc' || kind === 'microsoft') && text('issuer')}
      {text('displayName', false)}
      <TextArea
        name="domains"
        alsoNames={['settings.domains', 'settings.domains.']}
        label={t('domainsAllowed')}
        hint={t('domainsAllowedHint')}
        value={settings.domains.join('\n')}
        isLatin
      />
      <CheckField name="createAccounts" label={t('createAccounts')} isChecked={settings.createAccounts} />
      <CheckField name="enabled" label={t('connectionEnabled')} isChecked={settings.enabled} />
    </Sheet>
  );
}
