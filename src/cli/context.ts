import type { Command } from 'commander';
import type { AdminClient, Needs } from '../composition/admin-client.ts';
import { isSource } from '../root.ts';

/** The context of the commands. */
export type Cli = {
  readonly program: Command;
  /** Runs a command against the admin service. */
  admin(needs: Needs, work: (client: AdminClient) => Promise<void>): Promise<void>;
};

/** The options of every command that prints what a program may want to read. */
export type Output = { readonly json: boolean };
/** The options of every command that cannot be undone. */
export type Destructive = { readonly yes: boolean };

/** The command line that starts the program; from the sources through `npm run -s`, so that npm adds nothing to its output. */
export const invocation = isSource ? 'npm run -s manam --' : 'manam';

/** Ends the help of a command with an example of its arguments, after what has to stand before the program. */
export function withExample(command: Command, example: string, before = ''): Command {
  return command.addHelpText('after', `\nExample:\n  ${before}${invocation} ${example}`);
}

/** A command that prints; with the example that its help ends with. */
export function printing(command: Command, example: string): Command {
  return withExample(command.option('--json', 'print JSON in the names of the contract', false), example);
}

/** A command that asks first. */
export function destructive(command: Command): Command {
  return command.option('--yes', 'do not ask', false);
}

/** Collects an option that may be given several times. */
export function repeated(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}
