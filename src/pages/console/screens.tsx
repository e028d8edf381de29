import type { ComponentChildren } from 'preact';
import { Loaded } from '../kit/loaded.tsx';
import { useLanguage } from './language.ts';
import { Empty, Page } from './parts.tsx';
import { useConsole } from './state.ts';

/** Every screen is fetched when it is opened. */
const screens: Readonly<Record<string, () => Promise<() => ComponentChildren>>> = {
  '': async () => (await import('./overview.tsx')).Overview,
  users: async () => (await import('./users.tsx')).Users,
  'users/': async () => (await import('./user.tsx')).User,
  events: async () => (await import('./events.tsx')).Events,
  applications: async () => (await import('./applications.tsx')).Applications,
  'applications/': async () => (await import('./application.tsx')).ApplicationScreen,
  'sign-in': async () => (await import('./sign-in.tsx')).SignInSettings,
  'sign-in/': async () => (await import('./connection.tsx')).ConnectionScreen,
  branding: async () => (await import('./branding.tsx')).BrandingScreen,
  messages: async () => (await import('./messages.tsx')).Messages,
  keys: async () => (await import('./keys.tsx')).Keys,
  webhooks: async () => (await import('./webhooks.tsx')).Webhooks,
  'webhooks/': async () => (await import('./webhook.tsx')).WebhookScreen,
  members: async () => (await import('./members.tsx')).Members,
  settings: async () => (await import('./settings.tsx')).Settings,
};

/** The screen that the address names. */
export function Screen() {
  const { screen, item } = useConsole();
  const name = item === '' ? screen : `${screen}/`;
  const load = Object.hasOwn(screens, name) ? screens[name] : undefined;
  if (load === undefined) return <NotFound />;
  return (
    <Loaded key={`${screen}/${item}`} load={load} placeholder={<div class="skeleton" />}>
      {(Part) => <Part />}
    </Loaded>
  );
}

function NotFound() {
  const { t } = useLanguage();
  return (
    <Page title={t('notFound')}>
      <Empty icon="search" title={t('notFoundHint')} />
    </Page>
  );
}
