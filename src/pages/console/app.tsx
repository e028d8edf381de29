import { useEffect, useMemo, useState } from 'preact/hooks';
import { EventService } from '../../../gen/manam/v1/event_service_pb.js';
import { WebhookService } from '../../../gen/manam/v1/webhook_service_pb.js';
import { ManagementService, type MyTenant } from '../../clients/management.ts';
import { readFailure } from '../../clients/web.ts';
import { useAttempt } from '../kit/attempt.tsx';
import { useClient } from '../kit/client.ts';
import { LanguageContext, type Speech, useSpeech } from '../kit/language.ts';
import { Loaded } from '../kit/loaded.tsx';
import type { PageSettings } from '../kit/settings.ts';
import { type Site, SiteContext } from '../kit/site.ts';
import { wordsOf } from './language.ts';
import { Screen } from './screens.tsx';
import { NoTenant, Outside, Shell } from './shell.tsx';
import { type Console, ConsoleContext, mayCall } from './state.ts';
import type { Words } from './words.en.ts';

/** The tenant, screen and item that the address names. */
type Place = { readonly slug: string; readonly screen: string; readonly item: string };

/** The name in addresses that stands for no tenant. */
const noTenant = '-';

/** A part of an address; one that is badly written names nothing. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '?';
  }
}

function placeNow(): Place {
  const [slug = '', screen = '', ...item] = location.pathname.slice('/console/'.length).split('/');
  return { slug, screen, item: decoded(item.join('/')) };
}

/** Where people sign in, to come back here. */
const signInAddress = () => {
  const query = new URLSearchParams({ to: location.pathname });
  const lang = new URLSearchParams(location.search).get('lang');
  if (lang !== null) query.set('lang', lang);
  return `/account/manam/console?${query}`;
};

export function App({
  settings,
  speech,
}: {
  readonly settings: PageSettings;
  readonly speech: Speech<Words>;
}) {
  const { language, change } = useSpeech(speech, wordsOf);
  const [place, setPlace] = useState(placeNow);
  const [notice, setNotice] = useState('');
  const { attempt, question } = useAttempt();
  const manam = useClient({
    settings,
    locale: language.locale,
    onSessionEnd: () => location.replace(signInAddress()),
    // Another person may have signed in.
    onSessionStart: () => location.reload(),
  });
  useEffect(() => {
    const back = () => {
      setPlace(placeNow());
      setNotice('');
    };
    addEventListener('popstate', back);
    return () => removeEventListener('popstate', back);
  }, []);

  /** The tenants of who is signed in; someone who is not goes to sign in, and comes back. */
  const findTenants = async (): Promise<readonly MyTenant[] | undefined> => {
    if ((await manam.session.get()) === undefined) {
      location.replace(signInAddress());
      return undefined;
    }
    try {
      return (await manam.clientOf(ManagementService).listMyTenants({})).tenants;
    } catch (error) {
      // The account has something to do first.
      if (readFailure(error).reason !== 'TWO_FACTOR_ENROLMENT_REQUIRED') throw error;
      location.replace(signInAddress());
      return undefined;
    }
  };
  const show = (address: string, text = '') => {
    history.pushState(null, '', address + location.search);
    setPlace(placeNow());
    setNotice(text);
    scrollTo(0, 0);
  };
  const site: Site = {
    settings,
    manam,
    hrefOf: (path) => `/console/${place.slug || noTenant}/${path}`,
    go: (path, text) => show(site.hrefOf(path), text),
    quiet: () => setNotice(''),
    showsRules: true,
    helpFor: ({ reason }) =>
      reason === 'MEMBER_FACTOR_REQUIRED' && (
        <a href="/account/manam/security">{language.t('memberFactorWay')}</a>
      ),
    attempt,
  };
  const changeLanguage = () => void change();
  const choose = (slug: string) => show(slug === '' ? '/console/' : `/console/${slug}/`);
  return (
    <LanguageContext.Provider value={language}>
      <SiteContext.Provider value={site}>
        <Loaded load={findTenants} placeholder={<Outside onLanguage={changeLanguage} />}>
          {(tenants, reload) => {
            if (tenants === undefined) return <Outside onLanguage={changeLanguage} />;
            const only = tenants.length === 1 && place.slug === '' ? tenants[0] : undefined;
            const tenant = only ?? tenants.find(({ slug }) => slug === place.slug);
            if (tenant === undefined)
              return (
                <NoTenant
                  isNew={tenants.length === 0 || (place.slug === noTenant && place.screen === 'new')}
                  isUnknown={place.slug !== '' && place.slug !== noTenant}
                  tenants={tenants}
                  onChoose={choose}
                  onMade={reload}
                  onLanguage={changeLanguage}
                />
              );
            return (
              <Inside
                key={tenant.slug}
                site={{ ...site, hrefOf: (path) => `/console/${tenant.slug}/${path}` }}
                tenant={tenant}
                tenants={tenants}
                place={place}
                notice={notice}
                say={setNotice}
                show={show}
                onChoose={choose}
                onLanguage={changeLanguage}
              />
            );
          }}
        </Loaded>
        {question}
      </SiteContext.Provider>
    </LanguageContext.Provider>
  );
}

type InsideProps = {
  readonly site: Site;
  readonly tenant: MyTenant;
  readonly tenants: readonly MyTenant[];
  readonly place: Place;
  readonly notice: string;
  readonly say: (text: string) => void;
  readonly show: (address: string, text?: string) => void;
  readonly onChoose: (slug: string) => void;
  readonly onLanguage: () => void;
};

/** The console of one tenant. */
function Inside({ site, tenant, tenants, place, notice, say, show, onChoose, onLanguage }: InsideProps) {
  const { manam } = site;
  const clients = useMemo(() => {
    const as = { tenant: tenant.slug };
    return {
      manage: manam.clientOf(ManagementService, as),
      events: manam.clientOf(EventService, as),
      webhooks: manam.clientOf(WebhookService, as),
    };
  }, [manam, tenant.slug]);
  const shared: Console = {
    ...site,
    ...clients,
    tenant,
    screen: place.screen,
    item: place.item,
    go: (path, text) => show(site.hrefOf(path), text),
    may: (method) => mayCall(tenant.role, method),
    say,
  };
  return (
    <SiteContext.Provider value={shared}>
      <ConsoleContext.Provider value={shared}>
        <Shell tenants={tenants} notice={notice} onChoose={onChoose} onLanguage={onLanguage}>
          <Screen />
        </Shell>
      </ConsoleContext.Provider>
    </SiteContext.Provider>
  );
}
