import { useState } from 'preact/hooks';
import type { Failure } from '../../clients/web.ts';
import { CodeField, codeIn, Form, type Values } from '../kit/form.tsx';
import { Link, Section } from '../kit/parts.tsx';
import { PasswordField } from '../kit/password-field.tsx';
import { useLanguage } from './language.ts';
import { useAccount } from './state.ts';

type Step = 'ask' | 'frozen' | 'undone';

/** The page that "it was not me" in the notice of a change leads to. It waits for a press: mail programs open links by themselves. */
export function UndoChange({ token }: { readonly token: string }) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const [step, setStep] = useState<Step>('ask');
  const [byCode, setByCode] = useState(false);
  const freeze = async () => {
    await manam.recovery.freezeAccount({ token });
    setStep('frozen');
  };
  const undo = async (values: Values) => {
    const proof = byCode ? { code: codeIn(values) } : { password: values['password'] ?? '' };
    await manam.recovery.undoChanges({ token, ...proof });
    setStep('undone');
  };
  const help = ({ reason }: Failure) =>
    reason === 'RECOVERY_INVALID' && <Link to="recover">{t('recoverTitle')}</Link>;
  if (step === 'ask')
    return (
      <Section title={t('undoTitle')} isPage>
        <Form submit={t('undoFreeze')} onSubmit={freeze} weight="danger" help={help}>
          <p>{t('undoAsk')}</p>
        </Form>
      </Section>
    );
  if (step === 'undone')
    return (
      <Section title={t('undoTitle')} isPage>
        <p role="status">{t('undoDone')}</p>
        <Link to="">{t('signIn')}</Link>
      </Section>
    );
  return (
    <Section title={t('undoTitle')} isPage>
      <p role="status">{t('undoFrozen')}</p>
      <Form
        submit={t('undoSubmit')}
        onSubmit={undo}
        help={help}
        rephrase={{ CREDENTIALS_INVALID: t('undoWrong') }}
        aside={
          <button type="button" class="quiet" onClick={() => setByCode(!byCode)}>
            {t(byCode ? 'undoByPassword' : 'undoByCode')}
          </button>
        }
      >
        {byCode ? <CodeField name="code" label={t('code')} /> : <PasswordField label={t('undoPassword')} />}
      </Form>
    </Section>
  );
}
