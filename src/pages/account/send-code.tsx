import { useState } from 'preact/hooks';
import { Form } from './form.tsx';
import { useLanguage } from './language.ts';
import { useAccount } from './state.ts';

/** Sends a code to the number of the second factor, for someone who is signed in. */
export function SendCode() {
  const { t } = useLanguage();
  const { manam } = useAccount();
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
