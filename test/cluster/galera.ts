import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installPackages } from '../../src/store/embedded/install.ts';
import { freePort } from '../support/federation.ts';
import { type Cluster, ensureHaproxy, type Node, queryNode, startBalancer, until } from './cluster.ts';

const provider = '/usr/lib/galera/libgalera_smm.so';
const packages = ['mariadb-server', 'galera-4', 'rsync'];

/** Three nodes of Galera on this machine, behind HAProxy. */
export async function startCluster(): Promise<Cluster> {
  ensureHaproxy();
  if (!existsSync(provider)) installPackages(packages);
  if (!existsSync(provider))
    throw new Error(`Galera is missing: apt-get install --no-install-recommends ${packages.join(' ')}`);
  const folder = mkdtempSync(join(tmpdir(), 'manam-galera-'));
  chmodSync(folder, 0o755);
  const ports = await Promise.all(
    Array.from({ length: 3 }, async () => ({
      sql: await freePort(),
      group: await freePort(),
      transfer: await freePort(),
      state: await freePort(),
    })),
  );
  const addresses = ports.map(({ group }) => `127.0.0.1:${group}`).join(',');
  const nodes = ports.map((each, index) => createNode(join(folder, `node${index + 1}`), each, addresses));
  const [first, ...others] = nodes as [Node, ...Node[]];
  await first.start(true);
  await first.sql('CREATE DATABASE manam CHARACTER SET utf8mb4 COLLATE utf8mb4_bin');
  await first.sql("CREATE USER service@'%' IDENTIFIED BY 'service'");
  await first.sql("GRANT ALL ON manam.* TO service@'%'");
  await first.sql("CREATE USER haproxy@'%'");
  for (const node of others) await node.start();

  const balancer = await startBalancer(folder, nodes, {
    options: ['balance leastconn', 'option mysql-check user haproxy'],
    check: () => 'check',
  });
  return {
    nodes,
    databaseUrl: `mysql://service:service@127.0.0.1:${balancer.port}/manam`,
    writable: nodes.map(({ port }) => `mysql://service:service@127.0.0.1:${port}/manam`),
    busiest: async () => first,
    isSettled: async (node) => {
      const status = new Map(
        (await node.sql("SHOW STATUS LIKE 'wsrep_%'")).map((row) => [row['Variable_name'], row['Value']]),
      );
      return status.get('wsrep_cluster_size') === '3' && status.get('wsrep_local_state_comment') === 'Synced';
    },
    certificationFailures: async () => {
      let total = 0;
      for (const node of nodes)
        for (const name of ['wsrep_local_cert_failures', 'wsrep_local_bf_aborts'])
          total += Number((await node.sql(`SHOW STATUS LIKE '${name}'`))[0]?.['Value'] ?? 0);
      return total;
    },
    stop: () => {
      balancer.process.kill('SIGKILL');
      for (const node of nodes) {
        node.process().kill('SIGCONT');
        node.process().kill('SIGKILL');
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

type Ports = {
  readonly sql: number;
  readonly group: number;
  readonly transfer: number;
  readonly state: number;
};

function createNode(folder: string, ports: Ports, addresses: string): Node {
  const name = folder.split('/').at(-1) ?? '';
  // The state transfer runs as the node's user; rsync as root drops to nobody.
  const isRoot = process.getuid?.() === 0;
  const account = isRoot ? ['--user=mysql'] : [];
  const data = join(folder, 'data');
  const socket = join(folder, 'sock');
  const log = join(folder, 'log.err');
  let child: ChildProcess | undefined;
  mkdirSync(folder);
  if (isRoot) execFileSync('chown', ['mysql:', folder]);
  execFileSync(
    'mariadb-install-db',
    [
      '--no-defaults',
      `--datadir=${data}`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
      ...account,
    ],
    { stdio: 'ignore' },
  );
  const sql = (text: string) => queryNode(socket, text);
  return {
    name,
    port: ports.sql,
    process: () => child as ChildProcess,
    sql,
    start: async (isFirst = false) => {
      child = spawn(
        'mariadbd',
        [
          '--no-defaults',
          `--datadir=${data}`,
          `--socket=${socket}`,
          `--port=${ports.sql}`,
          '--bind-address=127.0.0.1',
          `--pid-file=${join(folder, 'pid')}`,
          `--log-error=${log}`,
          '--skip-name-resolve',
          '--character-set-server=utf8mb4',
          '--collation-server=utf8mb4_bin',
          '--innodb-buffer-pool-size=128M',
          '--performance-schema=OFF',
          '--binlog-format=ROW',
          '--innodb-autoinc-lock-mode=2',
          // Another node may hold what this one lacks; what is acknowledged is on more than one.
          '--innodb-flush-log-at-trx-commit=2',
          '--wsrep-on=ON',
          `--wsrep-provider=${provider}`,
          '--wsrep-cluster-name=manam',
          `--wsrep-cluster-address=gcomm://${isFirst ? '' : addresses}`,
          `--wsrep-node-name=${name}`,
          `--wsrep-node-address=127.0.0.1:${ports.group}`,
          `--wsrep-sst-receive-address=127.0.0.1:${ports.state}`,
          '--wsrep-sst-method=rsync',
          // A session is read where it may not have been written: the read waits until it has come.
          '--wsrep-sync-wait=1',
          `--wsrep-provider-options=gmcast.listen_addr=tcp://127.0.0.1:${ports.group};ist.recv_addr=127.0.0.1:${ports.transfer}`,
          ...(isFirst ? ['--wsrep-new-cluster'] : []),
          ...account,
        ],
        { stdio: 'ignore' },
      );
      await until(
        async () => (await sql("SHOW STATUS LIKE 'wsrep_local_state_comment'"))[0]?.['Value'] === 'Synced',
        () => `${name} did not join:\n${readFileSync(log, 'utf8').split('\n').slice(-20).join('\n')}`,
      );
    },
  };
}
