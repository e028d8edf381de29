import type { ConnectRouter } from '@connectrpc/connect';
import type { Logger } from 'pino';
import { loadKeyRing } from '../adapters/key-ring.ts';
import { ensureSigningKeys, type KeyDeps, type MasterKeys, openVault } from '../adapters/keys.ts';
import { systemRandom } from '../adapters/random.ts';
import type { Config } from '../config/config.ts';
import type { Clock } from '../domain/clock.ts';
import type { Random } from '../domain/random.ts';
import type { Store } from '../domain/repositories.ts';
import type { Vault } from '../domain/vault.ts';
import { createCore } from '../features/core.ts';
import { changesIntervalMs } from '../server/directory-changes.ts';
import { createErrorMapper } from '../server/error-mapper.ts';
import { createHandler, type HandlerDeps, type Route } from '../server/handler.ts';
import { createMetricsRoute } from '../server/metrics-route.ts';
import { createReadiness } from '../server/readiness.ts';
import type { RpcOptions } from '../server/rpc-route.ts';
import { type DatabaseHandle, openDatabase } from '../store/database.ts';
import { inspectDatabase, isReady } from '../store/health.ts';
import { createKeyRepository } from '../store/keys.ts';
import { migrate, requireMigrated } from '../store/migrate.ts';
import { createStore } from '../store/store.ts';
import { createHostedTenants } from '../web/hosted-tenants.ts';
import { createAdapters } from './adapters.ts';
import { createAdminFlows } from './admin.ts';
import { createBackground } from './background.ts';
import { createCounters } from './counters.ts';
import { createDirectories } from './directories.ts';
import { createFeatures } from './features.ts';
import { createGatewayHealth } from './gateway-health.ts';
import { type Listeners, listenOn } from './listeners.ts';
import { callObserver, createInstanceMetrics } from './metrics.ts';
import { startReadings } from './readings.ts';
import { createAdminRoutes, createRoutes } from './routes.ts';
import { createRpcOptions } from './rpc-options.ts';
import { createTransports } from './transports.ts';

export type AppOptions = {
  readonly config: Config & { readonly databaseUrl: string };
  readonly masterKeys: MasterKeys;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Called with the text of every statement, without parameters. */
  readonly onStatement?: (sql: string) => void;
  /** Called for every password hash that is computed. */
  readonly onHash?: () => void;
};

/** Interval at which the signing keys are read again, so that a rotation reaches every instance. */
const keyReloadMs = 5000;
/** Connections for the log of events and of changes: the sequencer, the tail, the checks of streams and the directory have one each. */
const logConnections = 4;
/** Connections for webhooks: their storms hold up neither calls nor the log. */
const webhookConnections = 5;
/** The server rolls back the transaction of an instance that was frozen in it for that long: another one numbers on. */
const logIdleTimeoutS = 5;
/** Deadline of the readiness check (R65). */
const readinessDeadlineMs = 1000;

export type App = {
  readonly store: Store;
  /** The options with which an in-memory router is the server without its socket. */
  readonly rpc: RpcOptions;
  /** Registers every public service. */
  readonly register: (router: ConnectRouter) => void;
  /** Listens on every configured address, and starts the work beside the calls. */
  listen(): Promise<Listeners>;
  /** Resolves once the writes that calls left behind are done. */
  settled(): Promise<void>;
  /** Reads the signing keys and the changes of tenants now, instead of at the next poll. */
  catchUp(): Promise<void>;
  close(): Promise<void>;
};

