import { once } from 'node:events';
import { createReadStream, createWriteStream, existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import type { AdminClient } from '../composition/admin-client.ts';
import { CommandError, exitCodes } from '../composition/exit-codes.ts';
import { say } from '../composition/terminal.ts';
import {
  createLogVerifier,
  type KeptHead,
  type LogFileHeader,
  type LogFileLine,
  type LogVerdict,
} from '../domain/log-file.ts';
import { logEndType, logHeadType } from '../domain/log-head.ts';
import { assertWanted } from './common.ts';
import { type Cli, type Destructive, destructive, repeated } from './context.ts';

type ExportOptions = { readonly tenant: string; readonly out: string };
type VerifyOptions = { readonly head?: readonly string[]; readonly keys?: string };

/** Problems that are printed. */
const shown = 20;

/** `manam audit export`, `verify` and `restart`. */
export function addEventLogCommands(audit: Command, { admin }: Pick<Cli, 'admin'>): void {
  audit
    .command('export')
    .description(
      'write the log of a tenant into a file that proves itself; the newest signed head is printed',
    )
    .requiredOption('--tenant <tenant>', 'the tenant, by slug or id; deployment: what concerns none')
    .requiredOption('--out <file>', 'the file to write')
    .addHelpText('after', '\nExample:\n  npm run manam -- audit export --tenant dev --out log.jsonl')
    .action((options: ExportOptions) => admin('keys', (client) => exportLog(client, options)));

  audit
    .command('verify')
    .description('compare an exported log with heads that were kept; needs no database')
    .argument('<file>', 'the exported log')
    .option('--head <head>', 'a signed head, or a file that holds one; may be repeated', repeated)
    .option(
      '--keys <file>',
      'the public keys of the service (jwks.json), to verify the signatures of heads and of restored backups',
    )
    .addHelpText(
      'after',
      `\nExit codes: 0: the log is what the heads cover; 1: it was changed; 7: a restored backup lost events that a head covers.
\nExample:\n  npm run manam -- audit verify log.jsonl --head head.txt --keys jwks.json`,
    )
    .action(verify);

  destructive(
    audit
      .command('restart')
      .description('begin the logs of all tenants anew, after a backup was restored')
      .addHelpText('after', '\nExample:\n  npm run manam -- audit restart --yes'),
  ).action((options: Destructive) =>
    admin('keys', async (client) => {
      await assertWanted('Begin the log of every tenant anew?', options.yes);
      const { logs } = await client.restartEventLogs({});
      say(`${logs} ${logs === 1 ? 'log was' : 'logs were'} begun`);
    }),
  );
}

async function exportLog(client: AdminClient, { tenant, out }: ExportOptions): Promise<void> {
  const file = createWriteStream(out, { mode: 0o600 });
  const write = async (line: string) => {
    if (!file.write(`${line}\n`)) await once(file, 'drain');
  };
  // The log grows meanwhile: the file ends where it did when the export began.
  const { header, size, head } = await client.exportEventLog({ tenant, after: 0n, limit: 1 });
  await write(header);
  for (let after = 0n; after < size; ) {
    const left = Number(size - after);
    const { lines } = await client.exportEventLog({ tenant, after, limit: Math.min(1000, left) });
    for (const line of lines) await write(line);
    after += BigInt(lines.length);
  }
  file.end();
  await once(file, 'close');
  say(head);
}

/** A head as it was given: itself, or the file that holds it. */
function readHead(given: string): string {
  return (existsSync(given) ? readFileSync(given, 'utf8') : given).trim();
}

type Ring = ReturnType<typeof createLocalJWKSet>;

/** Reads heads, and verifies their signatures where keys are given. */
async function readHeads(given: readonly string[], ring: Ring | undefined): Promise<KeptHead[]> {
  return await Promise.all(
    given.map(async (each) => {
      try {
        const text = readHead(each);
        const payload = ring === undefined ? decodeJwt(text) : await claimsOf(text, ring, logHeadType);
        const { aud, log, start, size, root, iat } = payload;
        const tenant = String(aud).replace('urn:manam:log:', '');
        const numbers = { start: Number(start), size: Number(size) };
        return { tenant, log: String(log), ...numbers, root: String(root), at: new Date(Number(iat) * 1000) };
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new CommandError(`the head is not one of this service: ${why}`, exitCodes.failed);
      }
    }),
  );
}

async function claimsOf(text: string, ring: Ring, typ: string): Promise<JWTPayload> {
  return (await jwtVerify(text, ring, { typ, algorithms: ['EdDSA'] })).payload;
}

async function verify(path: string, options: VerifyOptions): Promise<void> {
  const { head: given = [], keys } = options;
  const ring =
    keys === undefined
      ? undefined
      : createLocalJWKSet(JSON.parse(readFileSync(keys, 'utf8')) as JSONWebKeySet);
  const heads = await readHeads(given, ring);
  const { problems, losses, ...counts } = await verifyFile(path, heads, ring);
  for (const { position, problem } of [...problems, ...losses].slice(0, shown))
    say(position === undefined ? problem : `position ${position}: ${problem}`);
  if (problems.length > 0)
    throw new CommandError(`the log was changed: ${problems.length} problems`, exitCodes.failed);
  const { events, leaves, unproved } = counts;
  say(`${events} positions, ${heads.length} heads: the log is what they cover`);
  if (leaves > 0) say(`${leaves} events are gone by retention; their leaves are in the tree`);
  if (unproved > 0) say(`${unproved} events are of an older version: nothing proves who wrote them`);
  if (heads.length === 0)
    say('without a head that was kept elsewhere this proves only that the file agrees with itself');
  if (losses.length > 0) throw new CommandError('a restored backup lost events', exitCodes.lost);
}

async function verifyFile(
  path: string,
  heads: readonly KeptHead[],
  ring: Ring | undefined,
): Promise<LogVerdict> {
  let verifier: ReturnType<typeof createLogVerifier> | undefined;
  for await (const text of createInterface({ input: createReadStream(path) })) {
    if (text.trim() === '') continue;
    const document = parseLine(text);
    if (verifier !== undefined) verifier.add(document as LogFileLine);
    else if ((document as LogFileHeader).manam_log === 1)
      verifier = createLogVerifier(document as LogFileHeader, heads);
    else throw new CommandError(`${path} is no exported log`, exitCodes.usage);
  }
  if (verifier === undefined) throw new CommandError(`${path} is empty`, exitCodes.usage);
  // Without keys no one can tell a restored backup from a log that was cut off.
  return await verifier.end(async (text) =>
    ring === undefined ? undefined : await claimsOf(text, ring, logEndType).catch(() => undefined),
  );
}

function parseLine(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
