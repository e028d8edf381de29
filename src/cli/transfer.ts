import { closeSync, createReadStream, existsSync, openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { toJson } from '@bufbuild/protobuf';
import { Option } from 'commander';
import {
  ExportUserResponseSchema,
  type ImportResult,
  ImportState,
} from '../../gen/manam/admin/v1/admin_service_pb.js';
import type { AdminClient } from '../composition/admin-client.ts';
import { CommandError, exitCodes } from '../composition/exit-codes.ts';
import { say } from '../composition/terminal.ts';
import { recordMappings } from '../domain/record-mappings.ts';
import { describeEnum } from './common.ts';
import { type Cli, withExample } from './context.ts';

type ImportOptions = {
  readonly tenant: string;
  readonly mapping: string;
  readonly dryRun: boolean;
  readonly report?: string;
  readonly json: boolean;
};

type ExportOptions = { readonly tenant: string; readonly user?: string };

/** Most bytes of one call: the service accepts 64 KiB, and quoting costs some of it. */
const batchBytes = 24 * 1024;
const batchRecords = 100;
/** Records between two progress messages. */
const progressRecords = 1000;
const exportPage = 20;

type Line = { readonly number: number; readonly text: string };

/** The lines of a file, empty ones left out, in batches that a call can carry; never the whole file. */
async function* batchesOf(file: string): AsyncGenerator<Line[]> {
  if (file !== '-' && !existsSync(file))
    throw new CommandError(`${file} cannot be read: ENOENT`, exitCodes.usage);
  const input = file === '-' ? process.stdin : createReadStream(file);
  let batch: Line[] = [];
  let bytes = 0;
  let number = 0;
  for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    number += 1;
    if (text.trim() === '') continue;
    const size = Buffer.byteLength(text);
    if (batch.length > 0 && (batch.length >= batchRecords || bytes + size > batchBytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push({ number, text });
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** A line of the report. It never holds the record, which contains hashes. */
function reportLine(number: number, { state, problems }: ImportResult): string {
  return JSON.stringify({
    line: number,
    state: describeEnum(ImportState, state),
    problems: problems.map(({ field, reason, description }) => ({ field, reason, description })),
  });
}

async function importUsers(client: AdminClient, file: string, options: ImportOptions): Promise<void> {
  const { tenant, mapping, dryRun } = options;
  const report = options.report === undefined ? undefined : openSync(options.report, 'w');
  const counts = { imported: 0, present: 0, refused: 0 };
  let done = 0;
  for await (const batch of batchesOf(file)) {
    const records = batch.map(({ text }) => text);
    const { results } = await client.importUsers({ tenant, mapping, dryRun, records });
    for (const [index, result] of results.entries()) {
      const number = batch[index]?.number ?? 0;
      if (result.state === ImportState.IMPORTED) counts.imported += 1;
      else if (result.state === ImportState.PRESENT) counts.present += 1;
      else counts.refused += 1;
      if (report !== undefined) writeSync(report, `${reportLine(number, result)}\n`);
      if (result.state === ImportState.REFUSED)
        for (const { field, reason, description } of result.problems)
          process.stderr.write(`line ${number}: ${field}: ${reason} ${description}`.trimEnd().concat('\n'));
      done += 1;
      if (done % progressRecords === 0) process.stderr.write(`${done} lines\n`);
    }
  }
  if (report !== undefined) closeSync(report);
  if (options.json) say(JSON.stringify({ dry_run: dryRun, ...counts }));
  else
    say(
      `${dryRun ? 'would import' : 'imported'} ${counts.imported}, ${counts.present} there before, ${counts.refused} refused`,
    );
  if (counts.refused > 0) throw new CommandError(`refused lines: ${counts.refused}`, exitCodes.usage);
}

async function exportUsers(client: AdminClient, { tenant, user }: ExportOptions): Promise<void> {
  if (user !== undefined) {
    const { document } = toJson(ExportUserResponseSchema, await client.exportUser({ tenant, user })) as {
      document: object;
    };
    return say(JSON.stringify(document, undefined, 2));
  }
  let pageToken = '';
  do {
    const page = await client.exportUsers({ tenant, pageSize: exportPage, pageToken });
    for (const record of page.records) say(record);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
}

/** `manam import` and `manam export` */
export function addTransferCommands({ program, admin }: Cli): void {
  withExample(
    program
      .command('import <file>')
      .description('take users in, a JSON document a line; - reads the input')
      .requiredOption('--tenant <tenant>', 'the tenant, by slug or id')
      .addOption(
        new Option('--mapping <name>', 'what the lines look like').choices(recordMappings).default('manam'),
      )
      .option('--dry-run', 'write nothing, only tell what would be', false)
      .option('--report <file>', 'write what became of each line, a JSON document a line')
      .option('--json', 'print the counts as JSON', false),
    'import users.ndjson --tenant dev --dry-run',
  ).action((file: string, options: ImportOptions) =>
    admin('keys', (client) => importUsers(client, file, options)),
  );
  withExample(
    program
      .command('export')
      .description("print a tenant's users as import takes them, with hashes and seeds: keep it secret")
      .requiredOption('--tenant <tenant>', 'the tenant, by slug or id')
      .option('--user <user>', 'all that is held of one user instead, for himself, without hashes and seeds')
      .option('--json', 'what it prints anyway', false),
    'export --tenant dev > users.ndjson',
  ).action((options: ExportOptions) => admin('keys', (client) => exportUsers(client, options)));
}
