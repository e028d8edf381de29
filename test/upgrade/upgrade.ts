import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import { WebhookService } from '../../gen/manam/v1/webhook_service_pb.js';
import { type EmbeddedServer, startEmbeddedServer } from '../../src/store/embedded/server.ts';
import { tell } from '../support/figures.ts';
import { startGateway } from '../support/gateway.ts';
import { createOracle } from '../support/oracle.ts';
import { protocols } from '../support/protocols.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { createPartner, type Partner, sessionKeyIds } from './partner.ts';

// The version of docs/upgrading.md and this one side by side, through every migration since, and then a rotation of every key, all
// of it under load: no call fails, and what was acknowledged is there.

const root = new URL('../..', import.meta.url).pathname;
/** The commit of docs/upgrading.md from which on upgrades need no stop. */
const from = 'src/store/migrations/0016_drop_replaced_tables.sql';
const checkout = join(tmpdir(), 'manam-upgrade-from');
const issuer = 'https://id.example.com';
const [firstMasterKey, nextMasterKey] = [randomBytes(32), randomBytes(32)].map((key) =>
  key.toString('base64'),
);

let server: EmbeddedServer;
let databaseUrl: string;
let connection: Connection;
let folder: string;
const sql = async (text: string, values: unknown[] = []) =>
  (await connection.query<RowDataPacket[]>(text, values))[0];

const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();

/** Puts the older version, with what it depends on, into a folder that stays for the next run. */
function installOlder(): void {
  const commit = git('log', '--diff-filter=A', '--format=%H', '--', from);
  if (commit === '') throw new Error(`the history of this clone has not the commit that added ${from}`);
  const marker = join(checkout, commit);
  if (existsSync(marker)) return;
  rmSync(checkout, { recursive: true, force: true });
  mkdirSync(checkout, { recursive: true });
  execFileSync('sh', ['-c', `git archive ${commit} | tar -xC ${checkout}`], { cwd: root });
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], {
    cwd: checkout,
    stdio: 'ignore',
  });
  mkdirSync(marker);
}

beforeAll(async () => {
  installOlder();
  folder = mkdtempSync(join(tmpdir(), 'manam-upgrade-'));
  server = await startEmbeddedServer({ folder: join(folder, 'database'), volatile: true });
  await server.createDatabase('manam');
  databaseUrl = server.urlOf('manam');
  connection = await createConnection({ uri: databaseUrl, timezone: 'Z' });
});
afterAll(async () => {
  await connection?.end();
  await server?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

const settings = {
  MANAM_ISSUER: issuer,
  LIMIT_GUESSES_PER_NETWORK: '1000000',
  LIMIT_MESSAGES_PER_NETWORK: '1000000',
  LIMIT_EMAILS_PER_RECIPIENT: '1000',
  MAX_CONNECTIONS_PER_ADDRESS: '10000',
  OUTGOING_PRIVATE_NETWORKS: '127.0.0.0/8',
};
type MasterKeys = { readonly MANAM_MASTER_KEY: string; readonly MANAM_NEXT_MASTER_KEY?: string };
const firstKey = { MANAM_MASTER_KEY: firstMasterKey ?? '' };
const bothKeys = { ...firstKey, MANAM_NEXT_MASTER_KEY: nextMasterKey ?? '' };
const nextKey = { MANAM_MASTER_KEY: nextMasterKey ?? '' };

const start = (keys: MasterKeys, of = root) =>
  startServerProcess(databaseUrl, folder, { ...settings, ...keys }, of);

/** Runs a command as an operator does, of this version or another. */
const command = (keys: MasterKeys, args: readonly string[], of = root) =>
  execFileSync('node', ['src/main.ts', ...args], {
    cwd: of,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], DATABASE_URL: databaseUrl, MANAM_DATA: folder, ...settings, ...keys },
  });

/** Makes a tenant with the older version; returns its publishable key. */
function makeTenant(): string {
  command(firstKey, ['tenant', 'create', 'acme', '--set', 'senders.default=info@acme.example'], checkout);
  const made = command(
    firstKey,
    ['key', 'create', '--tenant', 'acme', '--kind', 'publishable', '--json'],
    checkout,
  );
  return (JSON.parse(made) as { text: string }).text;
}

