import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GroupAgent, startGroupAgent } from '../../src/composition/group-agent.ts';
import { initialise } from '../../src/store/embedded/engine.ts';
import { prepareEngine } from '../databases/engines.ts';
import { freePort } from '../support/federation.ts';
import { type Cluster, ensureHaproxy, type Node, queryNode, startBalancer, until } from './cluster.ts';

const groupName = '7f3c1f0e-6d4b-4c52-9f57-8a1f2f6f0001';
/** The account that fetches what a joining node has missed. The reset leaves no transaction that the group lacks. */
const preparation = [
  "CREATE USER replication@'%' IDENTIFIED BY 'replication'",
  "GRANT REPLICATION SLAVE, CONNECTION_ADMIN, BACKUP_ADMIN, GROUP_REPLICATION_STREAM ON *.* TO replication@'%'",
  'RESET BINARY LOGS AND GTIDS',
];

type Ports = { readonly sql: number; readonly group: number };

/** Three MySQL servers in a group with a single primary, on this machine, behind HAProxy with agents. */
export async function startGroup(): Promise<Cluster> {
  ensureHaproxy();
  const { server } = prepareEngine('mysql-9.7');
  const folder = mkdtempSync(join(tmpdir(), 'manam-group-'));
  chmodSync(folder, 0o755);
  const ports: Ports[] = [];
  for (let count = 0; count < 3; count += 1) ports.push({ sql: await freePort(), group: await freePort() });
  const seeds = ports.map(({ group }) => `127.0.0.1:${group}`).join(',');
  const nodes = ports.map((each, index) =>
    createNode(server, join(folder, `node${index + 1}`), index + 1, each, seeds),
  );
  const [first, ...others] = nodes as [Node, ...Node[]];
  await first.start(true);
  await first.sql('CREATE DATABASE manam CHARACTER SET utf8mb4 COLLATE utf8mb4_bin');
  await first.sql("CREATE USER service@'%' IDENTIFIED BY 'service'");
  await first.sql("GRANT ALL ON manam.* TO service@'%'");
  await first.sql("CREATE USER agent@'%' IDENTIFIED BY 'agent'");
  await first.sql("GRANT SELECT ON performance_schema.replication_group_members TO agent@'%'");
  for (const node of others) await node.start();

  const agents: GroupAgent[] = [];
  for (const { port } of nodes)
    agents.push(
      await startGroupAgent(`mysql://agent:agent@127.0.0.1:${port}/`, { host: '127.0.0.1', port: 0 }),
    );
  const balancer = await startBalancer(folder, nodes, {
    options: ['option tcp-check'],
    check: (index) => `check agent-check agent-inter 500ms agent-port ${agents[index]?.port}`,
  });
  return {
    nodes,
    databaseUrl: `mysql://service:service@127.0.0.1:${balancer.port}/manam`,
    writable: [`mysql://service:service@127.0.0.1:${balancer.port}/manam`],
    busiest: async () => {
      const [row] = await first.sql(
        "SELECT MEMBER_PORT AS port FROM performance_schema.replication_group_members WHERE MEMBER_ROLE = 'PRIMARY'",
      );
      return nodes.find(({ port }) => port === Number(row?.['port'])) ?? first;
    },
    isSettled: async (node) => {
      const members = await node.sql(
        'SELECT MEMBER_STATE AS state FROM performance_schema.replication_group_members',
      );
      const [queue] = await node.sql(
        'SELECT SUM(COUNT_TRANSACTIONS_IN_QUEUE + COUNT_TRANSACTIONS_REMOTE_IN_APPLIER_QUEUE) AS waiting FROM performance_schema.replication_group_member_stats',
      );
      return (
        members.filter(({ state }) => state === 'ONLINE').length === 3 && Number(queue?.['waiting']) === 0
      );
    },
    certificationFailures: async () => {
      let total = 0;
      for (const node of nodes) {
        const [row] = await node.sql(
          'SELECT SUM(COUNT_CONFLICTS_DETECTED) AS conflicts FROM performance_schema.replication_group_member_stats WHERE MEMBER_ID = @@server_uuid',
        );
        total += Number(row?.['conflicts'] ?? 0);
      }
      return total;
    },
    stop: () => {
      balancer.process.kill('SIGKILL');
      for (const agent of agents) agent.close();
      for (const node of nodes) {
        node.process().kill('SIGCONT');
        node.process().kill('SIGKILL');
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function createNode(server: string, folder: string, id: number, ports: Ports, seeds: string): Node {
  const name = `node${id}`;
  const data = join(folder, 'data');
  const socket = join(folder, 'sock');
  const log = join(folder, 'log.err');
  const user = process.getuid?.() === 0 ? ['--user=root'] : [];
  let child: ChildProcess | undefined;
  let isNew = true;
  mkdirSync(folder);
  initialise({ engine: 'mysql', server }, data, { temporary: folder, account: user });
  const sql = (text: string) => queryNode(socket, text);
  const options = [
    '--no-defaults',
    `--datadir=${data}`,
    `--socket=${socket}`,
    `--port=${ports.sql}`,
    '--bind-address=127.0.0.1',
    '--mysqlx=OFF',
    '--secure-file-priv=NULL',
    `--pid-file=${join(folder, 'pid')}`,
    `--log-error=${log}`,
    '--skip-name-resolve',
    '--character-set-server=utf8mb4',
    '--collation-server=utf8mb4_bin',
    '--innodb-buffer-pool-size=128M',
    // Another node may hold what this one lacks; what is acknowledged is on more than one.
    '--innodb-flush-log-at-trx-commit=2',
    `--server-id=${id}`,
    '--log-bin=binlog',
    '--gtid-mode=ON',
    '--enforce-gtid-consistency=ON',
    '--report-host=127.0.0.1',
    `--report-port=${ports.sql}`,
    '--plugin-load-add=group_replication.so',
    `--group-replication-group-name=${groupName}`,
    '--group-replication-start-on-boot=OFF',
    `--group-replication-local-address=127.0.0.1:${ports.group}`,
    `--group-replication-group-seeds=${seeds}`,
    '--group-replication-single-primary-mode=ON',
    '--group-replication-recovery-get-public-key=ON',
    // A new primary applies what it received before it serves reads.
    '--group-replication-consistency=BEFORE_ON_PRIMARY_FAILOVER',
    ...user,
  ];
  const lastLines = () => readFileSync(log, 'utf8').split('\n').slice(-20).join('\n');
  return {
    name,
    port: ports.sql,
    process: () => child as ChildProcess,
    sql,
    start: async (isFirst = false) => {
      child = spawn(server, options, { stdio: 'ignore' });
      await until(
        async () => (await sql('SELECT 1')).length === 1,
        () => `${name} did not start:\n${lastLines()}`,
      );
      if (isNew) {
        for (const text of preparation) await sql(text);
        isNew = false;
      }
      if (isFirst) await sql('SET GLOBAL group_replication_bootstrap_group = ON');
      await sql("START GROUP_REPLICATION USER = 'replication', PASSWORD = 'replication'");
      if (isFirst) await sql('SET GLOBAL group_replication_bootstrap_group = OFF');
      await until(
        async () => {
          const [own] = await sql(
            'SELECT MEMBER_STATE AS state FROM performance_schema.replication_group_members WHERE MEMBER_ID = @@server_uuid',
          );
          return own?.['state'] === 'ONLINE';
        },
        () => `${name} did not join:\n${lastLines()}`,
      );
    },
  };
}
