import { createClient, createRouterTransport, type HandlerContext } from '@connectrpc/connect';
import { type Connection, createConnection } from 'mysql2/promise';
import { pino } from 'pino';
import { AuthService } from '../../../gen/manam/v1/auth_service_pb.js';
import { systemRandom } from '../../../src/adapters/random.ts';
import { createVault } from '../../../src/adapters/vault.ts';
import { type App, createApp } from '../../../src/composition/app.ts';
import { parseConfig } from '../../../src/config/config.ts';
import { seedTenant } from '../../../src/dev/tenants.ts';
import type { Caller } from '../../../src/domain/caller.ts';
import { sightOf } from '../../../src/domain/member.ts';
import type { Tenant } from '../../../src/domain/tenant.ts';
import { uuidToBytes } from '../../../src/domain/token.ts';
import { createListUsers, type UserQuery } from '../../../src/flows/manage/list-users.ts';
import { setCaller } from '../../../src/rpc/context.ts';
import { password } from '../accounts.ts';
import { atMost, type Row } from '../report.ts';
import { seededEmail, seededId, seedUsers } from '../seed.ts';
import { compare, medianLatency, type Side } from '../slices.ts';
import { explain, watchStatements } from '../statements.ts';
import { everyone } from './management.ts';
import type { Scenario } from './scenario.ts';

const sliceMs = 1000;
const fewUsers = 10_000;
const template = 'template@bench.example';
const issuer = 'http://localhost:8080';
/** Page tokens are all that it seals. */
const vault = createVault([{ id: systemRandom.uuid(), key: systemRandom.bytes(32) }]);
/** Number of small tenants that users sign in to: their kept rows must not be part of the measure. */
const maxTenants = 1000;
/** Limit of rows of one batch of retention, as in production. One row has ended at a time: the small database must last. */
const batchRows = 500;

/**
 * The statements of calls as the database grows. The flows run in this process, with a hash that costs nothing, and what
 * is counted is the time that statements take. Half of the users belong to one tenant, the others to many.
 */
export const scale: Scenario = async ({ options, database }) => {
  const { seconds, users, tenants } = options;
  if (users % (2 * tenants) !== 0) throw new Error('--users must be a multiple of twice --tenants');
  const statements = watchStatements();
  const few = await createScene(await database.urlOf('few'), { users: fewUsers });
  const many = await createScene(await database.urlOf('many'), { users: users / 2, tenants });
  const rows: Row[] = [];
  try {
    for (const [name, question] of Object.entries(questions)) {
      const side = (scene: Scene): Side => timing(() => question(scene), statements);
      const [a, b] = [side(many), side(few)];
      const figures = await compare({ seconds, sliceMs, a, b, of: medianLatency });
      rows.push({
        name: `${name}, ${users} users, ${tenants} tenants`,
        against: `${fewUsers} users`,
        goal: atMost(1.2),
        ...figures,
      });
      const counted = await question(many);
      statements.take();
      await counted();
      const plans = await explain(many.connection, statements.take());
      process.stdout.write(`${name}\n${plans.map((line) => `  ${line}\n`).join('')}`);
    }
    return rows;
  } finally {
    statements.stop();
    for (const scene of [few, many]) {
      await scene.connection.end();
      await scene.app.close();
    }
  }
};

type Scene = {
  readonly app: App;
  readonly connection: Connection;
  /** The tenant of half of the users, whose other half the small ones have. */
  readonly large: Tenant;
  readonly small: readonly Tenant[];
  readonly usersOfLarge: number;
  readonly usersOfSmall: number;
};

export async function createScene(
  databaseUrl: string,
  size: { users: number; tenants?: number },
): Promise<Scene> {
  const cheap = { HASH_MEMORY_KIB: '8', HASH_PASSES: '1', RESPONSE_FLOOR_MS: '0', METRICS_PORT: 'off' };
  const app = await createApp({
    config: { ...parseConfig(cheap, { production: false }), databaseUrl },
    masterKeys: { current: systemRandom.bytes(32), next: undefined },
    log: pino({ level: 'silent' }),
  });
  const deps = { store: app.store, clock: () => new Date(), random: systemRandom };
  await seedTenant(deps, 'dev', issuer, undefined);
  const large = await app.store.tenants.findBySlug('dev');
  if (large === undefined) throw new Error('there is no tenant');
  await signUp(app, large);

  const connection = await createConnection(databaseUrl);
  const { users, tenants } = size;
  const seed = { template, users, withSessions: true };
  await seedUsers(connection, { ...seed, label: `${users} users of one tenant` });
  if (tenants !== undefined)
    await seedUsers(connection, { ...seed, tenants, label: `${users} users of ${tenants} tenants` });
  const small: Tenant[] = [];
  for (let k = 0; k < Math.min(tenants ?? 0, maxTenants); k += 1) {
    const tenant = await app.store.tenants.findById(seededId(k));
    if (tenant !== undefined) small.push(tenant);
  }
  const usersOfSmall = Math.ceil(users / (tenants ?? 1));
  return { app, connection, large, small, usersOfLarge: users, usersOfSmall };
}

