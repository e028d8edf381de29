import { timestampDate } from '@bufbuild/protobuf/wkt';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { AuditEvent } from '../../gen/manam/admin/v1/admin_service_pb.js';
import type { AdminClient } from '../composition/admin-client.ts';
import { say } from '../composition/terminal.ts';
import { type Cli, withExample } from './context.ts';
import { addEventLogCommands } from './event-log.ts';

type AuditOptions = {
  readonly tenant: string;
  readonly user: string;
  readonly action: string;
  readonly outcome: string;
  readonly limit: number;
  readonly json: boolean;
};

/** Poll interval of `audit tail`. */
const pollMs = 1000;

const columns = ['createdAt', 'action', 'outcome', 'reason', 'userId', 'address', 'requestId'] as const;

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > 10_000)
    throw new InvalidArgumentError('It has to be a whole number from 1 to 10000.');
  return limit;
}

/** One event: a JSON document for programs, tab-separated columns for people. */
function format({ $typeName: _, $unknown: __, eventId, createTime, ...event }: AuditEvent, json: boolean) {
  const createdAt = createTime === undefined ? '' : timestampDate(createTime).toISOString();
  if (json) return JSON.stringify({ id: eventId, ...event, createdAt });
  const row = { ...event, createdAt };
  return columns.map((column) => row[column] || '-').join('\t');
}

/** The newest events that match, or those after a position; the oldest of them first. */
async function read(
  client: AdminClient,
  options: AuditOptions,
  afterPosition?: bigint,
): Promise<{ events: AuditEvent[]; position: bigint }> {
  const { tenant, user: userId, action, outcome, limit } = options;
  const after = afterPosition === undefined ? {} : { afterPosition };
  const { events, position } = await client.listAuditEvents({
    tenant,
    userId,
    action,
    outcome,
    limit,
    ...after,
  });
  return { events: events.reverse(), position };
}

async function search(client: AdminClient, options: AuditOptions): Promise<void> {
  const { events } = await read(client, options);
  if (!options.json) say(columns.join('\t'));
  for (const event of events) say(format(event, options.json));
}

/** Prints the newest events, and then each new one as it is numbered, until a signal. */
async function tail(client: AdminClient, options: AuditOptions): Promise<void> {
  let running = true;
  const stop = () => {
    running = false;
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  let after = -BigInt(options.limit);
  while (running) {
    const { events, position } = await read(client, options, after);
    for (const event of events) say(format(event, options.json));
    after = position;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** `manam audit …` */
export function addAuditCommands({ program, admin }: Cli): void {
  const audit = program.command('audit').description('read the audit log, and prove it');
  addEventLogCommands(audit, { admin });
  const filtered = (command: Command, example: string) =>
    withExample(
      command
        .option('--tenant <tenant>', 'the tenant, by slug or id; deployment: what concerns none', 'dev')
        .option('--user <id>', "a user's id", '')
        .option('--action <name>', 'an action, such as sign_in.failed', '')
        .addOption(
          new Option('--outcome <outcome>', 'success or failure').choices(['success', 'failure']).default(''),
        )
        .option('--limit <count>', 'at most that many', parseLimit, 100)
        .option('--json', 'a JSON document a line', false),
      example,
    );
  filtered(
    audit.command('search').description('print the newest events that match'),
    'audit search --tenant dev --action sign_in.failed',
  ).action((options: AuditOptions) => admin('keys', (client) => search(client, options)));
  filtered(
    audit.command('tail').description('print the newest events, and new ones as they come'),
    'audit tail --tenant dev --json',
  ).action((options: AuditOptions) => admin('keys', (client) => tail(client, options)));
}
