import { useState } from 'preact/hooks';
import { readFailure } from '../../clients/web.ts';
import { CodeField, codeIn, Field, Form, identifierIn, type Values } from '../kit/form.tsx';
import { toLatinDigits } from '../kit/language.ts';
import { Link, Section } from '../kit/parts.tsx';
import { PasswordField } from '../kit/password-field.tsx';
import { useAwaitedToken } from './awaited-token.ts';
import { IdentifierField } from './identifier-field.tsx';
import { useLanguage } from './language.ts';
import { offerToken } from './links.ts';
import { ProviderButtons } from './provider-buttons.tsx';
import { useAccount } from './state.ts';
import { Taken } from './taken.tsx';

/** A new account, by address or by number. */
export function SignUp() {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const [sent, setSent] = useState<Sent>();
  const submit = async ({ identifier = '', password = '', first_name = '', last_name = '' }: Values) => {
    const names = { firstName: first_name, lastName: last_name };
    await manam.auth.register({ ...identifierIn(identifier), password, ...names });
    setSent({ address: identifier.trim(), password });
  };
  if (sent !== undefined) {
    const again = () => setSent(undefined);
    return sent.address.includes('@') ? (
      <MailSent {...sent} onAgain={again} />
    ) : (
      <SmsSent {...sent} onAgain={again} />
    );
  }
  return (
    <Section title={t('signUpTitle')} isPage>
      <Form submit={t('signUp')} onSubmit={submit}>
        <IdentifierField />
        <PasswordField isNew label={t('password')} />
        <NameFields />
      </Form>
      <ProviderButtons />
      <p>
        {t('haveAccount')} <Link to="">{t('signIn')}</Link>
      </p>
    </Section>
  );
}

/** Both names, which nobody has to give. */
export function NameFields() {
  const { t } = useLanguage();
  return (
    <>
      <Field
        name="first_name"
        label={`${t('firstName')} (${t('optional')})`}
        autocomplete="given-name"
        maxLength={100}
      />
      <Field
        name="last_name"
        label={`${t('lastName')} (${t('optional')})`}
        autocomplete="family-name"
        maxLength={100}
      />
    </>
  );
}

/** Who has just signed up, for as long as their page is open. */
type Sent = { readonly address: string; readonly password: string };

type SentProps = Sent & { readonly onAgain: () => void };

/** Goes on as the person whose address or number is confirmed: signed in, for what they came for. */
function useGoOn({
  address,
  password,
}: Sent): (confirmed: { readonly passwordRequired?: boolean | undefined }) => Promise<void> {
  const { t } = useLanguage();
  const { manam, go, goOn } = useAccount();
  return async ({ passwordRequired }) => {
    if (passwordRequired) return go('', t('passwordNeeded'));
    try {
      const answer = await manam.auth.login({ ...identifierIn(address), password });
      await goOn({ ...answer, mayOfferPasskey: true });
    } catch {
      // It is confirmed all the same, and the form says what is wrong with the password.
      go('', t('confirmed'));
    }
  };
}

function MailSent({ onAgain, ...sent }: SentProps) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const { address } = sent;
  const confirmed = useGoOn(sent);
  useAwaitedToken('confirm', async (token) => await confirmed(await manam.auth.confirmEmail({ cnf: token })));
  return (
    <Section title={t('mailSentTitle')} isPage>
      <p>{t('confirmSent', { address })}</p>
      <Again send={() => manam.auth.sendConfirmEmail({ email: address })} />
      <Elsewhere onAgain={onAgain} />
    </Section>
  );
}

function SmsSent({ onAgain, ...sent }: SentProps) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const { address } = sent;
  const confirmed = useGoOn(sent);
  const submit = async (values: Values) =>
    await confirmed(await manam.auth.confirmSms({ cnf: codeIn(values) }));
  return (
    <Section title={t('smsSentTitle')} isPage>
      <p>{t('smsSent', { address })}</p>
      <Form submit={t('confirm')} onSubmit={submit} rephrase={{ CONFIRMATION_INVALID: t('codeInvalid') }}>
        <CodeField name="code" label={t('code')} isLong />
      </Form>
      <Again send={() => manam.auth.sendConfirmSms({ mobile: toLatinDigits(address) })} />
      <Elsewhere onAgain={onAgain} />
    </Section>
  );
}

/** The ways on where no message comes. */
export function Elsewhere({ onAgain }: { readonly onAgain: () => void }) {
  const { t } = useLanguage();
  return (
    <p class="choices">
      <button type="button" class="quiet" onClick={onAgain}>
        {t('otherAddress')}
      </button>
      <Link to="">{t('signIn')}</Link>
    </p>
  );
}

/** Sends a message once more, and says so. */
export function Again({ send }: { readonly send: () => Promise<unknown> }) {
  const { t } = useLanguage();
  const [isSent, setSent] = useState(false);
  const submit = async () => {
    setSent(false);
    await send();
    setSent(true);
  };
  return (
    <>
      <p role="status">{isSent ? t('sentAgain') : ''}</p>
      <Form submit={t('sendAgain')} onSubmit={submit} weight="quiet" />
    </>
  );
}

/**
 * The page that confirmation links lead to. It waits for a press: mail programs open links by themselves. Where the page of the
 * sign-up is still open in this browser, that one goes on.
 */
export function Confirm({ token }: { readonly token: string }) {
  const { t } = useLanguage();
  const { manam, go, settings } = useAccount();
  const [isRefused, setRefused] = useState(token === '');
  const [isTaken, setTaken] = useState(false);
  const submit = async () => {
    if (await offerToken(settings.slug, { kind: 'confirm', token })) return setTaken(true);
    const { passwordRequired } = await manam.auth.confirmEmail({ cnf: token }).catch((error: unknown) => {
      setRefused(readFailure(error).reason === 'CONFIRMATION_INVALID');
      throw error;
    });
    go('', t(passwordRequired ? 'passwordNeeded' : 'confirmed'));
  };
  if (isTaken) return <Taken />;
  return (
    <Section title={t('confirmTitle')} isPage>
      {!isRefused && <p>{t('confirmAsk')}</p>}
      {token !== '' && <Form submit={t('confirm')} onSubmit={submit} />}
      {isRefused && <AskAgain />}
      <p>
        <Link to="">{t('signIn')}</Link>
      </p>
    </Section>
  );
}

function AskAgain() {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const [isSent, setSent] = useState(false);
  const submit = async ({ email = '' }: Values) => {
    await manam.auth.sendConfirmEmail({ email });
    setSent(true);
  };
  return (
    <>
      <p>{t('confirmFailed')}</p>
      <Form submit={t('sendAgain')} onSubmit={submit}>
        <Field name="email" label={t('emailAddress')} type="email" autocomplete="email" isLatin isRequired />
      </Form>
      <p role="status">{isSent ? t('sentAgain') : ''}</p>
    </>
  );
}
