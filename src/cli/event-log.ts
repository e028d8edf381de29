import { createReadStream, createWriteStream, existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
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
import { type Cli, type Destructive, destructive, repeated, withExample } from './context.ts';

type ExportOptions = { readonly tenant: string; readonly out: string };
type VerifyOptions = { readonly head?: readonly string[]; readonly keys?: string };

/** Positions of one call. */
const pageLines = 1000;
/** Problems that are printed. */
const shown = 20;

/** `manam audit export`, `verify` and `restart`. */
export function addEventLogCommands(audit: Command, { admin }: Pick<Cli, 'admin'>): void {
  withExample(
    audit
      .command('export')
      .description(
        'write the log of a tenant into a file that proves itself; the newest signed head is printed',
      )
      .requiredOption('--tenant <tenant>', 'the tenant, by slug or id; deployment: what concerns none')
      .requiredOption('--out <file>', 'the file to write'),
    'audit export --tenant dev --out log.jsonl',
  ).action((options: ExportOptions) => admin('keys', (client) => exportLog(client, options)));

  withExample(
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
        '\nExit codes: 0: the log is what the heads cover; 1: it was changed; 7: a restored backup lost events that a head covers.',
      ),
    'audit verify log.jsonl --head head.txt --keys jwks.json',
  ).action(verify);

  destructive(
    withExample(
      audit
        .command('restart')
        .description(
          'begin the logs of all tenants anew, after a backup was restored; or of one whose log is damaged',
        )
        .option('--tenant <tenant>', 'only that one, by slug or id; deployment: what concerns none', ''),
      'audit restart --yes',
    ),
  ).action(({ tenant, yes }: Destructive & { readonly tenant: string }) =>
    admin('keys', async (client) => {
      await assertWanted(
        tenant === '' ? 'Begin the log of every tenant anew?' : `Begin the log of ${tenant} anew?`,
        yes,
      );
      const { logs } = await client.restartEventLogs({ tenant });
      say(`${counted(logs, 'log')} begun anew`);
    }),
  );
}

/** Writes the log beside the file first: an export that fails leaves an older one as it was. */
async function exportLog(client: AdminClient, { tenant, out }: ExportOptions): Promise<void> {
  const { header, size, head } = await client.exportEventLog({ tenant, after: 0n, limit: 1 });
  const beside = `${out}.part`;
  async function* lines(): AsyncGenerator<string> {
    yield `${header}\n`;
    // The log grows meanwhile: the file ends where it did when the export began.
    for (let after = 0n; after < size; ) {
      const page = await client.exportEventLog({
        tenant,
        after,
        limit: Math.min(pageLines, Number(size - after)),
      });
      for (const line of page.lines) yield `${line}\n`;
      after += BigInt(page.lines.length);
    }
  }
  try {
    await pipeline(lines, createWriteStream(beside, { mode: 0o600 }));
    renameSync(beside, out);
  } catch (error) {
    rmSync(beside, { force: true });
    throw isFileError(error)
      ? new CommandError(`${out} cannot be written: ${error.code}`, exitCodes.usage)
      : error;
  }
  say(head);
}

/** Whether the file system refused something. */
function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'path' in error;
}

/** Reads a file of the caller; a mistake in its name is one of usage. */
function readGiven(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CommandError(
      `${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`,
      exitCodes.usage,
    );
  }
}

function readRing(path: string): Ring {
  try {
    return createLocalJWKSet(JSON.parse(readGiven(path)) as JSONWebKeySet);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`${path} has no public keys (jwks.json)`, exitCodes.usage);
  }
}

/** A head as it was given: itself, or the file that holds it. */
function readHead(given: string): string {
  return (existsSync(given) ? readGiven(given) : given).trim();
}

type Ring = ReturnType<typeof createLocalJWKSet>;

/** Reads heads, and verifies their signatures where keys are given. */
async function readHeads(given: readonly string[], ring: Ring | undefined): Promise<KeptHead[]> {
  return await Promise.all(
    given.map(async (each) => {
      const text = readHead(each);
      if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(text))
        throw new CommandError(`${each.slice(0, 60)} is no head: a head is one JWS`, exitCodes.usage);
      const payload =
        ring === undefined
          ? decodeJwt(text)
          : await claimsOf(text, ring, logHeadType).catch((error: Error) => {
              throw new CommandError(`a head is not one of this service: ${error.message}`, exitCodes.failed);
            });
      const { aud, log, start, size, root, iat } = payload;
      const tenant = String(aud).replace('urn:manam:log:', '');
      const numbers = { start: Number(start), size: Number(size) };
      return { tenant, log: String(log), ...numbers, root: String(root), at: new Date(Number(iat) * 1000) };
    }),
  );
}

async function claimsOf(text: string, ring: Ring, typ: string): Promise<JWTPayload> {
  return (await jwtVerify(text, ring, { typ, algorithms: ['EdDSA'] })).payload;
}

async function verify(path: string, { head: given = [], keys }: VerifyOptions): Promise<void> {
  const ring = keys === undefined ? undefined : readRing(keys);
  const heads = await readHeads(given, ring);
  const { problems, losses, events, leaves, unproved, erased } = await verifyFile(path, heads, ring);
  const all = [...problems, ...losses];
  for (const { position, problem } of all.slice(0, shown))
    say(position === undefined ? problem : `position ${position}: ${problem}`);
  if (all.length > shown) say(`and ${all.length - shown} more`);
  if (problems.length > 0)
    throw new CommandError(`the log was changed: ${counted(problems.length, 'problem')}`, exitCodes.failed);
  say(`${counted(events, 'position')}, ${counted(heads.length, 'head')}: the log is what they cover`);
  if (leaves > 0) say(`${counted(leaves, 'event')} gone by retention: the leaves are in the tree`);
  if (erased > 0) say(`${counted(erased, 'event')} without a personal part, as an erasure leaves them`);
  if (unproved > 0) say(`${counted(unproved, 'event')} of an older version: nothing proves who wrote them`);
  if (heads.length === 0)
    say('without a head that was kept elsewhere this proves only that the file agrees with itself');
  if (ring === undefined && heads.length > 0)
    say('without --keys the signatures of the heads were not verified');
  if (losses.length > 0) throw new CommandError('a restored backup lost events', exitCodes.lost);
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

async function verifyFile(
  path: string,
  heads: readonly KeptHead[],
  ring: Ring | undefined,
): Promise<LogVerdict> {
  if (!existsSync(path)) throw new CommandError(`${path} cannot be read: ENOENT`, exitCodes.usage);
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
