import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { median } from 'simple-statistics';
import { atMost, type Row } from '../report.ts';
import { buildService, startServer } from '../server.ts';
import { ratioOf, round } from '../slices.ts';
import type { Scenario } from './scenario.ts';

/** Number of starts per side. */
const starts = 7;
/** Time after which an idle server is at rest. */
const idleMs = 5000;

const imports = ['drizzle-orm/mysql2', 'mysql2', '@connectrpc/connect', '@connectrpc/connect-node'];

/** Times until the built service listens and answers, and its memory while idle. */
export const startup: Scenario = async ({ database }) => {
  const main = buildService();
  const databaseUrl = await database.urlOf('startup');
  const folder = mkdtempSync(join(tmpdir(), 'manam-bench-'));
  const start = () => startServer({ databaseUrl, main, folder });
  // The first start makes the schema, the keys and what a newcomer needs.
  await (await start()).stop();
  const pairs: [number, number][] = [];
  const helps: number[] = [];
  for (let count = 0; count < starts; count += 1) {
    const server = await start();
    await server.stop();
    pairs.push([server.startMs, await importMs()]);
    helps.push(await timeOf([main, '--help']));
  }
  const idle = await start();
  await pause(idleMs);
  const { rssMb } = idle.usage();
  await idle.stop();
  rmSync(folder, { recursive: true });
  const starting = median(pairs.map(([a]) => a));
  return [
    {
      name: 'start until it listens',
      against: 'import of Drizzle, mysql2 and Connect',
      ...ratioOf(pairs),
      more: { ms: round(starting), 'import ms': round(median(pairs.map(([, b]) => b))) },
    },
    of('start until it listens', '1 s', round(starting / 1000)),
    of('--help', '0.5 s', round(median(helps) / 500)),
    of('idle RSS', '120 MB', round(rssMb / 120)),
  ];
};

function of(name: string, against: string, ratio: number): Row {
  return { name, against, ratio, goal: atMost(1) };
}

/** Time that Node needs to load the three. */
async function importMs(): Promise<number> {
  const script = `${imports.map((name) => `await import('${name}')`).join('; ')}; console.log('ready'); process.exit()`;
  return await timeOf(['--input-type=module', '-e', script]);
}

/** Time until a program of Node has printed something. */
async function timeOf(args: readonly string[]): Promise<number> {
  const startedAt = performance.now();
  const child = spawn('node', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const tookMs = performance.now() - startedAt;
  await once(child, 'exit');
  return tookMs;
}
