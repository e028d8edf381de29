import { useEffect, useRef, useState } from 'preact/hooks';
import { hasPasskeyAutofill, hasPasskeys, signInWithPasskey } from '../../clients/web.ts';
import { useCeremony } from '../kit/ceremony.ts';
import { FieldMistake, Form, identifierIn, type Values } from '../kit/form.tsx';
import { onDemand } from '../kit/loaded.tsx';
import { Link, Remember, type RememberProps, Section } from '../kit/parts.tsx';
import { PasswordField } from '../kit/password-field.tsx';
import { IdentifierField } from './identifier-field.tsx';
import { useLanguage } from './language.ts';
import { ProviderButtons } from './provider-buttons.tsx';
import { messageOf } from './provider-failures.ts';
import { type StartedCode, useStartCode } from './start-code.ts';
import { useAccount } from './state.ts';

const TypeCode = onDemand(async () => (await import('./sign-in-code.tsx')).TypeCode);

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
  const { settings, goOn, isPreview = false } = useAccount();
  const { signInWays } = settings;
  const others = signInWays.filter((way) => way !== 'passkey');
  const [first] = others;
  const withPasskeys = signInWays.includes('passkey') && hasPasskeys();
  const [step, setStep] = useState<Step>(
    // With one way alone there is nothing to choose.
    others.length === 1 && first === 'password' ? { at: 'password', identifier: '' } : { at: 'identifier' },
  );
  const startCode = useStartCode();
  // One choice for every way to sign in.
  const [isRemembered, setRemembered] = useState(false);
  const remember = { checked: isRemembered, onChange: setRemembered };
  const usePasskey = usePasskeySignIn(withPasskeys && step.at !== 'code' && !isPreview, isRemembered);
  const begin = async ({ identifier = '' }: Values) => {
    if (identifier.trim() === '') throw new FieldMistake('identifier', t('identifierMissing'));
    if (first === undefined) await usePasskey(identifierIn(identifier));
    else if (first === 'password') setStep({ at: 'password', identifier });
    else setStep({ at: 'code', started: await startCode(identifier) });
  };
  if (step.at === 'code')
    return (
      <TypeCode
        started={step.started}
        remember={remember}
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
          {t(messageOf(failure))}
        </p>
      )}
      {step.at === 'identifier' ? (
        <Form submit={t('continue')} onSubmit={begin}>
          <IdentifierField withPasskeys={withPasskeys} />
          {withPasskeys && <Remember {...remember} />}
        </Form>
      ) : (
        <WithPassword
          identifier={step.identifier}
          onSignedIn={goOn}
          withPasskeys={withPasskeys}
          remember={remember}
          {...(signInWays.includes('code') && {
            onCode: async (identifier) => setStep({ at: 'code', started: await startCode(identifier) }),
          })}
        />
      )}
      {withPasskeys && <Form submit={t('passkeyUse')} weight="quiet" onSubmit={() => usePasskey()} />}
      <ProviderButtons isRemembered={isRemembered} />
      {signInWays.includes('password') && (
        <p>
          <Link to="recover">{t('forgot')}</Link>
        </p>
      )}
      {signInWays.includes('password') && (
        <p>
          {t('noAccount')} <Link to="sign-up">{t('signUp')}</Link>
        </p>
      )}
    </Section>
  );
}

type WithPasswordProps = {
  readonly identifier: string;
  readonly withPasskeys: boolean;
  readonly remember: RememberProps;
  readonly onSignedIn: ReturnType<typeof useAccount>['goOn'];
  /** Sends a code instead; undefined: the tenant has no codes. */
  readonly onCode?: (identifier: string) => Promise<void>;
};

/** Both fields, so that password managers fill them and a mistake in either is said beside it. */
function WithPassword({ identifier, withPasskeys, remember, onSignedIn, onCode }: WithPasswordProps) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  const [typed, setTyped] = useState(identifier);
  const submit = async ({ identifier: name = '', password = '' }: Values) =>
    onSignedIn({
      ...(await manam.auth.login({ ...identifierIn(name), password, remember: remember.checked === true })),
      mayOfferPasskey: true,
    });
  return (
    <>
      <Form submit={t('signIn')} onSubmit={submit}>
        <IdentifierField value={identifier} onInput={setTyped} withPasskeys={withPasskeys} />
        <PasswordField takesFocus={identifier !== ''} />
        <Remember {...remember} />
      </Form>
      {onCode !== undefined && (
        <Form submit={t('codeInstead')} weight="quiet" onSubmit={() => onCode(typed)} />
      )}
    </>
  );
}

/**
 * Signs in with a passkey: at a press, for any of this device or for those of an account, and in the autofill of the
 * form as long as that is shown. A browser has one request at a time: the press ends the waiting, which begins again after it.
 */
function usePasskeySignIn(isFormShown: boolean, isRemembered: boolean) {
  const { manam, goOn } = useAccount();
  const run = useCeremony();
  const waiting = useRef<AbortController | undefined>(undefined);
  const [round, setRound] = useState(0);
  // The autofill waits: what counts is the choice when a passkey comes.
  const latest = useRef(isRemembered);
  latest.current = isRemembered;
  const remember = () => latest.current;
  useEffect(() => {
    if (!isFormShown) return;
    const own = new AbortController();
    waiting.current = own;
    const wait = async () => {
      if (!(await hasPasskeyAutofill()) || own.signal.aborted) return;
      await goOn(await signInWithPasskey(manam, { autofill: true, signal: own.signal, remember }));
    };
    // A passkey that does not work leaves the form as it is.
    void wait().catch(() => {});
    return () => own.abort();
  }, [isFormShown, round]);
  return async (identifier?: ReturnType<typeof identifierIn>) => {
    waiting.current?.abort();
    try {
      await goOn(await run(() => signInWithPasskey(manam, { ...(identifier && { identifier }), remember })));
    } catch (error) {
      setRound(round + 1);
      throw error;
    }
  };
}
