import { useState } from 'preact/hooks';
import { Form } from './form.tsx';
import { useLanguage } from './language.ts';
import { useSite } from './site.ts';

/** Sends a code to the number of the second factor, for someone who is signed in. */
export function SendCode() {
  const { t } = useLanguage();
  const { manam } = useSite();
  const [said, setSaid] = useState('');
  const send = async () => {
    setSaid('');
    await manam.twoFactor.sendSmsCode({});
    setSaid(t('codeSent'));
  };
  return (
    <Form submit={t('useSms')} onSubmit={send} weight="quiet" aside={<span role="status">{said}</span>} />
  );
}
