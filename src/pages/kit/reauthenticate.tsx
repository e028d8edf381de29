import { useEffect, useRef, useState } from 'preact/hooks';
import {
  type GetTwoFactorResponse,
  hasPasskeys,
  stepUpWithPasskey,
  TwoFactorMethod,
} from '../../clients/web.ts';
import { useCeremony } from './ceremony.ts';
import { CodeField, codeIn, Form, type Values } from './form.tsx';
import { useLanguage } from './language.ts';
import { PasswordField } from './password-field.tsx';
import { SendCode } from './send-code.tsx';
import { useSite } from './site.ts';

export type ReauthenticateProps = { readonly onDone: () => void; readonly onCancel: () => void };

/** Asks for the password again, or a code where the account has none, and for a code where it has a second factor. */
export function Reauthenticate({ onDone, onCancel }: ReauthenticateProps) {
  const { t } = useLanguage();
  const { manam } = useSite();
  const dialog = useRef<HTMLDialogElement>(null);
  /** Undefined until the answer is there: then any factor may be asked for. */
  const [factors, setFactors] = useState<GetTwoFactorResponse | undefined>();
  const [isSent, setSent] = useState(false);
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    void manam.twoFactor.getTwoFactor({}).then(setFactors, () => undefined);
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  const hasPassword = factors?.hasPassword !== false;
  const methods = factors?.methods ?? [TwoFactorMethod.TOTP];
  const hasPasskey = methods.includes(TwoFactorMethod.PASSKEY) && hasPasskeys();
  const hasFactor = methods.some((method) => method !== TwoFactorMethod.PASSKEY);
  const byPasskey = !hasPassword && !hasFactor && hasPasskey;
  const byCode = !hasPassword && !hasFactor && !hasPasskey;
  const hint = byPasskey ? 'reauthPasskeyHint' : hasPassword ? 'reauthHint' : 'reauthCodeHint';
  const submit = async (values: Values) => {
    const code = codeIn(values);
    const second = code.replaceAll('-', '').length > 8 ? { recoveryCode: code } : { code };
    const first = byCode ? { ownCode: codeIn(values, 'own_code') } : { password: values['password'] ?? '' };
    await manam.auth.reauthenticate({ ...first, ...second });
    onDone();
  };
  const run = useCeremony();
  const usePasskey = async () => {
    await run(() => stepUpWithPasskey(manam));
    onDone();
  };
  const cancel = (
    <button type="button" class="quiet" onClick={onCancel}>
      {t('cancel')}
    </button>
  );
  return (
    <dialog ref={dialog} aria-labelledby="reauthenticate" onCancel={onCancel}>
      <h2 id="reauthenticate">{t('reauthTitle')}</h2>
      <p>{t(hint)}</p>
      {hasPasskey && <Form submit={t('passkeyUse')} weight="quiet" onSubmit={usePasskey} />}
      {factors?.methods.includes(TwoFactorMethod.SMS) && <SendCode />}
      {byCode && <SendStepUpCode onSent={() => setSent(true)} />}
      {byPasskey || (byCode && !isSent) ? (
        cancel
      ) : (
        <Form submit={t('confirm')} onSubmit={submit} aside={cancel}>
          {hasPassword && <PasswordField />}
          {byCode && <CodeField name="own_code" label={t('code')} takesFocus />}
          {hasFactor && <CodeField name="code" label={`${t('code')} / ${t('recoveryCode')}`} isLong />}
        </Form>
      )}
    </dialog>
  );
}

/** Sends a code to the account's own address or number. */
function SendStepUpCode({ onSent }: { readonly onSent: () => void }) {
  const { t } = useLanguage();
  const { manam } = useSite();
  const [said, setSaid] = useState('');
  const send = async () => {
    setSaid('');
    await manam.auth.sendStepUpCode({});
    onSent();
    setSaid(t('sentAgain'));
  };
  return (
    <Form
      submit={t('reauthCodeSend')}
      onSubmit={send}
      weight="quiet"
      aside={<span role="status">{said}</span>}
    >
      <p>{t('reauthCodeTo')}</p>
    </Form>
  );
}
