import { useState } from 'preact/hooks';
import { IdentifierType, type UserProfile } from '../../clients/web.ts';
import { CodeField, codeIn, Field, Form, type Values } from '../kit/form.tsx';
import { toLatinDigits } from '../kit/language.ts';
import { Loaded } from '../kit/loaded.tsx';
import { Section } from '../kit/parts.tsx';
import { useAwaitedToken } from './awaited-token.ts';
import { DateField } from './date-field.tsx';
import { useLanguage } from './language.ts';
import { useAccount } from './state.ts';

/** Name, birthday, language, and the addresses that one signs in with. */
export function Profile() {
  const { manam } = useAccount();
  return (
    <Loaded load={async () => (await manam.profile.viewUser({})).user}>
      {(user, reload) =>
        user === undefined ? undefined : (
          <>
            <Person user={user} />
            <Addresses user={user} reload={reload} />
          </>
        )
      }
    </Loaded>
  );
}

function Person({ user: loaded }: { readonly user: UserProfile }) {
  const { t, locale } = useLanguage();
  const { manam } = useAccount();
  /** The person as the service has them now: a later save begins from there. */
  const [user, setUser] = useState(loaded);
  const [isSaved, setSaved] = useState(false);
  const submit = async (values: Values) => {
    setSaved(false);
    const { first_name = '', last_name = '', birthday = '', locale: language = '' } = values;
    const saved = await manam.profile.editUser({
      firstName: first_name,
      lastName: last_name,
      birthday,
      locale: language,
    });
    if (saved.user !== undefined) setUser(saved.user);
    setSaved(true);
  };
  return (
    <Section title={t('profile')} isPage>
      <Form
        submit={t('save')}
        onSubmit={submit}
        aside={<span role="status">{isSaved ? t('saved') : ''}</span>}
      >
        <Field
          name="first_name"
          label={t('firstName')}
          autocomplete="given-name"
          value={user.firstName}
          maxLength={100}
        />
        <Field
          name="last_name"
          label={t('lastName')}
          autocomplete="family-name"
          value={user.lastName}
          maxLength={100}
        />
        <DateField name="birthday" label={t('birthday')} value={user.birthday} />
        <div class="field">
          <label for="messages-in">{t('messagesIn')}</label>
          <select id="messages-in" name="locale">
            {(['en', 'fa'] as const).map((each) => (
              <option key={each} value={each} selected={each === (user.locale || locale)}>
                {t(each === 'fa' ? 'persian' : 'english')}
              </option>
            ))}
          </select>
        </div>
      </Form>
    </Section>
  );
}

type Kind = 'email' | 'mobile';

function Addresses({ user, reload }: { readonly user: UserProfile; readonly reload: () => Promise<void> }) {
  const { t } = useLanguage();
  const { settings } = useAccount();
  const [changing, setChanging] = useState<Kind>();
  const [done, setDone] = useState<Kind>();
  const [removing, setRemoving] = useState<Kind>();
  const [removed, setRemoved] = useState<Kind>();
  const isRemovable = user.email !== '' && user.mobile !== '';
  const held = [
    { kind: 'email', label: t('email'), address: user.email, isConfirmed: user.emailConfirmed },
    { kind: 'mobile', label: t('mobile'), address: user.mobile, isConfirmed: user.mobileConfirmed },
  ] as const;
  return (
    <Section title={t('addresses')}>
      <dl>
        {held
          .filter(({ kind, address }) => kind === 'email' || address !== '' || settings.takesMobiles)
          .map(({ kind, label, address, isConfirmed }) => (
            <div key={kind} class="held">
              <dt>{label}</dt>
              <dd>
                <bdi dir="ltr">{address || t('none')}</bdi>
                {address !== '' && !isConfirmed && <span class="badge">{t('notConfirmed')}</span>}
                {done === kind && <span role="status">{t('changed')}</span>}
                {removed === kind && <span role="status">{t('removed')}</span>}
              </dd>
              <dd>
                {changing !== kind && (
                  <button type="button" class="quiet" onClick={() => setChanging(kind)}>
                    {t(address === '' ? 'add' : 'change')} <span class="unseen">{label}</span>
                  </button>
                )}
                {isRemovable && removing !== kind && (
                  <button type="button" class="quiet" onClick={() => setRemoving(kind)}>
                    {t('remove')} <span class="unseen">{label}</span>
                  </button>
                )}
              </dd>
            </div>
          ))}
      </dl>
      {removing !== undefined && (
        <Remove
          key={removing}
          kind={removing}
          address={user[removing]}
          onCancel={() => setRemoving(undefined)}
          onDone={async () => {
            setRemoved(removing);
            setRemoving(undefined);
            await reload();
          }}
        />
      )}
      {changing !== undefined && (
        <Change
          key={changing}
          kind={changing}
          onCancel={() => setChanging(undefined)}
          onDone={async () => {
            setDone(changing);
            setChanging(undefined);
            await reload();
          }}
        />
      )}
    </Section>
  );
}

