import { accounts } from './accounts.ts';
import { useSite } from './site.ts';

/** Ends the session, here in any case. */
export function useEndSession(): () => Promise<void> {
  const { manam, settings } = useSite();
  return async () => {
    accounts.drop(settings.slug, accounts.active(settings.slug));
    await manam.auth.logout({}).catch(() => manam.session.clear());
  };
}
