import { onDemand } from '../kit/loaded.tsx';
import { Link, Section } from '../kit/parts.tsx';
import { useEndSession } from '../kit/sign-out.ts';
import { wish } from './away.ts';
import { useLanguage } from './language.ts';
import { Passkeys } from './passkeys.tsx';
import { Profile } from './profile.tsx';
import { OfferConnection } from './providers.tsx';
import { Factors, Security } from './security.tsx';
import { Sessions } from './sessions.tsx';
import { useAccount } from './state.ts';

/** Ends the session, here in any case. */
export function useSignOut(): () => Promise<void> {
  const { t } = useLanguage();
  const { settings, setStage, go } = useAccount();
  const endSession = useEndSession();
  return async () => {
    wish.forget(settings.slug);
    await endSession();
    setStage({ at: 'outside' });
    go('', t('signedOut'));
  };
}

/** The account of someone who has signed in. */
export function Inside() {
  const { t } = useLanguage();
  const { path } = useAccount();
  const parts = [
    { to: '', label: t('profile') },
    { to: 'security', label: t('security') },
    { to: 'sessions', label: t('sessions') },
    { to: 'activity', label: t('activity') },
  ];
  const current = parts.find(({ to }) => to === path)?.to ?? '';
  const signOut = useSignOut();
  return (
    <>
      <nav aria-label={t('account')}>
        {parts.map(({ to, label }) => (
          <Link key={to} to={to} current={to === current}>
            {label}
          </Link>
        ))}
        <button type="button" class="quiet" onClick={() => void signOut()}>
          {t('signOut')}
        </button>
      </nav>
      <OfferConnection />
      <Part name={current} />
    </>
  );
}

const Activity = onDemand(async () => (await import('./activity.tsx')).Activity);

function Part({ name }: { readonly name: string }) {
  switch (name) {
    case 'security':
      return <Security />;
    case 'sessions':
      return <Sessions />;
    case 'activity':
      return <Activity />;
    default:
      return <Profile />;
  }
}

/** Where the tenant demands a second factor and there is none yet. */
export function Enrol() {
  const { t } = useLanguage();
  const { settings, manam, enter, go } = useAccount();
  const signOut = useSignOut();
  const finish = async () => {
    // The session was valid for this step alone; its successor is valid for everything.
    await manam.session.renew((await manam.session.get()) ?? '');
    await enter();
    go('');
  };
  return (
    <Section title={t('twoFactor')} isPage>
      <p>{t('twoFactorRequired', { tenant: settings.name })}</p>
      {settings.passkeys.mode !== 'required' && <Factors onEnrolled={finish} />}
      <Passkeys onEnrolled={finish} />
      <button type="button" class="quiet" onClick={() => void signOut()}>
        {t('signOut')}
      </button>
    </Section>
  );
}
