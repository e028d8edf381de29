import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate } from '../../src/store/migrate.ts';
import { runEventStorm } from '../support/event-storm.ts';
import { tell } from '../support/figures.ts';
import { createOracle } from '../support/oracle.ts';
import { runRedeemRace } from '../support/redeem-race.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { type Cluster, type Node, until } from './cluster.ts';

// Two instances of the service on three nodes behind HAProxy: a node is killed, another is frozen, both
// return, and all restart in turn, under the load of the oracle.

/** Declares the tests of a kind of cluster. */
export function testCluster(name: string, start: () => Promise<Cluster>): void {
  let cluster: Cluster;
  let folder: string;
  const instances: ServerProcess[] = [];

  beforeAll(async () => {
    cluster = await start();
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

  /** Waits until every node has joined and applied everything. */
  async function allSettled(): Promise<void> {
    for (const node of cluster.nodes)
      await until(
        () => cluster.isSettled(node),
        () => `${node.name} did not settle`,
      );
  }

  test('loses nothing acknowledged while nodes are killed, frozen and restarted, and fails for seconds at most', async () => {
    const key = instances[0]?.key ?? '';
    const oracle = createOracle({ urls: () => instances.map(({ url }) => url), key });
    oracle.start();
    await pause(5000);

    let outage = watchOutages();
    const killed = await cluster.busiest();
    killed.process().kill('SIGKILL');
    await pause(20_000);
    const killedMs = await outage();

    outage = watchOutages();
    await killed.start();
    const rejoinedMs = await outage();
    await pause(3000);

    outage = watchOutages();
    const frozen = await cluster.busiest();
    frozen.process().kill('SIGSTOP');
    await pause(20_000);
    frozen.process().kill('SIGCONT');
    await pause(20_000);
    const frozenMs = await outage();
    await allSettled();

    outage = watchOutages();
    for (const node of cluster.nodes) {
      node.process().kill('SIGTERM');
      await once(node.process(), 'exit');
      await node.start();
      await allSettled();
    }
    const restartedMs = await outage();

    await oracle.stop();
    await allSettled();
    const failures = await cluster.certificationFailures();
    const report = await oracle.verify(sql);
    tell(`${name}, three nodes`, {
      outageMs: { killed: killedMs, rejoined: rejoinedMs, frozen: frozenMs, restarted: restartedMs },
      certificationFailures: failures,
      ...report,
    });
    expect(report.acknowledged).toBeGreaterThan(200);
    expect(Math.max(killedMs, rejoinedMs, frozenMs, restartedMs)).toBeLessThan(30_000);
    const [first] = cluster.nodes as [Node];
    for (const node of cluster.nodes) {
      // Every node holds what the others hold, to the byte.
      for (const table of ['users', 'identifiers', 'credentials', 'sessions', 'challenges', 'outbox']) {
        const [own] = await node.sql(`CHECKSUM TABLE manam.${table}`);
        const [other] = await first.sql(`CHECKSUM TABLE manam.${table}`);
        expect(own?.['Checksum'], `${table} of ${node.name}`).toBe(other?.['Checksum']);
      }
    }
  }, 600_000);

  test('of two nodes that redeem one code of an application, one wins', async () => {
    const [one = '', other = one] = cluster.writable;
    const count = Number(process.env['OPENID_PAIRS'] ?? 1000);
    const failures = await cluster.certificationFailures();
    const outcomes = await runRedeemRace([one, other], count);
    tell(`${name}, codes redeemed on two nodes`, {
      ...outcomes,
      certificationFailures: (await cluster.certificationFailures()) - failures,
    });
    expect(outcomes).toEqual({ redeemed: { 1: count }, rotated: { 1: count } });
  }, 600_000);

  test('readers on every node see every event once and in order, while a node and sequencers are killed', async () => {
    // A database of its own: the running instances would refuse rows that were sealed with another key.
    await (await cluster.busiest()).sql('CREATE DATABASE storm');
    await (await cluster.busiest()).sql("GRANT ALL ON storm.* TO service@'%'");
    const inStorm = (url: string) => url.replace(/[/]manam$/, '/storm');
    await migrate(inStorm(cluster.writable[0] ?? ''));
    await allSettled();
    const report = await runEventStorm({
      writerUrls: cluster.writable.map(inStorm),
      sequencerUrls: cluster.writable.map(inStorm),
      readerUrls: cluster.nodes.map(({ port }) => `mysql://service:service@127.0.0.1:${port}/storm`),
      count: Number(process.env['EVENTS'] ?? 100_000),
      async atHalf() {
        const victim = await cluster.busiest();
        victim.process().kill('SIGKILL');
        await pause(5000);
        await victim.start();
        await allSettled();
      },
    });
    tell(`${name}, a storm of events`, report);
    expect(report.killed).toBeGreaterThan(0);
    expect(report.frozen).toBeGreaterThan(0);
  }, 1_800_000);
}