/** The composition root of a running service: adapters, features and server. */
export async function createApp({ config, masterKeys, log, ...options }: AppOptions): Promise<App> {
  const clock = options.clock ?? (() => new Date());
  const random = options.random ?? systemRandom;
  const { database, logDatabase, webhookDatabase, closeDatabases } = openDatabases(
    config,
    options.onStatement,
  );
  const keyDeps = { keys: createKeyRepository(database.db), masterKeys, random, clock };
  const vault = await prepareDatabase(config, database, keyDeps).catch(async (error: unknown) => {
    await closeDatabases();
    throw error;
  });
  const store = createStore(database, vault);
  const ring = await loadKeyRing(store.keys, vault, clock);
  const { onHash } = options;
  const adapters = await createAdapters({ config, store, vault, ring, clock, random, log, onHash });

  const metrics = createInstanceMetrics(store, adapters.hasher, database);
  const { limiter, refunds, keyUses, flush } = createCounters({
    store,
    clock,
    log,
    onRefusal: metrics.observeRefusal,
  });
  const mapError = createErrorMapper(log);
  const logStore = createStore(logDatabase, vault);
  const { changes, directory, applications } = createDirectories({ ...adapters, logStore, limiter, config });
  const gateways = createGatewayHealth(log);
  const features = createFeatures({
    adapters,
    core: createCore(adapters, config, limiter),
    config,
    limiter,
    directory,
    applications,
    applicationJwks: ring.applications.jwks,
    hostedTenants: createHostedTenants({ store, directory, vault, clock, random }),
    mapError,
    transports: createTransports(config, gateways),
    observeDelivery: metrics.observeDelivery,
    observeWebhook: metrics.observeWebhook,
    log,
    logStore,
    webhookStore: createStore(webhookDatabase, vault),
  });
  const calls = { config, limiter, refunds, keyUses, directory, applications, mapError, log };
  const rpc = createRpcOptions(adapters, calls);
  const readiness = createReadiness(() => isReady(database, clock, readinessDeadlineMs), gateways.failing);
  const background = createBackground(config, adapters, features, log);

  const adminFlows = createAdminFlows({
    ...adapters,
    config,
    databaseUrl: config.databaseUrl,
    database,
    masterKeys,
    pageOrigin: new URL(config.issuer).origin,
  });
  const { jwks } = ring;
  const routes = {
    public: createRoutes({ features, config, rpc, directory, applications, mapError, readiness, jwks }),
    admin: createAdminRoutes(adminFlows, store.adminKeys, clock, mapError),
    metrics: [createMetricsRoute(metrics.render)],
  };
  const observe = callObserver(metrics);
  const handlers = createHandlers(config, routes, { log, random, mapError, observe });
  const readings = startReadings(log, [
    { read: ring.reload, everyMs: keyReloadMs, failure: 'signing keys could not be read again' },
    { read: changes.ask, everyMs: changesIntervalMs, failure: 'changes of tenants could not be read' },
  ]);

  return {
    store,
    rpc,
    register: features.register,
    listen: () => listenOn(config, handlers, { readiness, background, endStreams: features.drain }),
    settled: flush,
    catchUp: readings.catchUp,
    async close() {
      readings.stop();
      await flush();
      await closeDatabases();
    },
  };
}

/** The connection pools: one for calls, and separate ones for background work, so that neither exhausts the other. */
function openDatabases(
  { databaseUrl: url, databaseConnections }: AppOptions['config'],
  onStatement: AppOptions['onStatement'],
) {
  const database = openDatabase({
    url,
    connections: databaseConnections,
    ...(onStatement && { onStatement }),
  });
  const logDatabase = openDatabase({ url, connections: logConnections, idleTimeoutS: logIdleTimeoutS });
  const webhookDatabase = openDatabase({ url, connections: webhookConnections });
  const closeDatabases = async () => {
    await Promise.all([database, logDatabase, webhookDatabase].map((each) => each.close()));
  };
  return { database, logDatabase, webhookDatabase, closeDatabases };
}

/** The request listeners of the addresses. */
function createHandlers(
  { proxies, tls, issuer }: AppOptions['config'],
  routes: Record<'public' | 'admin' | 'metrics', readonly Route[]>,
  { observe, ...deps }: Required<Pick<HandlerDeps, 'log' | 'random' | 'mapError' | 'observe'>>,
) {
  const encryptedOrigin = tls && new URL(issuer).origin;
  return {
    public: createHandler({ ...deps, observe, proxies, encryptedOrigin, routes: routes.public }),
    admin: createHandler({ ...deps, proxies, encryptedOrigin, routes: routes.admin }),
    metrics: createHandler({ ...deps, proxies, encryptedOrigin: undefined, routes: routes.metrics }),
  };
}

/** Migrates, checks the database, and makes the keys of the deployment where there are none; one instance at a time. */
async function prepareDatabase(
  { databaseUrl, migrateAtStart }: AppOptions['config'],
  database: DatabaseHandle,
  keyDeps: KeyDeps,
): Promise<Vault> {
  let vault: Vault | undefined;
  await (migrateAtStart ? migrate : requireMigrated)(databaseUrl, {
    prepare: async () => {
      const findings = await inspectDatabase(database, keyDeps.clock);
      const wrong = findings.filter(({ state }) => state === 'error').map(({ detail }) => detail);
      if (wrong.length > 0) throw new Error(`the database is not fit: ${wrong.join('; ')}`);
      vault = await openVault(keyDeps);
      await ensureSigningKeys(keyDeps, vault);
    },
  });
  if (vault === undefined) throw new Error('the keys were not made');
  return vault;
}
