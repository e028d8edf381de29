import { resolve } from 'node:path';
import { type Client, type ConnectRouter, createClient, createRouterTransport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { pino } from 'pino';
import { AdminService } from '../../gen/manam/admin/v1/admin_service_pb.js';
import { loadKeyRing } from '../adapters/key-ring.ts';
import { ensureSigningKeys, openVault } from '../adapters/keys.ts';
import { createHeadSigner } from '../adapters/log-heads.ts';
import { systemRandom } from '../adapters/random.ts';
import { createReceiptSigner } from '../adapters/receipts.ts';
import { createVault, type VaultKey } from '../adapters/vault.ts';
import type { Config } from '../config/config.ts';
import type { Vault } from '../domain/vault.ts';
import { registerAdmin } from '../rpc/admin-service.ts';
import { setOperator } from '../rpc/context.ts';
import { createErrorMapper } from '../server/error-mapper.ts';
import { boundsInterceptor } from '../server/input-bounds.ts';
import { deadlineInterceptor, errorInterceptor } from '../server/interceptors.ts';
import { type DatabaseHandle, openDatabase } from '../store/database.ts';
import { runningServerUrl, startEmbeddedServer } from '../store/embedded/server.ts';
import { migrate, requireMigrated } from '../store/migrate.ts';
import { createStore } from '../store/store.ts';
import { createAdminFlows, type InspectionParts } from './admin.ts';
import { masterKeysOf } from './master-key.ts';
import { readDevelopment } from './tenant-client.ts';

/** The name of our database on the private server. */
export const databaseName = 'manam';

/** Connections that a command needs. */
const connections = 2;

export type AdminClient = Client<typeof AdminService>;

/** The data that a command reads: rows only, or sealed data as well. */
export type Needs = 'database' | 'keys';

/** The admin service to call; undefined: the one in this process. */
export type RemoteAdmin = { readonly url: string; readonly key: string };

/**
 * Runs a command against the admin service: the one at a distance where that is
 * configured, else the same service in this process, over the configured database or the
 * private one.
 */
export async function withAdmin<T>(
  given: Config,
  remote: RemoteAdmin | undefined,
  needs: Needs,
  work: (client: AdminClient) => Promise<T>,
): Promise<T> {
  if (remote !== undefined) return await work(connectTo(remote));
  const config = withKnownIssuer(given);
  return await withDatabase(config, async (database, databaseUrl) => {
    const masterKeys = masterKeysOf(config);
    const deps = { masterKeys, clock: () => new Date(), random: systemRandom };
    // Behind the lock of the migrations, because it may be the first to make the data key.
    let vault: Vault | undefined;
    if (needs === 'keys') {
      await requireSchema(config, databaseUrl, async () => {
        const { keys } = createStore(database, createVault([noKey]));
        vault = await openVault({ keys, ...deps });
        await ensureSigningKeys({ keys, ...deps }, vault);
      });
    }
    return await work(await createInProcessClient({ config, database, databaseUrl, ...deps }, vault));
  });
}

function connectTo({ url, key }: RemoteAdmin): AdminClient {
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: '1.1',
    interceptors: [
      (next) => (request) => {
        request.header.set('authorization', `Bearer ${key}`);
        return next(request);
      },
    ],
  });
  return createClient(AdminService, transport);
}

/**
 * The service in this process. Without its vault, calls that need a key of the deployment fail: what is
 * sealed does not open.
 */
async function createInProcessClient(
  parts: InspectionParts,
  opened: Vault | undefined,
): Promise<AdminClient> {
  const vault = opened ?? createVault([noKey]);
  const store = createStore(parts.database, vault);
  // The keys are opened when something is signed: most commands need none of them.
  const ring = () => loadKeyRing(store.keys, vault, parts.clock);
  const flows = createAdminFlows({
    ...parts,
    vault,
    store,
    signReceipt: async (erasure) =>
      await createReceiptSigner(await ring(), parts.config.issuer, parts.random)(erasure),
    signHead: async (head) => await createHeadSigner(await ring(), parts.config.issuer)(head),
    pageOrigin: pageOrigin(parts.config),
  });
  const register = (router: ConnectRouter) => registerAdmin(router, flows);
  const client = { address: '', userAgent: 'command line' };
  const mapError = createErrorMapper(pino({ level: 'error', base: null }, process.stderr));
  const transport = createRouterTransport(register, {
    router: {
      // The database and its master key are authority enough.
      requestGate: async ({ values }) =>
        setOperator(values, { requestId: systemRandom.uuid(), keyId: undefined, client }),
      interceptors: [errorInterceptor(mapError), deadlineInterceptor, boundsInterceptor],
    },
  });
  return createClient(AdminService, transport);
}

/** Where no one has said the issuer, the private service has: it may listen on another port than the usual one. */
function withKnownIssuer(config: Config): Config {
  if (!config.isIssuerAssumed || config.databaseUrl !== undefined) return config;
  const { url } = readDevelopment(config.dataFolder);
  return url !== undefined && URL.canParse(url) ? { ...config, issuer: url } : config;
}

/** A command that is pointed at a database and not told the issuer does not know where the pages are. */
function pageOrigin({ issuer, isIssuerAssumed, databaseUrl }: Config): string {
  return isIssuerAssumed && databaseUrl !== undefined ? '' : new URL(issuer).origin;
}

/** A key that opens nothing: for what reads no sealed value. */
const noKey: VaultKey = { id: '00000000-0000-0000-0000-000000000000', key: Buffer.alloc(32) };

/**
 * Lends the database: the configured one, else the private one, which is started for
 * the command where the service does not run.
 */
async function withDatabase<T>(
  config: Config,
  work: (database: DatabaseHandle, url: string) => Promise<T>,
): Promise<T> {
  const folder = resolve(config.dataFolder);
  const running = config.databaseUrl ?? runningServerUrl(folder, databaseName);
  const server =
    running === undefined ? await startEmbeddedServer({ folder, program: config.databaseServer }) : undefined;
  try {
    await server?.createDatabase(databaseName);
    const url = running ?? server?.urlOf(databaseName) ?? '';
    const database = openDatabase({ url, connections });
    return await work(database, url).finally(() => database.close());
  } finally {
    await server?.stop();
  }
}

/** Makes sure of the newest schema: the private database gets it, any other has to have it. */
async function requireSchema(config: Config, url: string, prepare: () => Promise<void>): Promise<void> {
  if (config.databaseUrl === undefined) await migrate(url, { prepare, stopped: true });
  else await requireMigrated(url, { prepare });
}
