import { useState } from 'preact/hooks';
import { Field, FieldMistake, Form, type Values } from '../kit/form.tsx';
import { Link, Section } from '../kit/parts.tsx';
import { useLanguage } from './language.ts';
import { type Stage, useAccount } from './state.ts';

/** The end of the account, behind a word that no one types by mistake. */
export function DeleteAccount() {
  const { t } = useLanguage();
  const { manam, settings, setStage, go } = useAccount();
  const [isOpen, setOpen] = useState(false);
  const submit = async ({ word = '' }: Values) => {
    if (word.trim().toLowerCase() !== t('deleteWord')) throw new FieldMistake('word', t('wrongWord'));
    const { receipt } = await manam.profile.deleteAccount({});
    go('');
    setStage({ at: 'deleted', receipt });
  };
  return (
    <Section title={t('deleteTitle')}>
      <p>{t('deleteHint', { tenant: settings.name })}</p>
      {isOpen ? (
        <Form
          submit={t('deleteNow')}
          onSubmit={submit}
          weight="danger"
          aside={
            <button type="button" class="quiet" onClick={() => setOpen(false)}>
              {t('cancel')}
            </button>
          }
        >
          <Field name="word" label={t('deleteConfirm', { word: t('deleteWord') })} isRequired takesFocus />
        </Form>
      ) : (
        <button type="button" class="danger" onClick={() => setOpen(true)}>
          {t('deleteTitle')}
        </button>
      )}
    </Section>
  );
}

/** The receipt of a deleted account, which the service's public keys verify. */
export function Deleted({ receipt }: Extract<Stage, { at: 'deleted' }>) {
  const { t } = useLanguage();
  return (
    <Section title={t('deleted')} isPage>
      <details>
        <summary>{t('receipt')}</summary>
        <code class="secret" dir="ltr">
          {receipt}
        </code>
      </details>
      <p>
        <Link to="sign-up">{t('signUp')}</Link>
      </p>
    </Section>
  );
}
