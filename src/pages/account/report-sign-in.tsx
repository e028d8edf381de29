import { useState } from 'preact/hooks';
import type { Failure } from '../../clients/web.ts';
import { Form } from '../kit/form.tsx';
import { Link, Section } from '../kit/parts.tsx';
import { useLanguage } from './language.ts';
import { useAccount } from './state.ts';

/** The page that "it was not me" leads to. It waits for a press: mail programs open links by themselves. */
export function ReportSignIn({ token }: { readonly token: string }) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const [isDone, setDone] = useState(false);
  const submit = async () => {
    await manam.recovery.reportSignIn({ token });
    setDone(true);
  };
  const help = ({ reason }: Failure) =>
    reason === 'RECOVERY_INVALID' && <Link to="recover">{t('recoverTitle')}</Link>;
  return (
    <Section title={t('reportTitle')} isPage>
      {isDone ? (
        <p role="status">{t('reportDone')}</p>
      ) : (
        <Form submit={t('reportSubmit')} onSubmit={submit} weight="danger" help={help}>
          <p>{t('reportAsk')}</p>
        </Form>
      )}
    </Section>
  );
}
