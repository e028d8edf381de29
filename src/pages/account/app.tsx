import { useEffect, useState } from 'preact/hooks';
import { TwoFactorMethod } from '../../clients/web.ts';
import { accounts } from '../kit/accounts.ts';
import { useAttempt } from '../kit/attempt.tsx';
import { useClient } from '../kit/client.ts';
import { LanguageContext, type Speech, useSpeech } from '../kit/language.ts';
import { OnDemand } from '../kit/loaded.tsx';
import type { PageSettings } from '../kit/settings.ts';
import { SiteContext } from '../kit/site.ts';
import { CancelReset } from './cancel-reset.tsx';
import { Deleted } from './delete-account.tsx';
import { errands } from './errand.ts';
import { Enrol, Inside } from './inside.tsx';
import { useLanguage, wordsOf } from './language.ts';
import { EmailLink, FactorLink } from './link-pages.tsx';
import { mayOfferPasskey, OfferPasskey } from './passkeys.tsx';
import { type Arrival, type Place, takePlace } from './place.ts';
import { ProviderReturn } from './provider-return.tsx';
import { NewPassword, Recover } from './recover.tsx';
import { ReportSignIn } from './report-sign-in.tsx';
import { SecondFactor } from './second-factor.tsx';
import { SignIn } from './sign-in.tsx';
import { AskNames, CodeLink } from './sign-in-code.tsx';
import { Confirm, SignUp } from './sign-up.tsx';
import { type Account, AccountContext, type Stage, useAccount } from './state.ts';
import { AskTerms } from './terms.tsx';
import { UndoChange } from './undo-change.tsx';
import type { Words } from './words.en.ts';

