import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { installPackages } from '../../src/store/embedded/install.ts';
import { freePort } from '../support/federation.ts';

export type Node = {
  readonly name: string;
  readonly port: number;
  readonly process: () => ChildProcess;
  /** Starts the node and waits until it has joined. */
  start(isFirst?: boolean): Promise<void>;
  sql(text: string): Promise<RowDataPacket[]>;
};

export type Cluster = {
  readonly nodes: readonly Node[];
  /** The database through HAProxy. */
  readonly databaseUrl: string;
  /** The addresses that take writes: every node, or HAProxy where one of them is the primary. */
  readonly writable: readonly string[];
  /** The node whose loss hurts most: the primary, if there is one. */
  busiest(): Promise<Node>;
  /** Whether the node has joined, sees all three, and has applied what it received. */
  isSettled(node: Node): Promise<boolean>;
  /** Transactions that failed their certification, over all nodes. */
  certificationFailures(): Promise<number>;
  stop(): void;
};

export const haproxy = '/usr/sbin/haproxy';

export function ensureHaproxy(): void {
  if (!existsSync(haproxy)) installPackages(['haproxy']);
}

/** Runs one statement over the socket of a node, as root. */
export async function queryNode(socket: string, text: string): Promise<RowDataPacket[]> {
  const uri = `mysql://root@localhost/?socketPath=${encodeURIComponent(socket)}`;
  const connection = await createConnection({ uri, connectTimeout: 2000 });
  try {
    return (await connection.query<RowDataPacket[]>({ sql: text, timeout: 30_000 }))[0];
  } finally {
    connection.destroy();
  }
}

/** Waits until a condition holds; throws with `why` where it does not within two minutes. */
export async function until(holds: () => Promise<boolean>, why: () => string): Promise<void> {
  for (const deadline = performance.now() + 120_000; performance.now() < deadline; ) {
    if (await holds().catch(() => false)) return;
    await pause(200);
  }
  throw new Error(why());
}

/** HAProxy in front of the nodes; `check` is the rest of each server's line. */
export async function startBalancer(
  folder: string,
  nodes: readonly Node[],
  { options, check }: { readonly options: readonly string[]; readonly check: (index: number) => string },
) {
  const port = await freePort();
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(
    file,
    `global
  maxconn 2000
defaults
  mode tcp
  timeout connect 1s
  timeout client 1h
  timeout server 1h
listen manam
  bind 127.0.0.1:${port}
${options.map((option) => `  ${option}`).join('\n')}
  default-server inter 500ms fall 2 rise 2 on-marked-down shutdown-sessions
${nodes.map(({ name, port: each }, index) => `  server ${name} 127.0.0.1:${each} ${check(index)}`).join('\n')}
`,
  );
  return { port, process: spawn(haproxy, ['-f', file, '-db'], { stdio: 'ignore' }) };
}
