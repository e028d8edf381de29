import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { MyTenant } from '../../clients/management.ts';
import { onDemand } from '../kit/loaded.tsx';
import { Link } from '../kit/parts.tsx';
import { useEndSession } from '../kit/sign-out.ts';
import { Icon, type IconName } from './icon.tsx';
import { useLanguage, type Word } from './language.ts';
import { useConsole } from './state.ts';

type Entry = { readonly to: string; readonly label: Word; readonly icon: IconName };

const groups: readonly { readonly title: Word; readonly entries: readonly Entry[] }[] = [
  {
    title: 'navPeople',
    entries: [
      { to: '', label: 'overview', icon: 'overview' },
      { to: 'users', label: 'users', icon: 'users' },
      { to: 'events', label: 'events', icon: 'events' },
    ],
  },
  {
    title: 'navBuild',
    entries: [
      { to: 'applications', label: 'applications', icon: 'applications' },
      { to: 'sign-in', label: 'signInWays', icon: 'signIn' },
      { to: 'branding', label: 'branding', icon: 'branding' },
      { to: 'messages', label: 'messages', icon: 'messages' },
      { to: 'keys', label: 'keys', icon: 'keys' },
      { to: 'webhooks', label: 'webhooks', icon: 'webhooks' },
    ],
  },
  {
    title: 'navTenant',
    entries: [
      { to: 'members', label: 'members', icon: 'members' },
      { to: 'settings', label: 'settings', icon: 'settings' },
    ],
  },
];

function LanguageButton({ onLanguage }: { readonly onLanguage: () => void }) {
  const { t, locale } = useLanguage();
  return (
    <button type="button" class="nav-item" lang={locale === 'fa' ? 'en' : 'fa'} onClick={onLanguage}>
      <Icon name="language" /> {t('language')}
    </button>
  );
}

type ShellProps = {
  readonly tenants: readonly MyTenant[];
  readonly notice: string;
  readonly onChoose: (slug: string) => void;
  readonly onLanguage: () => void;
  readonly children: ComponentChildren;
};

/** What is around every screen: the tenant, the way to the other screens, and what was done last. */
export function Shell({ tenants, notice, onChoose, onLanguage, children }: ShellProps) {
  const { t } = useLanguage();
  const { tenant, screen } = useConsole();
  const [isOpen, setOpen] = useState(false);
  const endSession = useEndSession();
  const signOut = async () => {
    await endSession();
    location.replace('/account/manam/');
  };
  return (
    <div class="shell">
      <header class="top">
        <button
          type="button"
          class="bare"
          aria-label={t('menu')}
          aria-expanded={isOpen}
          aria-controls="side"
          onClick={() => setOpen(!isOpen)}
        >
          <Icon name={isOpen ? 'close' : 'menu'} />
        </button>
        <strong>{tenant.name}</strong>
      </header>
      <div id="side" class={isOpen ? 'side open' : 'side'}>
        <section class="switcher" aria-label={t('tenant')}>
          <label for="tenant" class="unseen">
            {t('tenant')}
          </label>
          <select id="tenant" onChange={(event) => onChoose(event.currentTarget.value)}>
            {tenants.map(({ slug, name }) => (
              <option key={slug} value={slug} selected={slug === tenant.slug}>
                {name}
              </option>
            ))}
            <option value="-/new">{t('tenantAdd')}</option>
          </select>
        </section>
        <nav aria-label={t('console')}>
          {groups.map(({ title, entries }) => (
            <div key={title} class="nav-group">
              <p id={`nav-${title}`}>{t(title)}</p>
              <ul aria-labelledby={`nav-${title}`}>
                {entries.map(({ to, label, icon }) => (
                  <li key={to}>
                    <Link to={to} current={to === screen} onGo={() => setOpen(false)}>
                      <Icon name={icon} /> {t(label)}
                    </Link>
                  </li>
                ))}
              </ul>
            </div>
          ))}
        </nav>
        <footer class="nav-foot">
          <LanguageButton onLanguage={onLanguage} />
          <a class="nav-item" href="/account/manam/">
            <Icon name="account" /> {t('myAccount')}
          </a>
          <button type="button" class="nav-item" onClick={() => void signOut()}>
            <Icon name="out" /> {t('signOut')}
          </button>
        </footer>
      </div>
      <main>
        <p role="status" class="notice">
          {notice}
        </p>
        <Confined />
        {children}
      </main>
    </div>
  );
}

/** Says what a tenant cannot do before it has proved a sender. */
function Confined() {
  const { t } = useLanguage();
  const { manage, screen } = useConsole();
  const [isConfined, setConfined] = useState(false);
  useEffect(() => {
    // Where it cannot be read, the screen itself says so.
    void manage.getTenant({}).then(
      ({ confined }) => setConfined(confined),
      () => {},
    );
  }, [screen]);
  if (!isConfined) return null;
  return (
    <p class="banner">
      <Icon name="warning" />
      <span>
        {t('confined')} <Link to="settings">{t('confinedWay')}</Link>
      </span>
    </p>
  );
}

/** What is shown while it is not known yet who is there. */
export function Outside({
  onLanguage,
  children,
}: {
  readonly onLanguage: () => void;
  readonly children?: ComponentChildren;
}) {
  const { t } = useLanguage();
  return (
    <div class="lone">
      <header>
        <strong>{t('console')}</strong>
        <LanguageButton onLanguage={onLanguage} />
      </header>
      <main>{children ?? <p class="hint">{t('loading')}</p>}</main>
    </div>
  );
}

type NoTenantProps = {
  readonly isNew: boolean;
  /** Whether the address names a tenant that the person has no part in. */
  readonly isUnknown: boolean;
  readonly tenants: readonly MyTenant[];
  readonly onChoose: (slug: string) => void;
  readonly onMade: () => Promise<void>;
  readonly onLanguage: () => void;
};

const NewTenant = onDemand(async () => (await import('./new-tenant.tsx')).NewTenant);

/** The choice between several tenants, or the way to a first one. */
export function NoTenant({ isNew, isUnknown, tenants, onChoose, onMade, onLanguage }: NoTenantProps) {
  const { t } = useLanguage();
  return (
    <Outside onLanguage={onLanguage}>
      {isUnknown && (
        <p role="alert" class="problem">
          {t('tenantUnknown')}
        </p>
      )}
      {isNew ? (
        <NewTenant
          onGoOn={async (slug) => {
            await onMade();
            onChoose(slug);
          }}
        />
      ) : (
        <>
          <h1>{t('tenantChoose')}</h1>
          <ul class="choice">
            {tenants.map(({ slug, name, role }) => (
              <li key={slug}>
                <button type="button" onClick={() => onChoose(slug)}>
                  <Icon name="tenant" />
                  <span>
                    <strong>{name}</strong>
                    <span class="hint">
                      <bdi dir="ltr">{slug}</bdi> · {t(roleWord(role))}
                    </span>
                  </span>
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
      {tenants.length > 0 && (
        <p>
          <button type="button" class="quiet" onClick={() => onChoose(isNew ? '' : '-/new')}>
            {t(isNew ? 'back' : 'tenantAdd')}
          </button>
        </p>
      )}
    </Outside>
  );
}

const roleWords: Readonly<Record<string, Word>> = {
  viewer: 'roleViewer',
  support: 'roleSupport',
  developer: 'roleDeveloper',
  admin: 'roleAdmin',
  owner: 'roleOwner',
};

/** The word for a role of a member. */
export function roleWord(role: string): Word {
  return roleWords[role] ?? 'roleViewer';
}