export function App({
  settings,
  speech,
  arrival,
}: {
  readonly settings: PageSettings;
  readonly speech: Speech<Words>;
  readonly arrival: Arrival;
}) {
  const { language, change } = useSpeech(speech, wordsOf);
  const { errand } = arrival;
  const [place, setPlace] = useState<Place>(arrival.place);
  const [stage, setStage] = useState<Stage>({ at: 'starting' });
  const [notice, setNotice] = useState('');
  const { attempt, question, refuse } = useAttempt();
  const manam = useClient({
    settings,
    locale: language.locale,
    onSessionEnd: () => {
      refuse();
      accounts.drop(settings.slug, accounts.active(settings.slug));
      setStage({ at: 'outside' });
      setNotice(language.t('sessionEnded'));
    },
    onSessionStart: () => {
      // Another person may have signed in.
      if (stage.at === 'outside') void account.enter();
      else location.reload();
    },
  });
  // The session may have begun in another page, or before this one was loaded again.
  useEffect(() => {
    void manam.session
      .get()
      .then((token) => (token === undefined ? setStage({ at: 'outside' }) : account.enter()))
      .catch(() => setStage({ at: 'outside' }));
  }, [manam]);

  useEffect(() => {
    const back = () => setPlace(takePlace(settings.slug));
    addEventListener('popstate', back);
    return () => removeEventListener('popstate', back);
  }, [settings.slug]);

  const go = (path: string, text = '') => {
    // A link that has done its work is not kept behind.
    history.replaceState(null, '');
    history.pushState(null, '', `/account/${settings.slug}/${path}${location.search}`);
    setPlace({ path, query: new URLSearchParams() });
    setNotice(text);
  };
  const replace: Account['replace'] = (path, { notice: text = '', error = '' } = {}) => {
    const query = new URLSearchParams(error === '' ? {} : { error });
    // Loaded again, the page still says what failed.
    history.replaceState({ link: String(query) }, '', `/account/${settings.slug}/${path}${location.search}`);
    setPlace({ path, query });
    setNotice(text);
  };
  const mustEnrol = async () => {
    const { required, methods } = await manam.twoFactor.getTwoFactor({});
    const mustHavePasskey = settings.passkeys.mode === 'required';
    return (
      (required && methods.length === 0) || (mustHavePasskey && !methods.includes(TwoFactorMethod.PASSKEY))
    );
  };
  /** Notes who is signed in, and goes on with what they came for. */
  const noteAccount = async () => {
    const { user } = await manam.profile.viewUser({});
    const label = user?.email || user?.mobile || '';
    accounts.note(settings.slug, { name: accounts.active(settings.slug), label });
    const open = errands.read(settings.slug);
    if (open !== undefined && place.path !== open.path) account.replace(open.path);
  };
  /** The terms as they are now: the page may be older. */
  const missingTerms = async (): Promise<Stage | undefined> => {
    if (settings.terms.version === '') return undefined;
    const { url, version, acceptTime } = await manam.profile.getTerms({});
    return version === '' || acceptTime !== undefined ? undefined : { at: 'terms', url, version };
  };
  /** Whether to ask the user to make a passkey: where the tenant wants it, once they have none and have not declined. */
  const isOfferable = async (userId: string) =>
    settings.passkeys.mode === 'preferred' &&
    mayOfferPasskey(settings.slug, userId) &&
    !(await mustEnrol()) &&
    (await manam.passkeys.listPasskeys({})).passkeys.length === 0;
  const account: Account = {
    settings,
    manam,
    stage,
    errand,
    ...place,
    hrefOf: (path) => `/account/${settings.slug}/${path}`,
    go,
    quiet: () => setNotice(''),
    replace,
    setStage: (next) => {
      setNotice('');
      setStage(next);
    },
    enter: async () => {
      const isEnrolling = await mustEnrol();
      setNotice('');
      if (isEnrolling) return setStage({ at: 'enrol' });
      const next = (await missingTerms()) ?? { at: 'inside' };
      if (next.at === 'inside') await noteAccount();
      setStage(next);
    },
    goOn: async ({ twoFactor, isNew = false, mayOfferPasskey: mayOffer = false, userId = '' }) => {
      if (twoFactor !== undefined) account.setStage({ at: 'second-factor', challenge: twoFactor });
      // A session that can only enrol a second factor changes no names.
      else if (isNew && !(await mustEnrol())) account.setStage({ at: 'names', userId });
      else if (mayOffer && (await isOfferable(userId))) account.setStage({ at: 'offer-passkey', userId });
      else await account.enter();
    },
    attempt,
  };
  return (
    <LanguageContext.Provider value={language}>
      <SiteContext.Provider value={account}>
        <AccountContext.Provider value={account}>
          <Header
            onLanguage={() => {
              setNotice('');
              void change();
            }}
          />
          <main>
            <p role="status" class="notice">
              {notice}
            </p>
            <Screen />
          </main>
          {question}
        </AccountContext.Provider>
      </SiteContext.Provider>
    </LanguageContext.Provider>
  );
}

function Header({ onLanguage }: { readonly onLanguage: () => void }) {
  const { t, locale } = useLanguage();
  const { settings } = useAccount();
  const { logo, logoDark } = settings.theme;
  return (
    <header>
      {logo !== '' && (
        <picture>
          <source srcset={logoDark} media="(prefers-color-scheme: dark)" />
          <img src={logo} alt="" />
        </picture>
      )}
      <span class="tenant">{settings.name}</span>
      <button type="button" class="quiet" lang={locale === 'fa' ? 'en' : 'fa'} onClick={onLanguage}>
        {t('language')}
      </button>
    </header>
  );
}

