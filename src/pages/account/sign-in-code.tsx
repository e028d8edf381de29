import { useState } from 'preact/hooks';
import type { Failure } from '../../clients/web.ts';
import { CodeField, codeIn, Form, type Values } from '../kit/form.tsx';
import { CopyButton, Link, Remember, type RememberProps, Section } from '../kit/parts.tsx';
import { findHandle, forgetHandles } from './code-handles.ts';
import { useLanguage } from './language.ts';
import { Again, NameFields } from './sign-up.tsx';
import { type StartedCode, useStartCode } from './start-code.ts';
import { useAccount } from './state.ts';

type TypeCodeProps = {
  readonly started: StartedCode;
  readonly remember: RememberProps;
  readonly onAgain: () => void;
  /** Leads to the password; undefined: the tenant has none. */
  readonly onPassword?: () => void;
};

/** Asks for the code that was sent. */
export function TypeCode({ started, remember, onAgain, onPassword }: TypeCodeProps) {
  const { t } = useLanguage();
  const { manam, settings, goOn } = useAccount();
  const startCode = useStartCode();
  const { address } = started;
  const [handle, setHandle] = useState(started.handle);
  const submit = async (values: Values) => {
    const answer = await manam.auth.finishCodeSignIn({
      handle,
      code: codeIn(values),
      remember: remember.checked === true,
    });
    forgetHandles(settings.slug);
    await goOn(answer);
  };
  const send = async () => setHandle((await startCode(address)).handle);
  return (
    <Section title={t(address.includes('@') ? 'mailSentTitle' : 'smsSentTitle')} isPage>
      <p>{t(address.includes('@') ? 'codeMailSent' : 'codeSmsSent', { address })}</p>
      <Form submit={t('signIn')} onSubmit={submit} rephrase={{ CODE_INVALID: t('codeInvalid') }}>
        <CodeField name="code" label={t('code')} takesFocus />
        <Remember {...remember} />
      </Form>
      <Again send={send} />
      <p class="choices">
        {onPassword !== undefined && (
          <button type="button" class="quiet" onClick={onPassword}>
            {t('passwordInstead')}
          </button>
        )}
        <button type="button" class="quiet" onClick={onAgain}>
          {t('otherAddress')}
        </button>
      </p>
    </Section>
  );
}

type CodeLinkProps = { readonly token: string; readonly code: string };

/**
 * The page that the link of a code leads to. Where this browser asked for the code it signs in; any
 * other one, such as the phone that reads the mail, shows the code without a call.
 */
export function CodeLink({ token, code }: CodeLinkProps) {
  const { settings } = useAccount();
  const [handle] = useState(() => findHandle(settings.slug, token));
  return handle === undefined ? <ShowCode code={code} /> : <UseLink handle={handle} token={token} />;
}

/** Signs in at a press: browsers open links ahead of time. */
function UseLink({ handle, token }: { readonly handle: string; readonly token: string }) {
  const { t } = useLanguage();
  const { manam, settings, go, goOn } = useAccount();
  const submit = async ({ remember }: Values) => {
    const answer = await manam.auth.finishCodeSignIn({ handle, token, remember: remember === 'on' });
    forgetHandles(settings.slug);
    go('');
    await goOn(answer);
  };
  const help = ({ reason }: Failure) => reason === 'CODE_INVALID' && <Link to="">{t('signIn')}</Link>;
  return (
    <Section title={t('signInTitle')} isPage>
      <Form submit={t('signIn')} onSubmit={submit} help={help} rephrase={{ CODE_INVALID: t('linkUsed') }}>
        <Remember />
      </Form>
    </Section>
  );
}

function ShowCode({ code }: { readonly code: string }) {
  const { t } = useLanguage();
  return (
    <Section title={t('linkOtherTitle')} isPage>
      <p>{t('codeShown')}</p>
      <code class="secret code" dir="ltr">
        {code}
      </code>
      <p class="hint">{t('codeWarning')}</p>
      <div class="choices">
        <CopyButton text={code} />
      </div>
    </Section>
  );
}

/** The names of someone whose account has just been made. */
export function AskNames({ userId }: { readonly userId: string }) {
  const { t } = useLanguage();
  const { manam, goOn } = useAccount();
  const enter = () => goOn({ userId, mayOfferPasskey: true });
  const submit = async ({ first_name: firstName = '', last_name: lastName = '' }: Values) => {
    await manam.profile.editUser({ firstName, lastName });
    await enter();
  };
  return (
    <Section title={t('welcome')} isPage>
      <Form
        submit={t('save')}
        onSubmit={submit}
        aside={
          <button type="button" class="quiet" onClick={() => void enter()}>
            {t('later')}
          </button>
        }
      >
        <p>{t('askNames')}</p>
        <NameFields />
      </Form>
    </Section>
  );
}
