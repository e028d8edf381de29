import { linesOf } from './exit-codes.ts';

/** Writes a line for the person at the terminal. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Writes what went wrong, a line each. */
export function complain(error: unknown): void {
  for (const line of linesOf(error)) process.stderr.write(`manam: ${line}\n`);
}
