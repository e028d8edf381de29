import { seeded } from '../../support/seeded.ts';
import type { Row } from '../report.ts';
import { figuresOf, round } from '../slices.ts';
import type { Scenario } from './scenario.ts';

// How many instances so many daily users need: a simulation of the busiest minute, out of what calls cost.

/** Milliseconds of a core for each call, as the scenarios `peers` and `calls` print them: on the event loop, and on a hash's thread. */
const costs = {
  signIn: { loopMs: 5, hashMs: 12.5, databaseMs: 4.5 },
  refresh: { loopMs: 1.5, hashMs: 0, databaseMs: 0.8 },
  read: { loopMs: 0.4, hashMs: 0, databaseMs: 0.1 },
} as const;
type Kind = keyof typeof costs;

/** Calls of one user in a day: a sign-in every third day, a token every ten minutes for forty, and sixty calls of an API. */
const perDay: Readonly<Record<Kind, number>> = { signIn: 1 / 3, refresh: 4, read: 60 };
/** The busiest hour has a tenth of the day, and its busiest minute half as much again. */
const peakOfDay = 0.1 / 3600;
const peakOfHour = 1.5;

const dailyUsers = 1_000_000;
const cores = 2;
const simulatedS = 120;
/** Bounds at which users notice nothing: they hold with one instance lost. */
const longestMs = { signIn: 150, read: 50 };

type Arrival = { readonly atMs: number; readonly kind: Kind };

/** Calls of the busiest minute, each of them independent of the others (Poisson). */
function arrivalsOf(users: number, random: () => number): Arrival[] {
  const kinds = Object.keys(perDay) as Kind[];
  return kinds
    .flatMap((kind) => {
      const perMs = (users * perDay[kind] * peakOfDay * peakOfHour) / 1000;
      const arrivals: Arrival[] = [];
      for (let atMs = 0; atMs < simulatedS * 1000; ) {
        atMs -= Math.log(1 - random()) / perMs;
        arrivals.push({ atMs, kind });
      }
      return arrivals;
    })
    .sort((a, b) => a.atMs - b.atMs);
}

/** The duration of every call, on instances that a balancer picks at random. */
function simulate(arrivals: readonly Arrival[], instances: number, random: () => number) {
  const loopMs = arrivals.reduce((sum, { kind }) => sum + costs[kind].loopMs, 0);
  const loopUse = loopMs / (simulatedS * 1000 * instances);
  // The loop comes first: hashes have what it leaves of the cores.
  const slower = cores / Math.max(0.1, cores - loopUse);
  const all = Array.from({ length: instances }, () => ({
    loopFreeAt: 0,
    hashFreeAt: Array(cores).fill(0) as number[],
  }));
  const durations: Record<Kind, number[]> = { signIn: [], refresh: [], read: [] };
  for (const { atMs, kind } of arrivals) {
    const instance = all[Math.floor(random() * instances)];
    if (instance === undefined) throw new Error('there is an instance');
    const { loopMs: own, hashMs } = costs[kind];
    instance.loopFreeAt = Math.max(atMs, instance.loopFreeAt) + own;
    let endMs = instance.loopFreeAt;
    if (hashMs > 0) {
      const thread = instance.hashFreeAt.indexOf(Math.min(...instance.hashFreeAt));
      endMs = Math.max(endMs, instance.hashFreeAt[thread] ?? 0) + hashMs * slower;
      instance.hashFreeAt[thread] = endMs;
    }
    durations[kind].push(endMs - atMs);
  }
  return durations;
}

const p99 = (latencies: readonly number[]) => figuresOf([{ calls: latencies.length, ms: 1, latencies }]).p99;

/** The fewest instances of which one may be lost. */
function instancesFor(users: number): Row {
  const { next } = seeded(33);
  const arrivals = arrivalsOf(users, next);
  for (let instances = 2; ; instances += 1) {
    const { signIn, read } = simulate(arrivals, instances - 1, next);
    if (p99(signIn) > longestMs.signIn || p99(read) > longestMs.read) continue;
    const whole = simulate(arrivals, instances, next);
    const perSecond = (kind: Kind) => Math.round(whole[kind].length / simulatedS);
    const databaseMs = arrivals.reduce((sum, { kind }) => sum + costs[kind].databaseMs, 0);
    return {
      name: `instances of ${cores} cores for ${users} daily users`,
      against: 'one of them may be lost',
      ratio: instances,
      more: {
        'sign-ins/s': perSecond('signIn'),
        'refreshes/s': perSecond('refresh'),
        'reads/s': perSecond('read'),
        'p99 of a sign-in, ms': round(p99(whole.signIn)),
        'with one lost': round(p99(signIn)),
        'p99 of a read, ms': round(p99(whole.read)),
        'cores of the database': round(databaseMs / (simulatedS * 1000)),
      },
    };
  }
}

export const sizing: Scenario = async () => [dailyUsers / 10, dailyUsers, dailyUsers * 10].map(instancesFor);
