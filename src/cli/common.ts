import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { type DescMessage, type MessageShape, toJson } from '@bufbuild/protobuf';
import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';
import Table from 'cli-table3';
import { CommandError, exitCodes } from '../composition/exit-codes.ts';
import { say } from '../composition/terminal.ts';

/** Output for programs: the response of the service, in the names of the contract. */
export function sayJson<D extends DescMessage>(schema: D, message: MessageShape<D>): void {
  const json = toJson(schema, message, { useProtoFieldName: true, alwaysEmitImplicit: true });
  say(JSON.stringify(json, undefined, 2));
}

/** Output for people: one line per row, aligned, without frames, so that it can be searched too. */
export function sayTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const none = { 'top-mid': '', 'top-left': '', 'top-right': '', top: '', middle: '  ' };
  const empty = { 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '', bottom: '' };
  const sides = { left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '' };
  const table = new Table({
    head: [...head],
    chars: { ...none, ...empty, ...sides },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  table.push(...rows.map((row) => [...row]));
  for (const line of table.toString().split('\n')) say(line.trimEnd());
}

/** A time as people read it; a dash where there is none. */
export function describeTime(time: Timestamp | undefined): string {
  return time === undefined
    ? '-'
    : timestampDate(time)
        .toISOString()
        .replace(/\.\d+Z$/, 'Z');
}

/** The name of an enum's value without its prefix, in lower case. */
export function describeEnum(names: Readonly<Record<number, string>>, value: number): string {
  return (names[value] ?? 'unknown').toLowerCase();
}

export type Forgetting = { readonly forget: boolean };

/** A secret from standard input; empty with `--forget`. Empty input alone is refused, so that a broken pipe removes no secret. */
export function readSecret({ forget }: Forgetting): string {
  if (forget) return '';
  const secret = readFileSync(0, 'utf8').trim();
  if (secret === '')
    throw new CommandError('standard input is empty: say --forget to forget the secret', exitCodes.usage);
  return secret;
}

/** Asks before something that cannot be undone; where no one can be asked, `--yes` has to have said so. */
export async function assertWanted(question: string, yes: boolean): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY)
    throw new CommandError('nobody can be asked here: say --yes to go on', exitCodes.refused);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${question} [y/N] `).finally(() => terminal.close());
  if (!/^y(?:es)?$/i.test(answer.trim())) throw new CommandError('nothing was done', exitCodes.refused);
}