type RemoveProps = {
  readonly kind: Kind;
  readonly address: string;
  readonly onCancel: () => void;
  readonly onDone: () => Promise<void>;
};

/** Asks once more before an address or a number is taken away. */
function Remove({ kind, address, onCancel, onDone }: RemoveProps) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const remove = async () => {
    const type = kind === 'email' ? IdentifierType.EMAIL : IdentifierType.MOBILE;
    await manam.profile.removeIdentifier({ type });
    await onDone();
  };
  const cancel = (
    <button type="button" class="quiet" onClick={onCancel}>
      {t('cancel')}
    </button>
  );
  return (
    <Form submit={t('remove')} about={t(kind)} weight="danger" onSubmit={remove} aside={cancel}>
      <p>
        <bdi dir="ltr">{address}</bdi>
        <br />
        {t('removeAsk')}
      </p>
    </Form>
  );
}

type ChangeProps = {
  readonly kind: Kind;
  readonly onCancel: () => void;
  readonly onDone: () => Promise<void>;
};

/** A new address, and the proof that it is one's own. */
function Change({ kind, onCancel, onDone }: ChangeProps) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const [address, setAddress] = useState('');
  const start = async (values: Values) => {
    const wanted = toLatinDigits(values[kind] ?? '').trim();
    if (kind === 'email') await manam.profile.startEmailChange({ email: wanted });
    else await manam.profile.startMobileChange({ mobile: wanted });
    setAddress(wanted);
  };
  const confirm = async (code: string) => {
    if (kind === 'email') await manam.profile.confirmEmailChange({ token: code });
    else await manam.profile.confirmMobileChange({ code });
    await onDone();
  };
  const waitsForLink = address !== '' && kind === 'email';
  const problem = useAwaitedToken(waitsForLink ? 'email' : undefined, confirm);
  const cancel = (
    <button type="button" class="quiet" onClick={onCancel}>
      {t('cancel')}
    </button>
  );
  if (address === '')
    return (
      <Form submit={t('continue')} onSubmit={start} aside={cancel}>
        {kind === 'email' ? (
          <Field
            name="email"
            label={t('newEmail')}
            type="email"
            autocomplete="email"
            isLatin
            isRequired
            takesFocus
          />
        ) : (
          <Field
            name="mobile"
            label={t('newMobile')}
            type="tel"
            autocomplete="tel"
            isLatin
            isRequired
            takesFocus
          />
        )}
      </Form>
    );
  return (
    <Form
      submit={t('confirm')}
      onSubmit={(values) => confirm(codeIn(values))}
      aside={cancel}
      problem={problem}
    >
      <p>{t(kind === 'email' ? 'changeMailSent' : 'changeSmsSent', { address })}</p>
      <CodeField
        name="code"
        label={t(kind === 'email' ? 'proofCode' : 'code')}
        isLong={kind === 'email'}
        takesFocus
      />
    </Form>
  );
}
