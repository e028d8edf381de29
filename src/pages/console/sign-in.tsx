import { type ManagedConnection, ManagementService } from '../../clients/management.ts';
import type { TenantPolicy } from '../../domain/policy.ts';
import { CheckField, numberIn, SelectField } from '../kit/fields.tsx';
import { Field, type Values } from '../kit/form.tsx';
import { Link } from '../kit/parts.tsx';
import { ProviderLogo } from '../kit/provider-logo.tsx';
import { nameOfProvider } from '../kit/provider-name.ts';
import { Icon } from './icon.tsx';
import { useLanguage, type Word } from './language.ts';
import { Card, Empty, Fetched, Page, Tag } from './parts.tsx';
import { usePolicy } from './policy.ts';
import { Editable } from './sheet.tsx';
import { useConsole } from './state.ts';

/** How people sign in: providers, the order of the other ways, and second factors. */
export function SignInSettings() {
  const { t } = useLanguage();
  const { manage } = useConsole();
  const { load } = usePolicy();
  return (
    <Page title={t('signInWays')} hint={t('signInWaysHint')}>
      <Card title={t('providers')} hint={t('providersHint')} actions={<AddConnection />}>
        <Fetched load={async () => (await manage.listConnections({})).connections}>
          {(connections) => <Connections connections={connections} />}
        </Fetched>
      </Card>
      <Fetched load={load}>{({ policy }, reload) => <Ways policy={policy} reload={reload} />}</Fetched>
    </Page>
  );
}

function AddConnection() {
  const { t } = useLanguage();
  const { may } = useConsole();
  if (!may(ManagementService.method.setConnection)) return null;
  return (
    <Link to="sign-in/new">
      <Icon name="add" /> {t('providerAdd')}
    </Link>
  );
}

type ShownSettings = {
  readonly kind: string;
  readonly displayName: string;
  readonly logo: string;
  readonly enabled: boolean;
};

function Connections({ connections }: { readonly connections: readonly ManagedConnection[] }) {
  const { t } = useLanguage();
  if (connections.length === 0)
    return (
      <Empty icon="signIn" title={t('providersNone')}>
        <p class="hint">{t('providersNoneHint')}</p>
      </Empty>
    );
  return (
    <ul class="choice">
      {connections.map(({ name, settings, hasSecret }) => {
        const shown = settings as unknown as ShownSettings;
        return (
          <li key={name}>
            <Link to={`sign-in/${name}`}>
              <ProviderLogo provider={shown} />
              <strong>{nameOfProvider({ ...shown, name })}</strong>
              {shown.enabled ? <Tag tone="good">{t('on')}</Tag> : <Tag>{t('off')}</Tag>}
              {!hasSecret && <Tag tone="bad">{t('secretMissing')}</Tag>}
            </Link>
          </li>
        );
      })}
    </ul>
  );
}

const orders = [
  'passkey password code',
  'passkey code password',
  'passkey password',
  'passkey code',
  'password code',
  'code password',
  'password',
  'code',
  'passkey',
];

const wayWords: Readonly<Record<string, Word>> = {
  passkey: 'wayPasskey',
  password: 'wayPassword',
  code: 'wayCode',
};
const passkeyModes: readonly (readonly [string, Word])[] = [
  ['off', 'passkeysOff'],
  ['allowed', 'passkeysAllowed'],
  ['preferred', 'passkeysPreferred'],
  ['required', 'passkeysRequired'],
];

function Ways({ policy, reload }: { readonly policy: TenantPolicy; readonly reload: () => Promise<void> }) {
  const { t } = useLanguage();
  const { say } = useConsole();
  const { save } = usePolicy();
  const order = policy.signInOrder.join(' ');
  const send = async (values: Values) => {
    await save({
      signInOrder: (values['order'] ?? order).split(' '),
      passkeys: { mode: values['passkeys'] ?? policy.passkeys.mode },
      codeSignIn: { enabled: values['code'] === 'on', createAccounts: values['codeAccounts'] === 'on' },
      requireSecondFactor: values['factor'] === 'on',
      newSignInNotice: values['notice'] === 'on',
      password: {
        minLength: numberIn(values, 'minLength', t('numberWrong')),
        minStrength: Number(values['minStrength']),
      },
      rememberDeviceDays: numberIn(values, 'rememberDeviceDays', t('numberWrong')),
    });
    say(t('saved'));
    await reload();
  };
  const fields = (
    <>
      <SelectField
        name="order"
        alsoNames={['policy.signInOrder', 'policy.signInOrder.']}
        label={t('wayOrder')}
        value={order}
        choices={[...new Set([order, ...orders])].map((value) => ({
          value,
          label: value
            .split(' ')
            .map((way) => t(wayWords[way] ?? 'wayPassword'))
            .join(' › '),
        }))}
      />
      <SelectField
        name="passkeys"
        alsoNames={['policy.passkeys.mode']}
        label={t('passkeys')}
        value={policy.passkeys.mode}
        choices={passkeyModes.map(([value, word]) => ({ value, label: t(word) }))}
      />
      <CheckField name="code" label={t('codeEnabled')} isChecked={policy.codeSignIn.enabled} />
      <CheckField
        name="codeAccounts"
        label={t('codeAccounts')}
        isChecked={policy.codeSignIn.createAccounts}
      />
      <CheckField
        name="factor"
        label={t('factorRequired')}
        hint={t('factorRequiredHint')}
        isChecked={policy.requireSecondFactor}
      />
      <CheckField name="notice" label={t('newSignInNotice')} isChecked={policy.newSignInNotice} />
      <div class="row">
        <Field
          name="minLength"
          alsoNames={['policy.password.minLength']}
          label={t('minLength')}
          value={String(policy.password.minLength)}
          inputMode="numeric"
          isLatin
        />
        <SelectField
          name="minStrength"
          alsoNames={['policy.password.minStrength']}
          label={t('minStrength')}
          value={String(policy.password.minStrength)}
          choices={(['strength0', 'strength1', 'strength2', 'strength3', 'strength4'] as const).map(
            (word, index) => ({ value: String(index), label: `${index} · ${t(word)}` }),
          )}
        />
        <Field
          name="rememberDeviceDays"
          alsoNames={['policy.rememberDeviceDays']}
          label={t('rememberDeviceDays')}
          value={String(policy.rememberDeviceDays)}
          inputMode="numeric"
          isLatin
        />
      </div>
    </>
  );
  return (
    <Card title={t('ways')} hint={t('waysHint')}>
      <Editable method={ManagementService.method.updatePolicy} onSave={send}>
        {fields}
      </Editable>
    </Card>
  );
}
