import { useEffect, useState } from 'preact/hooks';
import { Form } from '../kit/form.tsx';
import { CopyButton, Link, Section } from '../kit/parts.tsx';
import { Enrol } from './inside.tsx';
import { useLanguage } from './language.ts';
import { type LinkKind, offerToken } from './links.ts';
import { SecondFactor } from './second-factor.tsx';
import { SignIn } from './sign-in.tsx';
import { useAccount } from './state.ts';
import { Taken } from './taken.tsx';

type Answer = 'waiting' | 'taken' | 'nobody';

/** Offers the token of a link to the page that waits for it on this device. */
function useOffer(kind: LinkKind, token: string): Answer {
  const { settings } = useAccount();
  const [answer, setAnswer] = useState<Answer>('waiting');
  useEffect(() => {
    void offerToken(settings.slug, { kind, token }).then((isTaken) =>
      setAnswer(isTaken ? 'taken' : 'nobody'),
    );
  }, [kind, token]);
  return answer;
}

function Paste({ token }: { readonly token: string }) {
  const { t } = useLanguage();
  return (
    <>
      <p>{t('linkPaste')}</p>
      <code class="secret" dir="ltr">
        {token}
      </code>
      <div class="choices">
        <CopyButton text={token} />
      </div>
    </>
  );
}

/** The page that the proof for a second factor leads to; only the session that asked for it can use it. */
export function FactorLink({ token, factor }: { readonly token: string; readonly factor: string }) {
  const { t } = useLanguage();
  const answer = useOffer(factor === 'sms' ? 'sms' : 'totp', token);
  if (answer === 'waiting') return <p class="hint">{t('loading')}</p>;
  if (answer === 'taken') return <Taken />;
  return (
    <Section title={t('linkOtherTitle')} isPage>
      <Paste token={token} />
      <Link to="">{t('account')}</Link>
    </Section>
  );
}

/** The page for the proof of a new address; any session of its owner can use it. */
export function EmailLink({ token }: { readonly token: string }) {
  const { t } = useLanguage();
  const { stage, manam, go } = useAccount();
  const answer = useOffer('email', token);
  if (answer === 'waiting' || stage.at === 'starting') return <p class="hint">{t('loading')}</p>;
  if (answer === 'taken') return <Taken />;
  if (stage.at === 'second-factor') return <SecondFactor {...stage} />;
  if (stage.at === 'enrol') return <Enrol />;
  if (stage.at === 'outside')
    return (
      <>
        <Paste token={token} />
        <SignIn note={t('linkSignIn')} />
      </>
    );
  const confirm = async () => {
    await manam.profile.confirmEmailChange({ token });
    go('', t('changed'));
  };
  return (
    <Section title={t('confirmTitle')} isPage>
      <Form submit={t('confirm')} onSubmit={confirm} />
      <Link to="">{t('account')}</Link>
    </Section>
  );
}
