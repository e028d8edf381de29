import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { type EmbeddedServer, startEmbeddedServer } from '../../src/store/embedded/server.ts';
import { startTestApp, type TestApp, type TestAppOptions } from './app.ts';
import { type MysqlProxy, startMysqlProxy } from './mysql-proxy.ts';

/** Duration of each fault under load, in milliseconds: longer in `npm run test:fault` than in `npm test`. */
export const boxMs = Number(process.env['FAULT_SECONDS'] ?? 4) * 1000;

/** A separate, durable database behind a proxy that injects faults. */
export type FaultScene = {
  readonly folder: string;
  readonly proxy: MysqlProxy;
  /** The database through the proxy, as an account that is no administrator. */
  readonly databaseUrl: string;
  /** Runs SQL beside the proxy, as the administrator. */
  sql(text: string, values?: unknown[]): Promise<RowDataPacket[]>;
  /** Another connection of the administrator, for what has to be held. */
  connection(): Promise<Connection>;
  /** SIGKILL, the process's equivalent of a power cut. */
  killDatabase(): Promise<void>;
  startDatabase(): Promise<void>;
  /** An instance of the service in this process. */
  app(options?: TestAppOptions): Promise<TestApp>;
  close(): Promise<void>;
};

const name = 'manam';

export async function startFaultScene(): Promise<FaultScene> {
  const folder = mkdtempSync(join(tmpdir(), 'manam-fault-'));
  let server: EmbeddedServer = await startEmbeddedServer({ folder, program: process.env['DATABASE_SERVER'] });
  const socketOf = () => new URL(server.urlOf(name)).searchParams.get('socketPath') ?? '';
  await server.createDatabase(name);
  const proxy = await startMysqlProxy(socketOf, 'service');
  let admin: Connection | undefined;
  const apps: TestApp[] = [];
  const sql = async (text: string, values: unknown[] = []) => {
    admin ??= await createConnection({ uri: server.urlOf(name), timezone: 'Z', multipleStatements: true });
    return (await admin.query<RowDataPacket[]>(text, values))[0];
  };
  // Administrators may write to a database that is read-only; the service may not.
  await sql(`CREATE USER service@localhost; GRANT ALL ON ${name}.* TO service@localhost`);
  return {
    folder,
    proxy,
    databaseUrl: proxy.urlOf(name),
    sql,
    connection: () => createConnection({ uri: server.urlOf(name), timezone: 'Z' }),
    killDatabase: async () => {
      admin?.destroy();
      admin = undefined;
      server.process.kill('SIGKILL');
      await server.stop();
    },
    startDatabase: async () => {
      server = await startEmbeddedServer({ folder, program: process.env['DATABASE_SERVER'] });
    },
    app: async (options = {}) => {
      const app = await startTestApp({ ...options, database: proxy.urlOf(name) });
      apps.push(app);
      return app;
    },
    close: async () => {
      for (const app of apps) await app.close();
      admin?.destroy();
      await proxy.close();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
