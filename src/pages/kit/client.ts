import { useMemo, useRef } from 'preact/hooks';
import type { WebManam } from '../../clients/web.ts';
import { openWebClient } from '../../clients/web-client.ts';
import { accounts } from './accounts.ts';
import type { Locale } from './language.ts';
import { contracts, servicesOf } from './services.ts';
import type { PageSettings } from './settings.ts';
import { solveBeside } from './work.ts';

type ClientProps = {
  readonly settings: PageSettings;
  readonly locale: Locale;
  readonly onSessionEnd: () => void;
  readonly onSessionStart: () => void;
};

/** The client of the page, in the session of the account that this tab shows. It is made once; what it is given may change. */
export function useClient({ settings, ...given }: ClientProps): WebManam {
  const now = useRef(given);
  now.current = given;
  return useMemo(() => {
    const client = openWebClient(
      {
        url: location.origin,
        key: settings.key,
        locale: () => now.current.locale,
        sessionName: accounts.active(settings.slug),
        solveWork: solveBeside,
        watchSession: true,
        onSessionEnd: () => now.current.onSessionEnd(),
        onSessionStart: () => now.current.onSessionStart(),
      },
      contracts,
    );
    return { ...servicesOf(client), ...client };
  }, [settings.key]);
}
