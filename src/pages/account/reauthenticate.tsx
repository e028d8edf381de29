import { useEffect, useRef, useState } from 'preact/hooks';
import { CodeField, codeIn, Form, type Values } from './form.tsx';
import { useLanguage } from './language.ts';
import { PasswordField } from './password-field.tsx';
import { useAccount } from './state.ts';

/** Asks for the password once more, and for a code where there is a second factor. */
export function Reauthenticate({
  onDone,
  onCancel,
}: {
  readonly onDone: () => void;
  readonly onCancel: () => void;
}) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const dialog = useRef<HTMLDialogElement>(null);
  const [hasFactor, setHasFactor] = useState(false);
  useEffect(() => {
    dialog.current?.showModal();
    void manam.twoFactor.getTwoFactor({}).then(
      ({ methods }) => setHasFactor(methods.length > 0),
      () => setHasFactor(false),
    );
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
        {hasFactor && <CodeField name="code" label={`${t('code')} / ${t('recoveryCode')}`} isLong />}
      </Form>
    </dialog>
  );
}
