import { useState } from 'preact/hooks';
import { FieldMistake, Form, identifierIn, type Values } from './form.tsx';
import { IdentifierField } from './identifier-field.tsx';
import { useLanguage } from './language.ts';
import { Link, Remember, Section } from './parts.tsx';
import { PasswordField } from './password-field.tsx';
import { type StartedCode, TypeCode, useStartCode } from './sign-in-code.tsx';
import { useAccount } from './state.ts';

/** Messages of a failed sign-in with a provider, by reason. */
const failures = {
  LOGIN_STATE_INVALID: 'signInState',
  PROVIDER_DENIED: 'signInDenied',
  LOCAL_LOGIN_REQUIRED: 'signInLocal',
  REGISTRATION_REQUIRED: 'signInRegister',
} as const;

type SignInProps = {
  readonly note?: string;
  /** The reason that a provider's sign-in failed for; empty: there was none. */
  readonly failure?: string;
};

/** The step of a sign-in: who it is, then the first of the tenant's ways, from which the others are reached. */
type Step =
  | { readonly at: 'identifier' }
  | { readonly at: 'password'; readonly identifier: string }
  | { readonly at: 'code'; readonly started: StartedCode };

/** Address or number first, then the password or a code, in the order of the tenant's policy. */
export function SignIn({ note, failure = '' }: SignInProps) {
  const { t } = useLanguage();
  const said = Object.hasOwn(failures, failure) ? failures[failure as keyof typeof failures] : 'signInFailed';
  const { settings, goOn } = useAccount();
  const { signInWays } = settings;
  const [first] = signInWays;
  const [step, setStep] = useState<Step>(
    // With one way alone there is nothing to choose.
    signInWays.length === 1 && first === 'password'
      ? { at: 'password', identifier: '' }
      : { at: 'identifier' },
  );
  const startCode = useStartCode();
  const begin = async ({ identifier = '' }: Values) => {
    if (identifier.trim() === '') throw new FieldMistake('identifier', t('identifierMissing'));
    if (first === 'password') setStep({ at: 'password', identifier });
    else setStep({ at: 'code', started: await startCode(identifier) });
  };
  if (step.at === 'code')
    return (
      <TypeCode
        started={step.started}
        onAgain={() => setStep({ at: 'identifier' })}
        {...(signInWays.includes('password') && {
          onPassword: () => setStep({ at: 'password', identifier: step.started.address }),
        })}
      />
    );
  return (
    <Section title={t('signInTitle')} isPage>
      {note !== undefined && <p>{note}</p>}
      {failure !== '' && (
        <p role="alert" class="problem">
          {t(said)}
        </p>
      )}
      {step.at === 'identifier' ? (
        <Form submit={t('continue')} onSubmit={begin}>
          <IdentifierField />
        </Form>
      ) : (
        <WithPassword
          identifier={step.identifier}
          onSignedIn={goOn}
          {...(signInWays.includes('code') && {
            onCode: async (identifier) => setStep({ at: 'code', started: await startCode(identifier) }),
          })}
        />
      )}
      {signInWays.includes('password') && (
        <p>
          <Link to="recover">{t('forgot')}</Link>
        </p>
      )}
      <p>
        {t('noAccount')} <Link to="sign-up">{t('signUp')}</Link>
      </p>
    </Section>
  );
}

type WithPasswordProps = {
  readonly identifier: string;
  readonly onSignedIn: ReturnType<typeof useAccount>['goOn'];
  /** Sends a code instead; undefined: the tenant has no codes. */
  readonly onCode?: (identifier: string) => Promise<void>;
};

/** Both fields, so that password managers fill them and a mistake in either is said beside it. */
function WithPassword({ identifier, onSignedIn, onCode }: WithPasswordProps) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const [typed, setTyped] = useState(identifier);
  const submit = async ({ identifier: name = '', password = '', remember }: Values) =>
    onSignedIn(await manam.auth.login({ ...identifierIn(name), password, remember: remember === 'on' }));
  return (
    <>
      <Form submit={t('signIn')} onSubmit={submit}>
        <IdentifierField value={identifier} onInput={setTyped} />
        <PasswordField takesFocus={identifier !== ''} />
        <Remember />
      </Form>
      {onCode !== undefined && (
        <Form submit={t('codeInstead')} weight="quiet" onSubmit={() => onCode(typed)} />
      )}
    </>
  );
}
