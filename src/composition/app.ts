import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Logger } from 'pino';
import { createAccessTokens } from '../adapters/access-tokens.ts';
import { loadKeyRing } from '../adapters/key-ring.ts';
import { ensureSigningKey, type KeyDeps, type MasterKeys, openVault } from '../adapters/keys.ts';
import { createPasswordHasher } from '../adapters/password-hasher.ts';
import { systemRandom } from '../adapters/random.ts';
import { createReceiptSigner } from '../adapters/receipts.ts';
import type { Config } from '../config/config.ts';
import type { Clock } from '../domain/clock.ts';
import type { Random } from '../domain/random.ts';
import type { Store } from '../domain/repositories.ts';
import type { Vault } from '../domain/vault.ts';
import { createLimiter, type Limiter } from '../flows/limits.ts';
import { createRefunds, type Refunds } from '../flows/refunds.ts';
import { createSmsGuard } from '../flows/sms-guard.ts';
import { type Flows, services } from '../rpc/services.ts';
import { readAccessRules } from '../server/access-rules.ts';
import { createErrorDoor, type ErrorDoor } from '../server/error-door.ts';
import { createGate } from '../server/gate.ts';
import { createHandler } from '../server/handler.ts';
import {
  deadlineInterceptor,
  errorInterceptor,
  floorInterceptor,
  guessInterceptor,
} from '../server/interceptors.ts';
import { type Listener, listen, listenNear } from '../server/listener.ts';
import { createMetricsRoute } from '../server/metrics-route.ts';
import { createReadiness } from '../server/readiness.ts';
import type { RpcOptions } from '../server/rpc-route.ts';
import { createTenantDirectory, type TenantDirectory } from '../server/tenant-directory.ts';
import { type DatabaseHandle, openDatabase } from '../store/database.ts';
import { inspectDatabase, isReady } from '../store/health.ts';
import { createKeyRepository } from '../store/keys.ts';
import { migrate, requireMigrated } from '../store/migrate.ts';
import { createStore } from '../store/store.ts';
import { createAdminFlows } from './admin.ts';
import { createDelivery, createTransports } from './delivery.ts';
import { type Adapters, createFlows } from './flows.ts';
import { createGatewayHealth } from './gateway-health.ts';
import { callObserver, createInstanceMetrics } from './metrics.ts';
import { createRetention } from './retention.ts';
import { createAdminRoutes, createRoutes } from './routes.ts';

export type AppOptions = {
  readonly config: Config & { readonly databaseUrl: string };
  readonly masterKeys: MasterKeys;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Told the text of every statement, without parameters. */
  readonly onStatement?: (sql: string) => void;
  /** Told of every password hash that is made or checked. */
  readonly onHash?: () => void;
};

/** How often the signing keys are read again, so that a rotation reaches every instance. */
const keyReloadMs = 5000;
/** How long readiness may take to find out (R65). */
const readinessDeadlineMs = 1000;

export type App = {
  readonly store: Store;
  /** What an in-memory router needs to be the server without its socket. */
  readonly rpc: RpcOptions;
  readonly flows: Flows;
  /** Listens, also for operators where the configuration says so, and begins to send messages. */
  listen(): Promise<Listeners>;
  /** Resolves once what calls have left behind to be written is written. */
  settled(): Promise<void>;
  close(): Promise<void>;
};

export type Listeners = Listener & {
  /** Tells balancers that nothing new should come; everything is served as before. */
  drain(): void;
  readonly adminPort: number | undefined;
  readonly metricsPort: number | undefined;
};

