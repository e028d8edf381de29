import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { type ManagedConnection, ManagementService } from '../../clients/management.ts';
import { CheckField, linesOf, SelectField, TextArea } from '../kit/fields.tsx';
import { Field, FieldMistake, type Values } from '../kit/form.tsx';
import { Confirm } from './dialogs.tsx';
import { useLanguage } from './language.ts';
import { Card, Copyable, Empty, Facts, Fetched, Page } from './parts.tsx';
import { Sheet } from './sheet.tsx';
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
  const { manage, item, may } = useConsole();
  const back = { to: 'sign-in', label: t('signInWays') };
  const load = async () => (await manage.listConnections({})).connections;
  return (
    <Fetched load={load}>
      {(connections, reload) => {
        if (item === 'new' && may(ManagementService.method.setConnection))
          return (
            <Page title={t('providerAdd')} back={back}>
              <NewConnection taken={connections.map(({ name }) => name)} />
            </Page>
          );
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

function NewConnection({ taken }: { readonly taken: readonly string[] }) {
  const { t } = useLanguage();
  const { go, tenant } = useConsole();
  const [kind, setKind] = useState(blank.kind);
  const [name, setName] = useState('');
  return (
    <Card>
      <SelectField
        name="kind"
        label={t('provider')}
        value={kind}
        onChange={(next) => {
          setKind(next);
          setName('');
        }}
        choices={kinds.map(([value, label]) => ({ value, label }))}
      />
      <ConnectionForm
        key={kind}
        name={() => {
          const given = name.trim() || presetName(kind);
          if (given === '') throw new FieldMistake('name', t('connectionNameMissing'));
          if (taken.includes(given)) throw new FieldMistake('name', t('connectionNameTaken'));
          return given;
        }}
        settings={{ ...blank, kind }}
        onSaved={async () => go('sign-in', t('saved'))}
      >
        <Field
          name="name"
          label={t('connectionName')}
          hint={t('connectionNameHint')}
          value={presetName(kind)}
          isLatin
          onInput={setName}
        />
        <p>{t('providerFirst')}</p>
        <p>
          <Copyable text={redirectUriOf(tenant.slug, name.trim() || presetName(kind) || '…')} />
        </p>
      </ConnectionForm>
    </Card>
  );
}

/** The name of a connection where there is no reason for another one: addresses have a meaning of their own for `manam`. */
function presetName(kind: string): string {
  if (kind === 'oidc') return '';
  return kind === 'manam' ? 'manam-id' : kind;
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
              name={() => name}
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
  /** The name to save it under; throws where there is none. */
  readonly name: () => string;
  readonly settings: Settings;
  readonly onSaved: () => Promise<void>;
  readonly children?: ComponentChildren;
};

function ConnectionForm({ name: nameOf, settings, onSaved, children }: ConnectionFormProps) {
  const { t } = useLanguage();
  const { manage } = useConsole();
  const { kind } = settings;
  const save = async (values: Values) => {
    const name = nameOf();
    const { clientId = '', secret = '', displayName = '', issuer = '', teamId = '', keyId = '' } = values;
    const next = {
      kind,
      displayName,
      enabled: values['enabled'] === 'on',
      createAccounts: values['createAccounts'] === 'on',
      domains: linesOf(values['domains']),
      clientId: clientId.trim(),
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
      {children}
      {text('clientId')}
      {kind === 'apple' && (
        <div class="row">
          {text('teamId')}
          {text('keyId')}
        </div>
      )}
      <TextArea
        name="secret"
        alsoNames={['value']}
        label={t(kind === 'apple' ? 'privateKey' : 'clientSecret')}
        hint={t('secretFieldHint')}
        rows={kind === 'apple' ? 5 : 1}
        isLatin
      />
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