/** Instances behind a balancer. */
function createFleet() {
  const live: ServerProcess[] = [];
  const ready = new Set<string>();
  const add = (instance: ServerProcess) => {
    live.push(instance);
    ready.add(instance.url);
  };
  /** One instance goes as a balancer lets it: it gets no new calls, finishes those that run, and ends. */
  const remove = async (instance: ServerProcess) => {
    ready.delete(instance.url);
    await pause(500);
    const exited = new Promise((resolve) => instance.child.once('exit', resolve));
    instance.child.kill('SIGTERM');
    expect(await exited).toBe(0);
    live.splice(live.indexOf(instance), 1);
  };
  return {
    urls: () => [...ready],
    add,
    /** Replaces every instance by another, one after the other; both kinds run side by side for a while. */
    async replaceAll(make: () => Promise<ServerProcess>): Promise<void> {
      for (const old of [...live]) {
        add(await make());
        await pause(sideBySideMs);
        await remove(old);
      }
    },
    kill: () => {
      for (const { child } of live) child.kill('SIGKILL');
    },
  };
}

const sideBySideMs = 5000;
/** Longer than instances keep the keys that they have read. */
const leadSeconds = 20;

const secretKey = () =>
  (JSON.parse(readFileSync(join(folder, 'dev.json'), 'utf8')) as Record<string, string>)['secret_key'] ?? '';

const [overConnect] = protocols;
const clientsAt = (url: string) => {
  const headers = { 'x-api-key': secretKey() };
  if (overConnect === undefined) throw new Error('there is a protocol');
  return {
    management: overConnect.connect(ManagementService, url, headers),
    webhooks: overConnect.connect(WebhookService, url, headers),
  };
};

/** A tenant's application and webhook. */
async function makePartner(urls: () => readonly string[], receiverUrl: string): Promise<Partner> {
  const { management, webhooks } = clientsAt(urls()[0] ?? '');
  const settings = { kind: 'machine', name: 'The back end', resources: ['https://api.example.com'] };
  const { application, clientSecret } = await management.createApplication({ settings });
  const { secret } = await webhooks.createWebhook({ url: receiverUrl });
  const clientId = application?.clientId ?? '';
  return createPartner(urls, issuer, { clientId, clientSecrets: [clientSecret], webhookSecrets: [secret] });
}

async function rotateSecrets(url: string, { clientSecrets, webhookSecrets }: Partner): Promise<void> {
  const { management, webhooks } = clientsAt(url);
  const overlap = { seconds: 3600n, nanos: 0 };
  const [{ clientId } = { clientId: '' }] = (await management.listApplications({})).applications;
  clientSecrets.push((await management.rotateApplicationSecret({ clientId, overlap })).clientSecret);
  const [{ webhookId } = { webhookId: '' }] = (await webhooks.listWebhooks({})).webhooks;
  webhookSecrets.push((await webhooks.rotateWebhookSecret({ webhookId, overlap })).secret);
}

test('an older version is replaced under load, and then every key, without a failed call', async () => {
  const fleet = createFleet();
  const [first, second] = [await start(firstKey, checkout), await start(firstKey, checkout)];
  for (const instance of [first, second]) fleet.add(instance);
  // A development tenant gets new keys where its own are of an older version; a tenant of an operator does not.
  const key = makeTenant();
  const oracle = createOracle({ urls: fleet.urls, key });
  oracle.start();
  await pause(sideBySideMs);

  const before = Number((await sql('SELECT COUNT(*) AS n FROM schema_migrations'))[0]?.['n']);
  command(firstKey, ['migrate', 'up']);
  const after = Number((await sql('SELECT COUNT(*) AS n FROM schema_migrations'))[0]?.['n']);
  expect(after).toBeGreaterThan(before);
  // The older version over the new schema, and then both.
  await pause(sideBySideMs);
  await fleet.replaceAll(() => start(bothKeys));

  const partnerOf: { partner?: Partner } = {};
  const receiver = await startGateway((call) => {
    partnerOf.partner?.read(call);
    return { status: 204, body: '' };
  });
  const partner = await makePartner(fleet.urls, receiver.url);
  partnerOf.partner = partner;
  partner.start();
  const [url = ''] = fleet.urls();
  const sessionKeys = await sessionKeyIds(url);
  command(bothKeys, ['signing-key', 'rotate', '--lead-seconds', String(leadSeconds), '--yes']);
  command(bothKeys, ['master-key', 'rotate', '--yes']);
  await rotateSecrets(url, partner);
  await fleet.replaceAll(() => start(nextKey));
  await pause(leadSeconds * 1000);

  await oracle.stop();
  await partner.stop();
  const report = await oracle.verify(sql);
  expect(partner.findings).toEqual([]);
  expect(report.why).toEqual([]);
  // The new keys of both families were made, and sign.
  expect((await sessionKeyIds(fleet.urls()[0] ?? '')).length).toBe(sessionKeys.length + 1);
  expect(partner.kids.size).toBe(2);
  expect(partner.tally.webhooks).toBeGreaterThan(0);
  tell('an upgrade from the version of docs/upgrading.md', {
    migrations: after - before,
    ...report,
    ...partner.tally,
  });
  fleet.kill();
  await receiver.close();
});
