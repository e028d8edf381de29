import { Writable } from 'node:stream';
import type { DescService } from '@bufbuild/protobuf';
import { type Client, createClient, createRouterTransport } from '@connectrpc/connect';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { pino } from 'pino';
import { afterAll, beforeAll } from 'vitest';
import type { MasterKeys } from '../../src/adapters/keys.ts';
import { systemRandom } from '../../src/adapters/random.ts';
import { type App, createApp } from '../../src/composition/app.ts';
import { type Config, parseConfig } from '../../src/config/config.ts';
import { seedTenant, type TenantKeys } from '../../src/dev/tenants.ts';
import { formatApiKey, type KeyKind, type Scope } from '../../src/domain/api-key.ts';
import type { Message } from '../../src/domain/message.ts';
import { sha256 } from '../../src/domain/token.ts';
import { requestOf } from '../../src/rpc/context.ts';
import { routerOptions } from '../../src/server/rpc-route.ts';
import { createTestDatabase } from './database.ts';
import { type Call, callsOf, noteCalls } from './recorded-calls.ts';

/** The password of the documented samples. */
export const password = 'quiet-orbit-lantern-47';

export type TestApp = {
  readonly app: App;
  /** The address of the real server. */
  readonly url: string;
  /** MANAM_ISSUER. */
  readonly issuer: string;
  readonly databaseUrl: string;
  /** The address of the admin service and of the figures, where the configuration has one. */
  readonly adminUrl: string;
  readonly metricsUrl: string;
  readonly masterKeys: MasterKeys;
  readonly dev: TenantKeys;
  readonly manam: TenantKeys;
  /** The clock of the server; tests move it with `advance`. */
  now(): Date;
  advance(ms: number): void;
  /** Makes one more key of the tenant `dev`. */
  createKey(kind: KeyKind, scopes: readonly Scope[]): Promise<string>;
  /** A client of the in-memory router: the whole server but its socket. */
  client<S extends DescService>(service: S, headers?: Record<string, string>): Client<S>;
  /** The captured messages to an address, newest first. */
  messagesTo(to: string): Promise<Message[]>;
  /** Resolves when what is written without a caller waiting for it is written. */
  settled(): Promise<void>;
  /** Resolves when the instance knows what was changed beside it: tenants, keys and signing keys. */
  catchUp(): Promise<void>;
  /** Statements since the last call of this, those included that no caller waits for, BEGIN and COMMIT left out. */
  takeStatements(): Promise<string[]>;
  /** Number of password hashes made or checked since the last call. */
  takeHashes(): number;
  /** Runs SQL beside the server. */
  sql(text: string, values?: unknown[]): Promise<RowDataPacket[]>;
  /** Everything that was logged. */
  readonly logLines: string[];
  close(): Promise<void>;
};

export type TestAppOptions = {
  readonly config?: Partial<Config>;
  /** The app that this one is another instance of, over the same database. */
  readonly sibling?: TestApp;
  /** Whether a second instance has a separate clock, as a machine with the wrong time. */
  readonly hasOwnClock?: boolean;
  readonly masterKeys?: MasterKeys;
  /** An empty database to use; default: a new one on the server of the run. */
  readonly database?: string;
};

/** The master key of every test database. */
export const masterKeys: MasterKeys = {
  current: Buffer.from('a master key for tests, 32 bytes'),
  next: undefined,
};
const configForTests: Config = parseConfig(
  {
    HASH_MEMORY_KIB: '8',
    HASH_PASSES: '1',
    RESPONSE_FLOOR_MS: '0',
    PORT: '0',
    METRICS_PORT: 'off',
    RETENTION_INTERVAL_MINUTES: '0',
    MAX_CONNECTIONS_PER_ADDRESS: '100000',
    LIMIT_GUESSES_PER_NETWORK: '1000000',
    LIMIT_GUESSES_PER_TENANT: '1000000',
    LIMIT_MESSAGES_PER_NETWORK: '1000000',
    LIMIT_MESSAGES_PER_TENANT: '1000000',
    LIMIT_EMAILS_PER_RECIPIENT: '1000',
    LIMIT_SMS_PER_RECIPIENT: '1000',
    LIMIT_SMS_PER_RECIPIENT_DAY: '1000',
    LIMIT_SMS_PER_PREFIX: '100000',
    LIMIT_SMS_PER_NETWORK: '100000',
  },
  { production: false },
);

/** The limits of the tests: none that a test could reach by chance. */
export const defaultLimits = configForTests.limits;

/**
 * The statements that the clock decides about and no call: a transaction's frame, the dispatcher's, the loop of
 * jobs' look once a second, the signing keys every five, and, once the kept copy of a key is old, its next reading and its last use.
 */
const besideCalls = new RegExp(
  [
    '^(BEGIN|COMMIT|ROLLBACK)$',
    'for update skip locked$',
    '^select .* from `user_jobs` where .*`lease_until`',
    '^select .* from `(data|signing|application)_keys` ',
    '^select `api_keys`.* from `api_keys` ',
    '^update `api_keys` set `last_used_at`',
  ].join('|'),
);