/** A question to the database: what it needs is made first, what it returns is timed. */
type Question = (scene: Scene) => Promise<() => Promise<unknown>>;

/** A user of some tenant. */
function someone({ large, small, usersOfLarge, usersOfSmall }: Scene) {
  const index = Math.floor(Math.random() * small.length);
  const tenant = small[index];
  if (tenant === undefined || Math.random() < 0.5)
    return { tenant: large, number: Math.floor(Math.random() * usersOfLarge) };
  return { tenant, number: index * usersOfSmall + Math.floor(Math.random() * usersOfSmall) };
}

const anyOfLarge = ({ usersOfLarge }: Scene) => Math.floor(Math.random() * usersOfLarge);

const search =
  (query: (scene: Scene) => Partial<UserQuery>): Question =>
  async (scene) => {
    const listUsers = createListUsers({ store: scene.app.store, vault });
    return () => listUsers(scene.large, { ...everyone, ...query(scene) }, sightOf('owner'));
  };

const questions: Readonly<Record<string, Question>> = {
  'a sign-in': async (scene) => {
    const { tenant, number } = someone(scene);
    const auth = clientOf(scene.app, tenant);
    return () => auth.login({ email: seededEmail(number), password });
  },
  'a refresh': async (scene) => {
    const { tenant, number } = someone(scene);
    const auth = clientOf(scene.app, tenant);
    const { tokens } = await auth.login({ email: seededEmail(number), password });
    return () => auth.refreshToken({ refreshToken: tokens?.refreshToken ?? '' });
  },
  'the newest users': search(() => ({})),
  'a search by an address': search((scene) => ({ query: seededEmail(anyOfLarge(scene)) })),
  'a search by the beginning of an address': search((scene) => ({
    query: seededEmail(anyOfLarge(scene)).slice(0, 2),
    searchBy: 'email',
  })),
  "a user's events": async (scene) => {
    const userId = seededId(anyOfLarge(scene));
    return () => scene.app.store.events.list({ tenantId: scene.large.id, userId }, 50);
  },
  'the newest events':
    async ({ app, large }) =>
    () =>
      app.store.events.list({ tenantId: large.id }, 50),
  'events after a position': async (scene) => {
    const after = anyOfLarge(scene);
    return () => scene.app.store.eventLogs.read(scene.large.id, after, after + 50, 50);
  },
  'retention of sessions': async (scene) => {
    const { app, connection, large } = scene;
    await connection.query('UPDATE sessions SET expires_at = ? WHERE tenant_id = ? AND id = ?', [
      '2001-01-01',
      uuidToBytes(large.id),
      uuidToBytes(seededId(anyOfLarge(scene))),
    ]);
    return () => app.store.retention.purge('sessions', large.id, new Date(), batchRows);
  },
  'retention of events': async ({ app, large }) => {
    const oldest = (await app.store.eventLogs.oldestPosition(large.id)) ?? 0;
    return () => app.store.eventLogs.deleteBefore(large.id, oldest + 1, batchRows);
  },
};

/** Asks again and again; a latency is the time that the statements of the timed part took. */
function timing(
  prepare: () => Promise<() => Promise<unknown>>,
  statements: ReturnType<typeof watchStatements>,
): Side {
  return async (ms) => {
    const latencies: number[] = [];
    const start = performance.now();
    while (performance.now() - start < ms) {
      const ask = await prepare();
      const before = statements.totalMs();
      await ask();
      latencies.push(statements.totalMs() - before);
      statements.take();
    }
    return { calls: latencies.length, ms: performance.now() - start, latencies };
  };
}

async function signUp(app: App, tenant: Tenant): Promise<void> {
  const auth = clientOf(app, tenant);
  await auth.register({ email: template, password });
  const [entry] = await app.store.outbox.listPending(1);
  await auth.confirmEmail({ cnf: entry?.message.code ?? '' });
  await auth.login({ email: template, password });
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
