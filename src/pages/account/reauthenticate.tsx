import { useEffect, useRef, useState } from 'preact/hooks';
import { TwoFactorMethod } from '../../clients/web.ts';
import { CodeField, codeIn, Form, type Values } from './form.tsx';
import { useLanguage } from './language.ts';
import { PasswordField } from './password-field.tsx';
import { SendCode } from './send-code.tsx';
import { useAccount } from './state.ts';

export type ReauthenticateProps = { readonly onDone: () => void; readonly onCancel: () => void };

/** Asks for the password once more, and for a code where there is a second factor. */
export function Reauthenticate({ onDone, onCancel }: ReauthenticateProps) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const dialog = useRef<HTMLDialogElement>(null);
  /** Unknown until it is told, and then there may be one. */
  const [methods, setMethods] = useState<readonly TwoFactorMethod[] | undefined>();
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    void manam.twoFactor.getTwoFactor({}).then(
      (answer) => setMethods(answer.methods),
      () => undefined,
    );
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
      {methods?.includes(TwoFactorMethod.SMS) && <SendCode />}
      <Form
        submit={t('confirm')}
        onSubmit={submit}
        aside={
          <button type="button" class="quiet" onClick={onCancel}>
            {t('cancel')}
          </button>
        }
      >
        <p>{t('reauthHint')}</p>
        <PasswordField />
        {methods?.length !== 0 && (
          <CodeField name="code" label={`${t('code')} / ${t('recoveryCode')}`} isLong />
        )}
      </Form>
    </dialog>
  );
}
