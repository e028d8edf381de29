import { tracingChannel } from 'node:diagnostics_channel';
import { createClient, createRouterTransport, type HandlerContext } from '@connectrpc/connect';
import { createConnection } from 'mysql2/promise';
import { pino } from 'pino';
import { AuthService } from '../../../gen/manam/v1/auth_service_pb.js';
import { systemRandom } from '../../../src/adapters/random.ts';
import { type App, createApp } from '../../../src/composition/app.ts';
import { parseConfig } from '../../../src/config/config.ts';
import { seedTenant } from '../../../src/dev/tenants.ts';
import type { Caller } from '../../../src/domain/caller.ts';
import type { Tenant } from '../../../src/domain/tenant.ts';
import { setCaller } from '../../../src/rpc/context.ts';
import { password } from '../accounts.ts';
import { atMost, type Row } from '../report.ts';
import { seededEmail, seededTenantId, seedUsers } from '../seed.ts';
import { compare, medianLatency, type Side } from '../slices.ts';
import type { Scenario } from './scenario.ts';

const sliceMs = 1000;
const fewUsers = 1000;
const template = 'template@bench.example';
const issuer = 'http://localhost:8080';
/** Number of tenants: their cached rows must not be part of the measure. */
const maxTenants = 1000;

/**
 * The statements of a sign-in as the database grows. The flows run in this process, with a
 * hash that costs nothing, and what is counted is the time that statements took.
 */
export const scale: Scenario = async ({ options, database }) => {
  const { seconds, users, tenants } = options;
  if (users % tenants !== 0) throw new Error('--users must be a multiple of --tenants');
  const timer = timeStatements();
  const few = await createScene(await database.urlOf('few'), { users: fewUsers });
  const many = await createScene(await database.urlOf('many'), { users });
  const spread = await createScene(await database.urlOf('spread'), { users, tenants });
  const side = (scene: Scene): Side => signingIn(scene, timer);
  const row = async (name: string, against: string, a: Scene, b: Scene): Promise<Row> => ({
    name,
    against,
    goal: atMost(1.2),
    ...(await compare({ seconds, sliceMs, a: side(a), b: side(b), of: medianLatency })),
  });
  try {
    return [
      await row(`Login's time in the database, ${users} users`, `${fewUsers} users`, many, few),
      await row(`Login's time in the database, ${tenants} tenants`, 'one tenant', spread, many),
    ];
  } finally {
    timer.stop();
    for (const scene of [few, many, spread]) await scene.app.close();
  }
};

type Scene = {
  readonly app: App;
  /** The tenants that sign users in. */
  readonly tenants: readonly Tenant[];
  /** Number of users per tenant, in the order of seeding. */
  readonly usersOfEach: number;
};

async function createScene(databaseUrl: string, size: { users: number; tenants?: number }): Promise<Scene> {
  const cheap = { HASH_MEMORY_KIB: '8', HASH_PASSES: '1', RESPONSE_FLOOR_MS: '0', METRICS_PORT: 'off' };
  const app = await createApp({
    config: { ...parseConfig(cheap, { production: false }), databaseUrl },
    masterKeys: { current: systemRandom.bytes(32), next: undefined },
    log: pino({ level: 'silent' }),
  });
  const deps = { store: app.store, clock: () => new Date(), random: systemRandom };
  await seedTenant(deps, 'dev', issuer, undefined);
  const dev = await app.store.tenants.findBySlug('dev');
  if (dev === undefined) throw new Error('there is no tenant');
  await signUp(app, dev);

  const connection = await createConnection(databaseUrl);
  const label = `${size.users} users of ${size.tenants ?? 1} tenants`;
  await seedUsers(connection, { ...size, template, label });
  await connection.end();
  const tenants: Tenant[] = [];
  for (let k = 0; k < Math.min(size.tenants ?? 0, maxTenants); k += 1) {
    const tenant = await app.store.tenants.findById(seededTenantId(k));
    if (tenant !== undefined) tenants.push(tenant);
  }
  const usersOfEach = Math.ceil(size.users / (size.tenants ?? 1));
  return { app, usersOfEach, tenants: tenants.length === 0 ? [dev] : tenants };
}

async function signUp(app: App, tenant: Tenant): Promise<void> {
  const auth = clientOf(app, tenant);
  await auth.register({ email: template, password });
  const [entry] = await app.store.outbox.listPending(1);
  await auth.confirmEmail({ cnf: entry?.message.code ?? '' });
}

function callerOf(tenant: Tenant): Caller {
  const nobody = { key: undefined, session: undefined, pending: undefined, idempotency: undefined };
  const deadline = { signal: new AbortController().signal, leftMs: () => 10_000 };
  const client = { address: '192.0.2.1', userAgent: 'bench' };
  return { requestId: systemRandom.uuid(), tenant, client, deadline, locale: undefined, ...nobody };
}

/** A client whose calls need no gate: the caller is made up. */
function clientOf(app: App, tenant: Tenant) {
  const requestGate = async ({ values }: HandlerContext) => setCaller(values, callerOf(tenant));
  return createClient(AuthService, createRouterTransport(app.register, { router: { requestGate } }));
}

/** One user after the other signs in; a latency is the time that the statements of their call took. */
function signingIn({ app, usersOfEach, tenants }: Scene, timer: ReturnType<typeof timeStatements>): Side {
  return async (ms) => {
    const latencies: number[] = [];
    const start = performance.now();
    while (performance.now() - start < ms) {
      const index = Math.floor(Math.random() * tenants.length);
      const tenant = tenants[index];
      if (tenant === undefined) throw new Error('there is no tenant');
      const email = seededEmail(index * usersOfEach + Math.floor(Math.random() * usersOfEach));
      const before = timer.totalMs();
      await clientOf(app, tenant).login({ email, password });
      latencies.push(timer.totalMs() - before);
    }
    return { calls: latencies.length, ms: performance.now() - start, latencies };
  };
}

/** Sums the time that the driver waits for responses. */
function timeStatements() {
  const begun = new WeakMap<object, number>();
  let totalMs = 0;
  const handlers = {
    start: (statement: object) => begun.set(statement, performance.now()),
    asyncStart: (statement: object) => {
      totalMs += performance.now() - (begun.get(statement) ?? performance.now());
    },
  };
  const channel = tracingChannel('mysql2:query');
  channel.start.subscribe(handlers.start as never);
  channel.asyncStart.subscribe(handlers.asyncStart as never);
  return {
    totalMs: () => totalMs,
    stop: () => {
      channel.start.unsubscribe(handlers.start as never);
      channel.asyncStart.unsubscribe(handlers.asyncStart as never);
    },
  };
}
