import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { median } from 'simple-statistics';
import { atMost, type Row } from '../report.ts';
import { startServer } from '../server.ts';
import { ratioOf, round } from '../slices.ts';
import type { Scenario } from './scenario.ts';

/** Number of starts per side. */
const starts = 7;
/** Time after which an idle server is at rest. */
const idleMs = 5000;

const imports = ['drizzle-orm/mysql2', 'mysql2', '@connectrpc/connect', '@connectrpc/connect-node'];

/** Time until the service listens, and its memory while idle. */
export const startup: Scenario = async ({ database }) => {
  const databaseUrl = await database.urlOf('startup');
  // The first start makes the schema and the keys.
  await (await startServer({ databaseUrl })).stop();
  const pairs: [number, number][] = [];
  for (let count = 0; count < starts; count += 1) {
    const server = await startServer({ databaseUrl });
    await server.stop();
    pairs.push([server.startMs, await importMs()]);
  }
  const idle = await startServer({ databaseUrl });
  await pause(idleMs);
  const { rssMb } = idle.usage();
  await idle.stop();
  return [
    {
      name: 'start until it listens',
      against: 'import of Drizzle, mysql2 and Connect',
      goal: atMost(1.5, 2),
      ...ratioOf(pairs),
      more: { ms: round(median(pairs.map(([a]) => a))), 'import ms': round(median(pairs.map(([, b]) => b))) },
    },
    {
      name: 'idle RSS in MB',
      against: '1 MB',
      goal: atMost(130, 150),
      ratio: Math.round(rssMb),
    } satisfies Row,
  ];
};

/** Time that Node needs to load the three. */
async function importMs(): Promise<number> {
  const script = `${imports.map((name) => `await import('${name}')`).join('; ')}; console.log('ready'); process.exit()`;
  const startedAt = performance.now();
  const child = spawn('node', ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const tookMs = performance.now() - startedAt;
  await once(child, 'exit');
  return tookMs;
}
