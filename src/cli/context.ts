import type { Command } from 'commander';
import type { AdminClient, Needs } from '../composition/admin-client.ts';

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

/** A command that prints; with the example that its help ends with. */
export function printing(command: Command, example: string): Command {
  return command
    .option('--json', 'print JSON in the names of the contract', false)
    .addHelpText('after', `\nExample:\n  npm run manam -- ${example}`);
}

/** A command that asks first. */
export function destructive(command: Command): Command {
  return command.option('--yes', 'do not ask', false);
}

/** Collects an option that may be given several times. */
export function repeated(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}