/** Starts the whole server over a new database, with the cheap hash and a movable clock. */
export async function startTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const { sibling } = options;
  const given = sibling?.databaseUrl ?? options.database;
  const own = given === undefined ? await createTestDatabase() : undefined;
  const databaseUrl = given ?? own?.url ?? '';
  const logLines: string[] = [];
  const sink = new Writable({
    write(chunk, _, done) {
      logLines.push(String(chunk));
      done();
    },
  });

  let aheadMs = 0;
  // Instances share the time, as machines do; but none starts on a clock that is wrong.
  let isStarted = false;
  const leader = options.hasOwnClock ? undefined : sibling;
  const now = () => (isStarted && leader !== undefined ? leader.now() : new Date(Date.now() + aheadMs));
  let hashes = 0;
  let statements: string[] = [];
  const app = await createApp({
    config: { ...configForTests, ...options.config, databaseUrl },
    masterKeys: options.masterKeys ?? sibling?.masterKeys ?? masterKeys,
    log: pino({ level: 'info' }, sink),
    clock: now,
    onStatement: (sql) => statements.push(sql),
    onHash: () => {
      hashes += 1;
    },
  });
  isStarted = true;
  const listener = await app.listen();
  const url = `${options.config?.tls ? 'https' : 'http'}://127.0.0.1:${listener.port}`;
  const adminUrl = `http://127.0.0.1:${listener.adminPort}`;
  const metricsUrl = `http://127.0.0.1:${listener.metricsPort}`;
  const seedDeps = { store: app.store, clock: now, random: systemRandom };
  const dev = await seedTenant(seedDeps, 'dev', url, sibling?.dev);
  const manam = await seedTenant(seedDeps, 'manam', url, sibling?.manam);
  const connection = await createConnection({ uri: databaseUrl, timezone: 'Z' });

  const { requestGate, ...router } = routerOptions(app.rpc);
  const calls = new Map<string, Call>();
  const transport = (headers: Record<string, string>) =>
    createRouterTransport(app.register, {
      router: {
        ...router,
        // Calls without a server get a request id too, by which their events are found.
        requestGate: async (context) => {
          const info = Object.assign(requestOf(context.values), { requestId: systemRandom.uuid() });
          calls.set(info.requestId, info);
          await requestGate?.(context);
        },
      },
      transport: {
        interceptors: [
          (next) => (request) => {
            for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
            return next(request);
          },
        ],
      },
    });

  return {
    app,
    url,
    adminUrl,
    metricsUrl,
    masterKeys: options.masterKeys ?? sibling?.masterKeys ?? masterKeys,
    databaseUrl,
    issuer: options.config?.issuer ?? configForTests.issuer,
    dev,
    manam,
    now,
    advance: (ms) => {
      aheadMs += ms;
    },
    createKey: async (kind, scopes) => {
      const text = formatApiKey(kind, systemRandom.bytes(32));
      const tenant = await app.store.tenants.findBySlug('dev');
      const key = { id: systemRandom.uuid(), tenantId: tenant?.id ?? '', kind, scopes, digest: sha256(text) };
      await app.store.tenants.insertKey(key, now());
      return text;
    },
    client: (service, headers = { apieco_key: dev.publishable }) => createClient(service, transport(headers)),
    messagesTo: async (to) => {
      const entries = await app.store.outbox.listPending(1000);
      return entries.map(({ message }) => message).filter((message) => message.to === to);
    },
    settled: app.settled,
    catchUp: app.catchUp,
    takeStatements: async () => {
      await app.settled();
      const taken = statements.filter((sql) => !besideCalls.test(sql));
      statements = [];
      return taken;
    },
    takeHashes: () => {
      const taken = hashes;
      hashes = 0;
      return taken;
    },
    sql: async (text, values) => (await connection.query<RowDataPacket[]>(text, values))[0],
    logLines,
    close: async () => {
      const [events] = await connection
        .query<RowDataPacket[]>('SELECT request_id, type FROM events')
        // A test may have taken the database or its schema away.
        .catch(() => [[]]);
      noteCalls([...calls, ...callsOf(logLines)], events as never);
      connection.destroy();
      await listener.close();
      await app.close();
      await own?.drop();
    },
  };
}

/** Starts an app for the tests of a file and stops it after them. */
export function useTestApp(options: TestAppOptions = {}): () => TestApp {
  let started: TestApp | undefined;
  beforeAll(async () => {
    started = await startTestApp(options);
  });
  afterAll(async () => {
    await started?.close();
  });
  return () => {
    if (started === undefined) throw new Error('the app is not started');
    return started;
  };
}

let addresses = 0;

/** An address that no other test uses. */
export function freshEmail(): string {
  addresses += 1;
  return `user${addresses}.${process.pid}.${Date.now().toString(36)}@example.com`;
}
