import { useEffect, useRef, useState } from 'preact/hooks';
import { type GetTwoFactorResponse, TwoFactorMethod } from '../../clients/web.ts';
import { CodeField, codeIn, Form, type Values } from './form.tsx';
import { useLanguage } from './language.ts';
import { PasswordField } from './password-field.tsx';
import { SendCode } from './send-code.tsx';
import { useAccount } from './state.ts';

export type ReauthenticateProps = { readonly onDone: () => void; readonly onCancel: () => void };

/** Asks for the password again where the account has one, and for a code where it has a second factor. */
export function Reauthenticate({ onDone, onCancel }: ReauthenticateProps) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const dialog = useRef<HTMLDialogElement>(null);
  /** Undefined until the answer is there: then any factor may be asked for. */
  const [factors, setFactors] = useState<GetTwoFactorResponse | undefined>();
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    void manam.twoFactor.getTwoFactor({}).then(setFactors, () => undefined);
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  const submit = async (values: Values) => {
    const code = codeIn(values);
    const second = code.replaceAll('-', '').length > 8 ? { recoveryCode: code } : { code };
    await manam.auth.reauthenticate({ password: values['password'] ?? '', ...second });
    onDone();
  };
  return (
    <dialog ref={dialog} aria-labelledby="reauthenticate" onCancel={onCancel}>
      <h2 id="reauthenticate">{t('reauthTitle')}</h2>
      <p>{t(factors?.hasPassword === false ? 'reauthCodeHint' : 'reauthHint')}</p>
      {factors?.methods.includes(TwoFactorMethod.SMS) && <SendCode />}
      <Form
        submit={t('confirm')}
        onSubmit={submit}
        aside={
          <button type="button" class="quiet" onClick={onCancel}>
            {t('cancel')}
          </button>
        }
      >
        {factors?.hasPassword !== false && <PasswordField />}
        {factors?.methods.length !== 0 && (
          <CodeField name="code" label={`${t('code')} / ${t('recoveryCode')}`} isLong />
        )}
      </Form>
    </dialog>
  );
}
