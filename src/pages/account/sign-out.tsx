import { useEffect, useState } from 'preact/hooks';
import { openBrowserKey } from '../../clients/page-session.ts';
import type { DescribeSignOutResponse } from '../../clients/web.ts';
import { accounts } from '../kit/accounts.ts';
import { Form } from '../kit/form.tsx';
import { Loaded } from '../kit/loaded.tsx';
import { Section } from '../kit/parts.tsx';
import { useLanguage } from './language.ts';
import { useAccount } from './state.ts';

/** The session of a refresh token, which begins with its id: 16 bytes. */
function sessionOf(token: string): string {
  const bytes = [...atob(token.slice(0, 24).replaceAll('-', '+').replaceAll('_', '/'))].slice(0, 16);
  const hex = bytes.map((each) => each.charCodeAt(0).toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** The name of the account of this browser with that session; undefined if there is none. */
async function findAccount(slug: string, sessionId: string): Promise<string | undefined> {
  for (const name of accounts.names(slug)) {
    const refreshToken = await (await openBrowserKey(name))?.load().catch(() => undefined);
    if (refreshToken !== undefined && sessionOf(refreshToken) === sessionId) return name;
  }
  return undefined;
}

/** A sign-out that an application asked for (RP-Initiated Logout 1.0). */
export function SignOutPage({ request }: { readonly request: string }) {
  const { manam } = useAccount();
  return (
    <Loaded load={() => manam.authorization.describeSignOut({ request })}>
      {(asked) => <Asked {...asked} />}
    </Loaded>
  );
}

function Asked({ application, sessionId, location: address }: DescribeSignOutResponse) {
  const { t } = useLanguage();
  const { manam, settings, stage, setStage, go } = useAccount();
  const [isDone, setDone] = useState(false);
  const isInside = stage.at !== 'outside' && stage.at !== 'starting';
  const finish = () => {
    setDone(true);
    if (address !== '') location.replace(address);
  };
  const signOut = async () => {
    accounts.drop(settings.slug, accounts.active(settings.slug));
    await manam.auth.logout({}).catch(() => manam.session.clear());
    setStage({ at: 'outside' });
    finish();
  };
  useEffect(() => {
    if (stage.at === 'starting' || isDone) return;
    // Without a confirmation only the session that the application was signed in with ends, whichever account this tab shows.
    const signOutOwn = async () => {
      const { slug } = settings;
      const name = sessionId === '' ? undefined : await findAccount(slug, sessionId);
      if (name === undefined) return isInside ? undefined : finish();
      if (name === accounts.active(slug)) return await signOut();
      accounts.choose(slug, name);
      location.reload();
    };
    void signOutOwn();
  }, [stage.at]);
  if (!isInside)
    return (
      <Section title={t('signOut')} isPage key="outside">
        <p role="status">{t('signedOut')}</p>
      </Section>
    );
  return (
    <Section title={t('signOutAsk', { tenant: settings.name })} isPage key="inside">
      <p>{t('signOutText', { name: application?.name ?? '', tenant: settings.name })}</p>
      <Form submit={t('signOut')} onSubmit={signOut} />
      <Form submit={t('signOutStay')} weight="quiet" onSubmit={async () => go('')} />
    </Section>
  );
}
