import { useState } from 'preact/hooks';
import { Form } from '../kit/form.tsx';
import { Link, Section } from '../kit/parts.tsx';
import { useLanguage } from './language.ts';
import { useAccount } from './state.ts';

/** The page that "it was not me" in the notice of a reset leads to. It waits for a press: mail programs open links by themselves. */
export function CancelReset({ token }: { readonly token: string }) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const [isDone, setDone] = useState(false);
  const submit = async () => {
    await manam.recovery.rejectFactorReset({ token });
    setDone(true);
  };
  return (
    <Section title={t('reportTitle')} isPage>
      {isDone ? (
        <>
          <p role="status">{t('resetStopped')}</p>
          <Link to="recover">{t('recoverTitle')}</Link>
        </>
      ) : (
        <Form submit={t('resetStop')} onSubmit={submit} weight="danger">
          <p>{t('resetStopAsk')}</p>
        </Form>
      )}
    </Section>
  );
}