/** The view for the address and the stage. */
function Screen() {
  const { path, query, stage, settings, errand } = useAccount();
  const { t } = useLanguage();
  const token = query.get('token') ?? '';
  if (path === 'two-factor' && token !== '')
    return <FactorLink token={token} factor={query.get('factor') ?? ''} />;
  if (path === 'confirm' && token !== '') return <EmailLink token={token} />;
  if (path === 'confirm') return <Confirm token={query.get('cnf') ?? ''} />;
  if (path === 'provider')
    return <ProviderReturn code={query.get('code') ?? ''} failure={query.get('error') ?? ''} />;
  if (path === 'sign-in' && token !== '') return <CodeLink token={token} code={query.get('code') ?? ''} />;
  if (path === 'report' && token !== '') return <ReportSignIn token={token} />;
  if (path === 'cancel-reset' && token !== '') return <CancelReset token={token} />;
  if (path === 'undo' && token !== '') return <UndoChange token={token} />;
  if (path === 'sign-out') return <SignOut request={query.get('request') ?? ''} />;
  if (path === 'recover') return token === '' ? <Recover /> : <NewPassword token={token} />;
  // Without passwords a first sign-in by a code makes the account.
  const canSignUp = path === 'sign-up' && settings.signInWays.includes('password');
  switch (stage.at) {
    case 'starting':
      return <p class="hint">{t('loading')}</p>;
    case 'second-factor':
      return <SecondFactor {...stage} />;
    case 'names':
      return <AskNames {...stage} />;
    case 'offer-passkey':
      return <OfferPasskey {...stage} />;
    case 'terms':
      return <AskTerms {...stage} />;
    case 'enrol':
      return <Enrol />;
    case 'inside':
      if (path === 'authorize' && errand?.path === 'authorize') return <GoOn request={errand.request} />;
      if (path === 'manam-login' && errand?.path === 'manam-login')
        return <LendAccount request={errand.request} />;
      if (path === 'device') return <LetDevice userCode={errand?.path === 'device' ? errand.userCode : ''} />;
      if (path === 'console' && errand?.path === 'console') return <ToConsole to={errand.to} />;
      if (path === 'invitation' && errand?.path === 'invitation') return <Join token={errand.token} />;
      return <Inside />;
    case 'deleted':
      return canSignUp ? <SignUp /> : <Deleted {...stage} />;
    case 'outside':
      return (
        <>
          {errand?.path === 'authorize' && errands.read(settings.slug) !== undefined && (
            <SignInFor request={errand.request} />
          )}
          {canSignUp ? <SignUp /> : <SignIn failure={query.get('error') ?? ''} />}
        </>
      );
  }
}

// What an application or a device brings people for is fetched when they come for it.

function GoOn({ request }: { readonly request: string }) {
  return (
    <OnDemand
      load={async () => {
        const { Authorize } = await import('./authorize.tsx');
        return () => <Authorize request={request} />;
      }}
    />
  );
}

function SignInFor({ request }: { readonly request: string }) {
  return (
    <OnDemand
      load={async () => {
        const { BeforeSignIn } = await import('./authorize.tsx');
        return () => <BeforeSignIn request={request} />;
      }}
    />
  );
}

function LetDevice({ userCode }: { readonly userCode: string }) {
  return (
    <OnDemand
      load={async () => {
        const { Device } = await import('./device.tsx');
        return () => <Device userCode={userCode} />;
      }}
    />
  );
}

function Join({ token }: { readonly token: string }) {
  return (
    <OnDemand
      load={async () => {
        const { Invitation } = await import('./invitation.tsx');
        return () => <Invitation token={token} />;
      }}
    />
  );
}

function LendAccount({ request }: { readonly request: string }) {
  return (
    <OnDemand
      load={async () => {
        const { ManamLogin } = await import('./manam-login.tsx');
        return () => <ManamLogin request={request} />;
      }}
    />
  );
}

/** Opens the console, which is another page. */
function ToConsole({ to }: { readonly to: string }) {
  const { t } = useLanguage();
  const { settings } = useAccount();
  useEffect(() => {
    errands.forget(settings.slug);
    location.replace(to + location.search);
  }, []);
  return <p class="hint">{t('loading')}</p>;
}

function SignOut({ request }: { readonly request: string }) {
  return (
    <OnDemand
      load={async () => {
        const { SignOutPage } = await import('./sign-out.tsx');
        return () => <SignOutPage request={request} />;
      }}
    />
  );
}
