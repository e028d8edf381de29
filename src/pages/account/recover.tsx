import { useState } from 'preact/hooks';
import type { Failure } from '../../clients/web.ts';
import { CodeField, codeIn, Form, identifierIn, type Values } from '../kit/form.tsx';
import { Link, Section } from '../kit/parts.tsx';
import { PasswordField } from '../kit/password-field.tsx';
import { useAwaitedToken } from './awaited-token.ts';
import { IdentifierField } from './identifier-field.tsx';
import { useLanguage } from './language.ts';
import { offerToken } from './links.ts';
import { Again, Elsewhere } from './sign-up.tsx';
import { useAccount } from './state.ts';
import { Taken } from './taken.tsx';

/** Asks for the message with which a forgotten password is replaced. */
export function Recover() {
  const { t } = useLanguage();
  const { manam, go } = useAccount();
  const [sent, setSent] = useState('');
  const [handle, setHandle] = useState('');
  const ask = async (identifier: string) => {
    const answer = await manam.recovery.recover({ ...identifierIn(identifier), withHandle: true });
    setHandle(answer.handle ?? '');
  };
  const submit = async ({ identifier = '' }: Values) => {
    await ask(identifier);
    setSent(identifier.trim());
  };
  // The new password is chosen in the page of the link; this one knows the application that sent its user here.
  useAwaitedToken(sent === '' ? undefined : 'recovered', async () => go('', t('recovered')));
  if (sent !== '' && !sent.includes('@'))
    return (
      <RecoverBySms
        address={sent}
        handle={handle}
        onSendAgain={() => ask(sent)}
        onAgain={() => setSent('')}
      />
    );
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

type RecoverBySmsProps = {
  readonly address: string;
  /** Names the code that this page has asked for, so that no other caller can use its attempts up. */
  readonly handle: string;
  readonly onSendAgain: () => Promise<void>;
  readonly onAgain: () => void;
};

function RecoverBySms({ address, handle, onSendAgain, onAgain }: RecoverBySmsProps) {
  const { t } = useLanguage();
  const { manam, go } = useAccount();
  const submit = async (values: Values) => {
    const { password = '' } = values;
    const keepRecent = values['keep_recent'] === 'on';
    const proof = { ...identifierIn(address), handle, token: codeIn(values) };
    await manam.recovery.endRecovery({ ...proof, password, keepRecent });
    go('', t('recovered'));
  };
  return (
    <Section title={t('smsSentTitle')} isPage>
      <p>{t('recoverSmsSent', { address })}</p>
      <Form submit={t('save')} onSubmit={submit} rephrase={{ RECOVERY_INVALID: t('codeInvalid') }}>
        <CodeField name="code" label={t('code')} />
        <PasswordField isNew />
        <KeepRecent />
      </Form>
      <Again send={onSendAgain} />
      <Elsewhere onAgain={onAgain} />
    </Section>
  );
}

/** The page that recovery links lead to. */
export function NewPassword({ token }: { readonly token: string }) {
  const { t } = useLanguage();
  const { manam, go, settings } = useAccount();
  const [isTaken, setTaken] = useState(false);
  const submit = async ({ password = '', keep_recent: kept }: Values) => {
    await manam.recovery.endRecovery({ token, password, keepRecent: kept === 'on' });
    if (await offerToken(settings.slug, { kind: 'recovered', token: '' })) return setTaken(true);
    go('', t('recovered'));
  };
  const help = ({ reason }: Failure) =>
    reason === 'RECOVERY_INVALID' && <Link to="recover">{t('recoverAgain')}</Link>;
  if (isTaken) return <Taken />;
  return (
    <Section title={t('recoverTitle')} isPage>
      <Form submit={t('save')} onSubmit={submit} help={help}>
        <PasswordField isNew />
        <KeepRecent />
      </Form>
    </Section>
  );
}

/** An intruder with the old password may have added an address or a number: it goes, unless its owner says no. */
function KeepRecent() {
  const { t } = useLanguage();
  return (
    <div class="field check">
      <label>
        <input type="checkbox" name="keep_recent" aria-describedby="keep-recent-hint" /> {t('keepRecent')}
      </label>
      <p id="keep-recent-hint" class="hint">
        {t('keepRecentHint')}
      </p>
    </div>
  );
}