/** The composition root of a running service: builds adapters, store, flows and server. */
export async function createApp({ config, masterKeys, log, ...options }: AppOptions): Promise<App> {
  const { onStatement, onHash } = options;
  const clock = options.clock ?? (() => new Date());
  const random = options.random ?? systemRandom;

  const database = openDatabase({
    url: config.databaseUrl,
    connections: config.databaseConnections,
    ...(onStatement === undefined ? {} : { onStatement }),
  });
  const keyDeps = { keys: createKeyRepository(database.db), masterKeys, random, clock };
  const vault = await prepareDatabase(config, database, keyDeps).catch(async (error: unknown) => {
    await database.close();
    throw error;
  });
  const store = createStore(database, vault);
  const ring = await loadKeyRing(store.keys, vault, clock);
  const accessTokens = createAccessTokens({ ring, issuer: config.issuer, clock, random });
  const hasher = await createPasswordHasher({
    profile: config.hash,
    // Each worker has its share of the cores.
    cores: Math.ceil(availableParallelism() / config.workers),
    pepper: config.pepper,
    onHash,
  });

  const signReceipt = createReceiptSigner(ring, config.issuer, random);
  const adapters: Adapters = { store, vault, accessTokens, hasher, signReceipt, clock, random };
  const metrics = createInstanceMetrics(store, hasher, database);
  const limiter = createLimiter({ store, clock, onRefusal: metrics.observeRefusal });
  const onError = (error: unknown) => log.warn({ err: error }, 'a limit could not be given back its use');
  const refunds = createRefunds({ store, onError });
  const flows = createFlows(adapters, config, limiter, log);
  const door = createErrorDoor(log);
  const directory = createTenantDirectory(store.tenants, clock);
  const rpc = createRpcOptions(adapters, { config, limiter, refunds, directory, door });
  const gateways = createGatewayHealth(log);
  const readiness = createReadiness(() => isReady(database, clock, readinessDeadlineMs), gateways.failing);
  const { proxies, tls } = config;
  const encryptedOrigin = tls && new URL(config.issuer).origin;
  const handlerDeps = { log, random, door, proxies, encryptedOrigin };
  const routeDeps = {
    adapters,
    config,
    flows,
    rpc,
    limiter,
    directory,
    door,
    readiness,
    jwks: ring.jwks,
    log,
  };
  const observe = callObserver(metrics);
  const handle = createHandler({ ...handlerDeps, observe, routes: createRoutes(routeDeps) });
  const adminFlows = createAdminFlows({
    ...adapters,
    config,
    databaseUrl: config.databaseUrl,
    database,
    masterKeys,
    pageOrigin: new URL(config.issuer).origin,
  });
  const adminRoutes = createAdminRoutes(adminFlows, store.adminKeys, clock, door);
  const handleAdmin = createHandler({ ...handlerDeps, observe, routes: adminRoutes });
  const handleMetrics = createHandler({
    ...handlerDeps,
    encryptedOrigin: undefined,
    routes: [createMetricsRoute(metrics.render)],
  });

  const smsGuard = createSmsGuard({ store, limiter, limits: config.limits, clock });
  const transports = createTransports(config, gateways);
  const delivery = createDelivery(config, {
    store,
    transports,
    smsGuard,
    clock,
    observe: metrics.observeDelivery,
    log,
  });
  const retention = createRetention(config, store, { clock, random }, log);

  const reload = setInterval(() => {
    ring.reload().catch((error: unknown) => log.warn({ err: error }, 'signing keys could not be read again'));
  }, keyReloadMs);
  reload.unref();

  return {
    store,
    rpc,
    flows,
    async listen() {
      const { host, port, admin, metrics, maxConnectionsPerAddress, keepAliveMs } = config;
      const pem = tls && { cert: readFileSync(tls.certFile, 'utf8'), key: readFileSync(tls.keyFile, 'utf8') };
      const bounds = { maxConnectionsPerAddress, keepAliveMs };
      const options = { ...bounds, ...(pem ? { tls: pem } : {}) };
      const listener = await listen({ ...options, host, port }, handle);
      const adminListener = admin && (await listen({ ...options, ...admin }, handleAdmin));
      const metricsListener =
        metrics && (await listenNear({ ...bounds, ...metrics }, handleMetrics, config.isMetricsPortAssumed));
      delivery.start();
      retention.start();
      const listeners = [listener, adminListener, metricsListener];
      const drain = () => {
        readiness.drain();
        for (const each of listeners) each?.drain();
      };
      return {
        port: listener.port,
        adminPort: adminListener?.port,
        metricsPort: metricsListener?.port,
        drain,
        close: async () => {
          drain();
          await Promise.all([...listeners.map((each) => each?.close()), delivery.stop(), retention.stop()]);
        },
      };
    },
    settled: refunds.flush,
    async close() {
      clearInterval(reload);
      await refunds.flush();
      await database.close();
    },
  };
}

/** Migrates, checks the database, and makes the keys of the deployment where there are none; one instance at a time. */
async function prepareDatabase(
  { databaseUrl, migrateAtStart }: AppOptions['config'],
  database: DatabaseHandle,
  keyDeps: KeyDeps,
): Promise<Vault> {
  let vault: Vault | undefined;
  await (migrateAtStart ? migrate : requireMigrated)(databaseUrl, async () => {
    const findings = await inspectDatabase(database, keyDeps.clock);
    const wrong = findings.filter(({ state }) => state === 'error').map(({ detail }) => detail);
    if (wrong.length > 0) throw new Error(`the database is not fit: ${wrong.join('; ')}`);
    vault = await openVault(keyDeps);
    await ensureSigningKey(keyDeps, vault);
  });
  if (vault === undefined) throw new Error('the keys were not made');
  return vault;
}

type RpcDeps = {
  readonly config: Config;
  readonly limiter: Limiter;
  readonly refunds: Refunds;
  readonly directory: TenantDirectory;
  readonly door: ErrorDoor;
};

/** The gate and the interceptors, the same for every protocol. */
function createRpcOptions(
  { store, accessTokens, hasher, clock }: Adapters,
  { config, limiter, refunds, directory, door }: RpcDeps,
): RpcOptions {
  const { limits } = config;
  const rules = readAccessRules(services);
  const ownOrigin = new URL(config.issuer).origin;
  return {
    door,
    gate: createGate({
      rules,
      directory,
      accessTokens,
      sessions: store.sessions,
      challenges: store.challenges,
      clock,
      door,
      limiter,
      limits,
      hasher,
      ownOrigin,
    }),
    interceptors: [
      errorInterceptor(door),
      deadlineInterceptor,
      floorInterceptor(rules, config.responseFloorMs),
      guessInterceptor({ rules, limiter, refunds, limits, clock }),
    ],
  };
}
