import { useEffect, useState } from 'preact/hooks';
import { accounts } from '../kit/accounts.ts';
import { useAttempt } from '../kit/attempt.tsx';
import { useClient } from '../kit/client.ts';
import { LanguageContext, type Speech, useSpeech } from '../kit/language.ts';
import { onDemand } from '../kit/loaded.tsx';
import type { PageSettings } from '../kit/settings.ts';
import { SiteContext } from '../kit/site.ts';
import { errands } from './errand.ts';
import { useLanguage, wordsOf } from './language.ts';
import { type Arrival, type Place, takePlace } from './place.ts';
import { SignIn } from './sign-in.tsx';
import { type Account, AccountContext, type Stage, useAccount } from './state.ts';
import type { Words } from './words.en.ts';

// A sign-in is there at once. What comes behind it, and what a link leads to, is fetched when it is shown.
const AskNames = onDemand(async () => (await import('./sign-in-code.tsx')).AskNames);
const AskTerms = onDemand(async () => (await import('./terms.tsx')).AskTerms);
const Authorize = onDemand(async () => (await import('./authorize.tsx')).Authorize);
const BeforeSignIn = onDemand(async () => (await import('./authorize.tsx')).BeforeSignIn);
const CancelReset = onDemand(async () => (await import('./cancel-reset.tsx')).CancelReset);
const CodeLink = onDemand(async () => (await import('./sign-in-code.tsx')).CodeLink);
const Confirm = onDemand(async () => (await import('./sign-up.tsx')).Confirm);
const Deleted = onDemand(async () => (await import('./delete-account.tsx')).Deleted);
const Device = onDemand(async () => (await import('./device.tsx')).Device);
const EmailLink = onDemand(async () => (await import('./link-pages.tsx')).EmailLink);
const Enrol = onDemand(async () => (await import('./inside.tsx')).Enrol);
const FactorLink = onDemand(async () => (await import('./link-pages.tsx')).FactorLink);
const Inside = onDemand(async () => (await import('./inside.tsx')).Inside);
const Invitation = onDemand(async () => (await import('./invitation.tsx')).Invitation);
const ManamLogin = onDemand(async () => (await import('./manam-login.tsx')).ManamLogin);
const NewPassword = onDemand(async () => (await import('./recover.tsx')).NewPassword);
const OfferPasskey = onDemand(async () => (await import('./passkeys.tsx')).OfferPasskey);
const ProviderReturn = onDemand(async () => (await import('./provider-return.tsx')).ProviderReturn);
const Recover = onDemand(async () => (await import('./recover.tsx')).Recover);
const ReportSignIn = onDemand(async () => (await import('./report-sign-in.tsx')).ReportSignIn);
const SecondFactor = onDemand(async () => (await import('./second-factor.tsx')).SecondFactor);
const SignOutPage = onDemand(async () => (await import('./sign-out.tsx')).SignOutPage);
const SignUp = onDemand(async () => (await import('./sign-up.tsx')).SignUp);
const Undo = onDemand(async () => (await import('./undo-change.tsx')).Undo);

/** The steps between a sign-in and the account, loaded after the sign-in. */
const loadDuties = () => import('./duties.ts');

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
  /** Notes who is signed in, and goes on with what they came for. */
  const noteAccount = async () => {
    const { user } = await manam.profile.viewUser({});
    const label = user?.email || user?.mobile || '';
    accounts.note(settings.slug, { name: accounts.active(settings.slug), label });
    const open = errands.read(settings.slug);
    if (open !== undefined && place.path !== open.path) account.replace(open.path);
  };
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
      const next = (await (await loadDuties()).demandOf(account)) ?? { at: 'inside' };
      setNotice('');
      if (next.at === 'inside') await noteAccount();
      setStage(next);
    },
    goOn: async (answer) => {
      const next = await (await loadDuties()).questionAfter(account, answer);
      await (next === undefined ? account.enter() : account.setStage(next));
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
  if (path === 'undo' && token !== '') return <Undo token={token} step={query.get('step')} />;
  if (path === 'sign-out') return <SignOutPage request={query.get('request') ?? ''} />;
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
      if (path === 'authorize' && errand?.path === 'authorize') return <Authorize request={errand.request} />;
      if (path === 'manam-login' && errand?.path === 'manam-login')
        return <ManamLogin request={errand.request} />;
      if (path === 'device') return <Device userCode={errand?.path === 'device' ? errand.userCode : ''} />;
      if (path === 'console' && errand?.path === 'console') return <ToConsole to={errand.to} />;
      if (path === 'invitation' && errand?.path === 'invitation') return <Invitation token={errand.token} />;
      return <Inside />;
    case 'deleted':
      return canSignUp ? <SignUp /> : <Deleted {...stage} />;
    case 'outside':
      return (
        <>
          {errand?.path === 'authorize' && errands.read(settings.slug) !== undefined && (
            <BeforeSignIn request={errand.request} />
          )}
          {canSignUp ? <SignUp /> : <SignIn failure={query.get('error') ?? ''} />}
        </>
      );
  }
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
