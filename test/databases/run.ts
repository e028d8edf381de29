import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Engine, engineNames, prepareEngine, say } from './engines.ts';

// Runs the suites that touch the database on each engine, and prints what came of it:
// npm run test:databases [-- --short] [-- mysql-9.7 mariadb-11.8 …]

const suites: Readonly<Record<string, readonly string[]>> = {
  start: ['test/main.test.ts'],
  store: ['test/store', 'test/contract'],
  flows: ['test/flows'],
  wire: ['test/wire', 'test/rest', 'test/server'],
  // Attacks are races for one winner, and what strangers do to counters: all of them meet the database.
  races: ['test/attack'],
  admin: ['test/admin', 'test/cli'],
  faults: [
    'database',
    'instances',
    'kill',
    'delivery-kill',
    'logout-kill',
    'event-log',
    'openid-races',
    'providers',
  ].map((name) => `test/fault/${name}.test.ts`),
};

/** The part that .ci/run adds to the whole suite. */
const short: typeof suites = {
  store: ['test/store', 'test/contract'],
  flows: ['accounts', 'sessions', 'two-factor', 'dispatch'].map((name) => `test/flows/${name}.test.ts`),
  wire: ['test/wire/journey.test.ts'],
  races: ['test/attack/guessing.test.ts'],
  faults: ['test/fault/database.test.ts'],
};

type Outcome = {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly success: boolean;
};

function runSuite({ server }: Engine, files: readonly string[]): Outcome {
  const folder = mkdtempSync(join(tmpdir(), 'manam-databases-'));
  const outcome = join(folder, 'outcome.json');
  const args = ['run', '--reporter=dot', '--reporter=json', `--outputFile.json=${outcome}`, ...files];
  const { DATABASE_URL: _, ...env } = process.env;
  spawnSync('vitest', args, {
    env: { ...env, DATABASE_SERVER: server },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  try {
    return JSON.parse(readFileSync(outcome, 'utf8')) as Outcome;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const { values, positionals } = parseArgs({
  options: { short: { type: 'boolean' } },
  allowPositionals: true,
});
const chosen = values.short ? short : suites;
const names = positionals.length > 0 ? positionals : engineNames;
const rows: string[] = [];
let hasFailed = false;
for (const name of names) {
  const engine = prepareEngine(name);
  say(`${name}: ${engine.version}`);
  for (const [suite, files] of Object.entries(chosen)) {
    const { numPassedTests, numFailedTests, success } = runSuite(engine, files);
    hasFailed ||= !success;
    rows.push(
      `| ${name} (${engine.version}) | ${suite} | ${numPassedTests} passed, ${numFailedTests} failed |`,
    );
  }
}
process.stdout.write(`${['| engine | suite | result |', '|---|---|---|', ...rows].join('\n')}\n`);
process.exitCode = hasFailed ? 1 : 0;
