import { useEffect, useMemo, useRef } from 'preact/hooks';
import { createManam, memoryStorage } from '../../clients/web.ts';
import type { TenantPolicy } from '../../domain/policy.ts';
import type { Branding } from '../../domain/theme.ts';
import { wordsOf } from '../account/language.ts';
import { SignIn } from '../account/sign-in.tsx';
import { type Account, AccountContext } from '../account/state.ts';
import type { Words } from '../account/words.en.ts';
import { createLanguage, LanguageContext } from '../kit/language.ts';
import { applyTheme } from '../kit/settings.ts';
import { SiteContext } from '../kit/site.ts';
import { pageSettingsOf } from '../page-settings.ts';
import { useLanguage } from './language.ts';
import { Fetched } from './parts.tsx';
import { useConsole } from './state.ts';

type PreviewProps = { readonly branding: Branding; readonly policy: TenantPolicy };

/** The tenant's page to sign in, by the components that its users get; nothing in it can be pressed. */
export function PagePreview(props: PreviewProps) {
  const { locale } = useLanguage();
  const { manage } = useConsole();
  const load = async () => {
    const [{ publishableKey }, words] = await Promise.all([manage.getTenant({}), wordsOf(locale)]);
    return { publishableKey, words };
  };
  return (
    <Fetched key={locale} load={load}>
      {(given) => <Shown {...props} {...given} />}
    </Fetched>
  );
}

const nothing = async () => {};

type Given = { readonly publishableKey: string; readonly words: Words };

function Shown({ branding, policy, publishableKey, words }: PreviewProps & Given) {
  const { locale } = useLanguage();
  const { tenant } = useConsole();
  const frame = useRef<HTMLDivElement>(null);
  const { name, slug } = tenant;
  const settings = pageSettingsOf({ name, slug, policy: { ...policy, branding } }, publishableKey);
  const { theme } = settings;
  // What users get asks the tenant for its providers; it has no session, and starts none.
  const manam = useMemo(
    () => createManam({ url: location.origin, key: publishableKey, storage: memoryStorage() }),
    [publishableKey],
  );
  // Styles in the markup are refused by the policy of the page; those of scripts are not.
  useEffect(() => {
    if (frame.current !== null) applyTheme(theme, frame.current);
  }, [theme]);
  const account: Account = {
    settings,
    manam,
    stage: { at: 'outside' },
    errand: undefined,
    path: '',
    query: new URLSearchParams(),
    hrefOf: (path) => `/account/${tenant.slug}/${path}`,
    go: () => {},
    quiet: () => {},
    replace: () => {},
    setStage: () => {},
    enter: nothing,
    goOn: nothing,
    isPreview: true,
    attempt: (work) => work(),
  };
  return (
    <div ref={frame} class="preview" inert>
      <LanguageContext.Provider value={createLanguage(locale, words)}>
        <SiteContext.Provider value={account}>
          <AccountContext.Provider value={account}>
            <div class="preview-head">
              {theme.logo !== '' && <img src={theme.logo} alt="" />}
              <span class="tenant">{tenant.name}</span>
            </div>
            <div class="preview-page">
              <SignIn />
            </div>
          </AccountContext.Provider>
        </SiteContext.Provider>
      </LanguageContext.Provider>
    </div>
  );
}
