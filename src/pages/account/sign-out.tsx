import { useEffect, useState } from 'preact/hooks';
import type { DescribeSignOutResponse } from '../../clients/web.ts';
import { accounts } from '../kit/accounts.ts';
import { Form } from '../kit/form.tsx';
import { Loaded } from '../kit/loaded.tsx';
import { Section } from '../kit/parts.tsx';
import { useLanguage } from './language.ts';
import { useAccount } from './state.ts';

/** The session of an access token. */
function sessionOf(token: string | undefined): string {
  const [, payload = ''] = (token ?? '').split('.');
  try {
    const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), (each) =>
      each.charCodeAt(0),
    );
    return String((JSON.parse(new TextDecoder().decode(bytes)) as { sid?: string }).sid ?? '');
  } catch {
    return '';
  }
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
    if (!isInside) return finish();
    // Without a question only the very session that the application was signed in with.
    const signOutOwn = async () => {
      if (sessionId !== '' && sessionOf(await manam.session.get()) === sessionId) await signOut();
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
