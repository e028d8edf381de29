import type { GetManamLoginResponse } from '../../clients/web.ts';
import { Form } from '../kit/form.tsx';
import { Loaded } from '../kit/loaded.tsx';
import { Section } from '../kit/parts.tsx';
import { SignedInAs } from './account-chooser.tsx';
import { leaveTo } from './authorize.tsx';
import { useLanguage } from './language.ts';
import { useAccount } from './state.ts';

type Props = { readonly request: string };

/** The consent of a user of Manam to a tenant that signs them in: "Login with Manam". */
export function ManamLogin({ request }: Props) {
  const { manam } = useAccount();
  return (
    <Loaded load={() => manam.auth.getManamLogin({ request })}>
      {(asked) => (asked.consented ? <GoBack request={request} /> : <Ask request={request} asked={asked} />)}
    </Loaded>
  );
}

function useDecide(request: string): (deny: boolean) => Promise<void> {
  const { manam, settings } = useAccount();
  return async (deny) => {
    const { redirectUrl } = await manam.auth.approveManamLogin({ request, deny });
    leaveTo(settings.slug, redirectUrl);
  };
}

/** Consent was given before: no one is asked. */
function GoBack({ request }: Props) {
  const decide = useDecide(request);
  return <Loaded load={() => decide(false)}>{() => null}</Loaded>;
}

function Ask({ request, asked }: Props & { readonly asked: GetManamLoginResponse }) {
  const { t } = useLanguage();
  const decide = useDecide(request);
  const { tenantName, name, email } = asked;
  return (
    <Section title={t('consentTitle', { name: tenantName })} isPage>
      <p>{t('manamLoginAsk', { tenant: tenantName })}</p>
      <p>{t(email === '' ? 'manamLoginNumber' : 'manamLoginLearns')}</p>
      <p>
        <bdi>{[name, email].filter((part) => part !== '').join(' · ')}</bdi>
      </p>
      <SignedInAs />
      <Form submit={t('consentAllow')} onSubmit={() => decide(false)} />
      <Form submit={t('consentRefuse')} weight="quiet" onSubmit={() => decide(true)} />
    </Section>
  );
}
