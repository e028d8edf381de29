import { useState } from 'preact/hooks';
import type { Failure } from '../../clients/web.ts';
import { CodeField, codeIn, Form, identifierIn, type Values } from './form.tsx';
import { IdentifierField } from './identifier-field.tsx';
import { useLanguage } from './language.ts';
import { Link, Section } from './parts.tsx';
import { PasswordField } from './password-field.tsx';
import { Again, Elsewhere } from './sign-up.tsx';
import { useAccount } from './state.ts';

/** Asks for the message with which a forgotten password is replaced. */
export function Recover() {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const [sent, setSent] = useState('');
  const submit = async ({ identifier = '' }: Values) => {
    await manam.recovery.recover(identifierIn(identifier));
    setSent(identifier.trim());
  };
  if (sent !== '' && !sent.includes('@')) return <RecoverBySms address={sent} onAgain={() => setSent('')} />;
  return (
    <Section title={t(sent === '' ? 'recoverTitle' : 'mailSentTitle')} isPage key={sent}>
      {sent === '' ? (
        <Form submit={t('recoverSend')} onSubmit={submit}>
          <p>{t('recoverHint')}</p>
          <IdentifierField />
        </Form>
      ) : (
        <>
          <p>{t('recoverMailSent', { address: sent })}</p>
          <Again send={() => manam.recovery.recover({ email: sent })} />
        </>
      )}
      <p>
        <Link to="">{t('back')}</Link>
      </p>
    </Section>
  );
}

function RecoverBySms({ address, onAgain }: { readonly address: string; readonly onAgain: () => void }) {
  const { t } = useLanguage();
  const { manam, go } = useAccount();
  const submit = async (values: Values) => {
    const { password = '' } = values;
    await manam.recovery.endRecovery({ ...identifierIn(address), token: codeIn(values), password });
    go('', t('recovered'));
  };
  return (
    <Section title={t('smsSentTitle')} isPage>
      <p>{t('recoverSmsSent', { address })}</p>
      <Form submit={t('save')} onSubmit={submit} rephrase={{ RECOVERY_INVALID: t('codeInvalid') }}>
        <CodeField name="code" label={t('code')} />
        <PasswordField isNew />
      </Form>
      <Again send={() => manam.recovery.recover(identifierIn(address))} />
      <Elsewhere onAgain={onAgain} />
    </Section>
  );
}

/** The page that recovery links lead to. */
export function NewPassword({ token }: { readonly token: string }) {
  const { t } = useLanguage();
  const { manam, go } = useAccount();
  const submit = async ({ password = '' }: Values) => {
    await manam.recovery.endRecovery({ token, password });
    go('', t('recovered'));
  };
  const help = ({ reason }: Failure) =>
    reason === 'RECOVERY_INVALID' && <Link to="recover">{t('recoverAgain')}</Link>;
  return (
    <Section title={t('recoverTitle')} isPage>
      <Form submit={t('save')} onSubmit={submit} help={help}>
        <PasswordField isNew />
      </Form>
    </Section>
  );
}
