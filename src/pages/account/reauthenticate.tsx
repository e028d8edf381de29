import { useEffect, useRef, useState } from 'preact/hooks';
import { type GetTwoFactorResponse, TwoFactorMethod } from '../../clients/web.ts';
import { CodeField, codeIn, Form, type Values } from './form.tsx';
import { useLanguage } from './language.ts';
import { PasswordField } from './password-field.tsx';
import { SendCode } from './send-code.tsx';
import { useAccount } from './state.ts';

export type ReauthenticateProps = { readonly onDone: () => void; readonly onCancel: () => void };

/** Asks for the password again, or a code where the account has none, and for a code where it has a second factor. */
export function Reauthenticate({ onDone, onCancel }: ReauthenticateProps) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const dialog = useRef<HTMLDialogElement>(null);
  /** Undefined until the answer is there: then any factor may be asked for. */
  const [factors, setFactors] = useState<GetTwoFactorResponse | undefined>();
  const [handle, setHandle] = useState('');
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    void manam.twoFactor.getTwoFactor({}).then(setFactors, () => undefined);
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  const hasPassword = factors?.hasPassword !== false;
  const hasFactor = factors?.methods.length !== 0;
  const byCode = !hasPassword && !hasFactor;
  const submit = async (values: Values) => {
    const code = codeIn(values);
    const second = code.replaceAll('-', '').length > 8 ? { recoveryCode: code } : { code };
    const first = byCode
      ? { handle, signInCode: codeIn(values, 'sign_in_code') }
      : { password: values['password'] ?? '' };
    await manam.auth.reauthenticate({ ...first, ...second });
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
      <p>{t(hasPassword ? 'reauthHint' : 'reauthCodeHint')}</p>
      {factors?.methods.includes(TwoFactorMethod.SMS) && <SendCode />}
      {byCode && <SendSignInCode onSent={setHandle} />}
      {byCode && handle === '' ? (
        cancel
      ) : (
        <Form submit={t('confirm')} onSubmit={submit} aside={cancel}>
          {hasPassword && <PasswordField />}
          {byCode && <CodeField name="sign_in_code" label={t('code')} takesFocus />}
          {hasFactor && <CodeField name="code" label={`${t('code')} / ${t('recoveryCode')}`} isLong />}
        </Form>
      )}
    </dialog>
  );
}

/** Sends a code to the account's own address or number. */
function SendSignInCode({ onSent }: { readonly onSent: (handle: string) => void }) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const [own, setOwn] = useState<{ readonly email: string; readonly mobile: string }>();
  const [said, setSaid] = useState('');
  useEffect(() => {
    void manam.profile.viewUser({}).then(
      ({ user }) => setOwn(user && ownAddress(user)),
      () => undefined,
    );
  }, []);
  if (own === undefined) return <p class="hint">{t('loading')}</p>;
  const send = async () => {
    setSaid('');
    onSent((await manam.auth.startCodeSignIn(own)).handle);
    setSaid(t('sentAgain'));
  };
  return (
    <Form
      submit={t('reauthCodeSend')}
      onSubmit={send}
      weight="quiet"
      aside={<span role="status">{said}</span>}
    >
      <p>{t('reauthCodeTo', { address: own.email || own.mobile })}</p>
    </Form>
  );
}

/** The confirmed address of a user, else the number: a code goes to one of them. */
function ownAddress(user: {
  readonly email: string;
  readonly emailConfirmed: boolean;
  readonly mobile: string;
}) {
  return user.emailConfirmed ? { email: user.email, mobile: '' } : { email: '', mobile: user.mobile };
}
