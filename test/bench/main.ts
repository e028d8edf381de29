import { parseArgs } from 'node:util';
import { openBenchDatabase } from './database.ts';
import { type Limits, startLimits } from './limits.ts';
import { printTable, type Row, writeReport } from './report.ts';
import { calls } from './scenarios/calls.ts';
import { cores } from './scenarios/cores.ts';
import { events } from './scenarios/events.ts';
import { management } from './scenarios/management.ts';
import { openid } from './scenarios/openid.ts';
import { overloaded } from './scenarios/overload.ts';
import { passkeys } from './scenarios/passkeys.ts';
import { peers } from './scenarios/peers.ts';
import { refusals } from './scenarios/refusals.ts';
import { scale } from './scenarios/scale.ts';
import type { Options, Scenario } from './scenarios/scenario.ts';
import { sizing } from './scenarios/sizing.ts';
import { startup } from './scenarios/startup.ts';
import { states } from './scenarios/states.ts';
import { manyWorkers } from './scenarios/workers.ts';

const scenarios: Record<string, Scenario> = {
  calls,
  startup,
  passkeys,
  events,
  openid,
  peers,
  management,
  states,
  refusals,
  overload: overloaded,
  workers: manyWorkers,
  scale,
  sizing,
  cores,
};

const usage = `npm run bench -- [options]
  --scenario NAME     one of ${Object.keys(scenarios).join(', ')}; may be given several times. Default: all
  --seconds N         how long each comparison lasts. Default: 10
  --concurrency N     how many callers a closed loop has. Default: 8
  --users N           how many accounts the database holds. Default: 1000; the scale and management scenarios: 100000
  --tenants N         how many tenants the scale scenario spreads them over, and the openid scenario has. Default: 1000
  --workers N         how many processes the server has. Default: 1
  --json FILE         where the figures go. Default: bench.json
DATABASE_URL names the server of the database; without it a private one is started.
`;

const { values } = parseArgs({
  options: {
    scenario: { type: 'string', multiple: true, default: Object.keys(scenarios) },
    seconds: { type: 'string', default: '10' },
    concurrency: { type: 'string', default: '8' },
    users: { type: 'string' },
    tenants: { type: 'string', default: '1000' },
    workers: { type: 'string', default: '1' },
    json: { type: 'string', default: 'bench.json' },
    help: { type: 'boolean', default: false },
  },
});
const wanted = values.scenario.map((name) => [name, scenarios[name]] as const);
const unknown = wanted.filter(([, scenario]) => scenario === undefined);
if (values.help || unknown.length > 0) {
  process.stdout.write(usage);
  process.exit(values.help ? 0 : 2);
}

const rows: Row[] = [];
const database = await openBenchDatabase(process.env['DATABASE_URL']);
let limits: Limits | undefined;
try {
  limits = await startLimits(await database.urlOf('limits'));
  for (const [name, scenario] of wanted) {
    const options: Options = {
      seconds: Number(values.seconds),
      concurrency: Number(values.concurrency),
      users: Number(values.users ?? (name === 'scale' || name === 'management' ? 100_000 : 1000)),
      tenants: Number(values.tenants),
      workers: Number(values.workers),
    };
    process.stderr.write(`${name} …\n`);
    rows.push(...((await scenario?.({ options, database, limits })) ?? []));
  }
} finally {
  limits?.stop();
  await database.stop();
}
printTable(rows);
writeReport(values.json, values, rows);
