import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tell } from '../support/figures.ts';
import { createOracle } from '../support/oracle.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { type Cluster, type Node, startCluster } from './galera.ts';

// Two instances of the service on three nodes of Galera behind HAProxy: a node is killed, another is frozen,
// both return, all under the load of the oracle.

let cluster: Cluster;
let folder: string;
const instances: ServerProcess[] = [];

beforeAll(async () => {
  cluster = await startCluster();
  folder = mkdtempSync(join(tmpdir(), 'manam-cluster-'));
  const roomy = {
    LIMIT_GUESSES_PER_NETWORK: '1000000',
    LIMIT_MESSAGES_PER_NETWORK: '1000000',
    LIMIT_EMAILS_PER_RECIPIENT: '1000',
    MAX_CONNECTIONS_PER_ADDRESS: '10000',
  };
  for (let count = 0; count < 2; count += 1)
    instances.push(await startServerProcess(cluster.databaseUrl, folder, roomy));
}, 400_000);
afterAll(() => {
  for (const { child } of instances) child.kill('SIGKILL');
  cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function sql(text: string, values: unknown[] = []): Promise<RowDataPacket[]> {
  const connection = await createConnection({ uri: cluster.databaseUrl, timezone: 'Z' });
  try {
    return (await connection.query<RowDataPacket[]>(text, values))[0];
  } finally {
    connection.destroy();
  }
}

/** Calls both instances repeatedly; returns the longest outage of either. */
function watchOutages() {
  let isOver = false;
  const longestMs = instances.map(() => 0);
  const watching = instances.map(async ({ url, key }, index) => {
    let failedAt: number | undefined;
    while (!isOver) {
      const askedAt = performance.now();
      const answer = await fetch(`${url}/manam.v1.AuthService/Login`, {
        method: 'POST',
        headers: { apieco_key: key, 'content-type': 'application/json' },
        body: '{"email":"nobody@example.com","password":"x"}',
      });
      await answer.text();
      if (answer.status === 401) failedAt = undefined;
      else {
        expect(answer.status).toBe(503);
        // From the moment when it was asked: an answer may be long in coming.
        failedAt ??= askedAt;
        longestMs[index] = Math.max(longestMs[index] ?? 0, performance.now() - failedAt);
      }
      await pause(25);
    }
  });
  return async () => {
    isOver = true;
    await Promise.all(watching);
    return Math.round(Math.max(...longestMs));
  };
}

async function certificationFailures(nodes: readonly Node[]): Promise<number> {
  let total = 0;
  for (const node of nodes) {
    for (const name of ['wsrep_local_cert_failures', 'wsrep_local_bf_aborts']) {
      const [row] = await node.sql(`SHOW STATUS LIKE '${name}'`);
      total += Number(row?.['Value'] ?? 0);
    }
  }
  return total;
}

test('a node is killed and another is frozen under load: nothing acknowledged is lost, and calls fail for seconds at most', async () => {
  const [first, second, third] = cluster.nodes as [Node, Node, Node];
  const oracle = createOracle({ urls: () => instances.map(({ url }) => url), key: instances[0]?.key ?? '' });
  oracle.start();
  await pause(5000);

  let outage = watchOutages();
  first.process().kill('SIGKILL');
  await pause(15_000);
  const killedMs = await outage();

  outage = watchOutages();
  await first.start();
  const rejoinedMs = await outage();
  await pause(3000);

  outage = watchOutages();
  second.process().kill('SIGSTOP');
  await pause(15_000);
  second.process().kill('SIGCONT');
  await pause(15_000);
  const frozenMs = await outage();

  await oracle.stop();
  const failures = await certificationFailures([first, second, third]);
  const report = await oracle.verify(sql);
  tell('cluster of three', {
    outageMs: { killed: killedMs, rejoined: rejoinedMs, frozen: frozenMs },
    certificationFailures: failures,
    ...report,
  });
  expect(report.acknowledged).toBeGreaterThan(200);
  expect(Math.max(killedMs, rejoinedMs, frozenMs)).toBeLessThan(30_000);
  for (const node of cluster.nodes) {
    const [size] = await node.sql("SHOW STATUS LIKE 'wsrep_cluster_size'");
    expect(Number(size?.['Value']), node.name).toBe(3);
    // Every node holds what the others hold, to the byte.
    for (const table of ['users', 'identifiers', 'credentials', 'sessions', 'challenges', 'outbox']) {
      const [own] = await node.sql(`CHECKSUM TABLE manam.${table}`);
      const [other] = await third.sql(`CHECKSUM TABLE manam.${table}`);
      expect(own?.['Checksum'], `${table} of ${node.name}`).toBe(other?.['Checksum']);
    }
  }
}, 400_000);
