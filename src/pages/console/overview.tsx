import type { UsageDay } from '../../clients/management.ts';
import { Link } from '../kit/parts.tsx';
import { DayChart, Ranking } from './chart.tsx';
import { EventList } from './event-list.tsx';
import { useLanguage, type Word } from './language.ts';
import { Card, Empty, Fetched, Page } from './parts.tsx';
import { GettingStarted } from './start.tsx';
import { useConsole } from './state.ts';

/** The types of events that are counted as each of these. */
const signedUp = ['user.registered', 'user.created'];
const signedIn = ['session.started'];
const failed = ['sign_in.failed'];
const shownDays = 14;
const recentEvents = 8;

/** How often events of some types happened on a day. */
const sumOf = ({ counts }: UsageDay, types: readonly string[]) =>
  counts.filter(({ type }) => types.includes(type)).reduce((sum, { count }) => sum + Number(count), 0);

/** What happened at the tenant lately. */
export function Overview() {
  const { t } = useLanguage();
  const { tenant, manage, events } = useConsole();
  const load = async () => {
    const [{ days }, { events: first }] = await Promise.all([
      manage.getUsage({ types: [...signedUp, ...signedIn, ...failed] }),
      events.listEvents({ newestFirst: true, types: signedIn, limit: 1 }),
    ]);
    return { days, wasUsed: first.length > 0 };
  };
  return (
    <Page title={t('overview')} hint={t('overviewHint', { tenant: tenant.name })}>
      <Fetched load={load}>{(loaded) => <Figures {...loaded} />}</Fetched>
    </Page>
  );
}

function Figures({ days, wasUsed }: { readonly days: readonly UsageDay[]; readonly wasUsed: boolean }) {
  const { t } = useLanguage();
  const { events } = useConsole();
  const today = days.at(-1);
  const shown = days.slice(-shownDays);
  const load = async () => (await events.listEvents({ newestFirst: true, limit: recentEvents })).events;
  return (
    <>
      {!wasUsed && <GettingStarted />}
      <div class="stats">
        <Stat label={t('signedUpToday')} value={today === undefined ? 0 : sumOf(today, signedUp)} />
        <Stat label={t('signedInToday')} value={today === undefined ? 0 : sumOf(today, signedIn)} />
        <Stat label={t('failedToday')} value={today === undefined ? 0 : sumOf(today, failed)} />
      </div>
      <Card title={t('chartTitle')} hint={t('daysAreUtc')}>
        <DayChart
          label={t('chartTitle')}
          days={shown.map(({ date }) => new Date(`${date}T12:00:00Z`))}
          series={[
            { name: t('signedIn'), tone: 'first', values: shown.map((day) => sumOf(day, signedIn)) },
            { name: t('signedUp'), tone: 'second', values: shown.map((day) => sumOf(day, signedUp)) },
            { name: t('failed'), tone: 'bad', values: shown.map((day) => sumOf(day, failed)) },
          ]}
        />
      </Card>
      <div class="halves">
        <Card title={t('failuresTitle')} hint={t('failuresHint')}>
          <Failures days={days} />
        </Card>
        <Card title={t('recent')} actions={<Link to="events">{t('showAll')}</Link>}>
          <Fetched load={load}>{(list) => <EventList events={list} />}</Fetched>
        </Card>
      </div>
    </>
  );
}

function Stat({ label, value }: { readonly label: string; readonly value: number }) {
  const { number } = useLanguage();
  return (
    <div class="stat">
      <p class="hint">{label}</p>
      <p class="figure">{number(value)}</p>
    </div>
  );
}

/** The words for reasons of failed sign-ins; others are shown by their names. */
const reasonWords: Readonly<Record<string, Word>> = {
  CREDENTIALS_INVALID: 'reasonCredentials',
  CODE_INVALID: 'reasonCode',
  PASSKEY_INVALID: 'reasonPasskey',
  PROVIDER_DENIED: 'reasonProviderDenied',
  PROVIDER_TOKEN_INVALID: 'reasonProviderToken',
  LOCAL_LOGIN_REQUIRED: 'reasonLocalLogin',
  SIGN_IN_METHOD_DISABLED: 'reasonMethodOff',
  RATE_LIMITED: 'reasonAttempts',
};

function Failures({ days }: { readonly days: readonly UsageDay[] }) {
  const { t } = useLanguage();
  const counts = new Map<string, number>();
  for (const { type, reason, count } of days.flatMap((day) => day.counts))
    if (failed.includes(type)) {
      const word = reasonWords[reason];
      const name = word === undefined ? reason : t(word);
      counts.set(name, (counts.get(name) ?? 0) + Number(count));
    }
  if (counts.size === 0) return <Empty icon="signIn" title={t('noFailures')} />;
  return <Ranking counts={[...counts].sort(([, a], [, b]) => b - a).slice(0, 8)} />;
}
