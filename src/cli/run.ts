import { Code, ConnectError } from '@connectrpc/connect';
import { type Command, CommanderError } from 'commander';
import { CommandError, exitCodeOf, exitCodes } from '../composition/exit-codes.ts';
import { complain } from '../composition/terminal.ts';
import { createProgram } from './program.ts';

/** Runs a command line; returns the code to exit with. A service that was started continues after that. */
export async function run(
  env: Readonly<Record<string, string | undefined>>,
  argv: readonly string[],
): Promise<number> {
  // A reader that has seen enough, such as `head`, is no failure.
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit(exitCodes.done);
    });
  let running: Command | undefined;
  try {
    const program = createProgram(env, argv.slice(2)).hook('preAction', (_, command) => {
      running = command;
    });
    await program.parseAsync(argv);
    return exitCodes.done;
  } catch (error) {
    // The parser has said itself what it did not understand.
    if (!(error instanceof CommanderError)) complain(missingIn(running, error) ?? error);
    return exitCodeOf(error);
  }
}

/** The arguments of a command that got NOT_FOUND: the error does not name which of them is unknown. */
function missingIn(command: Command | undefined, error: unknown): CommandError | undefined {
  if (!(error instanceof ConnectError) || error.code !== Code.NotFound || command === undefined)
    return undefined;
  const { tenant, user } = command.opts<{ tenant?: string; user?: string }>();
  const given = command.registeredArguments.map((argument, index): [string, unknown] => [
    argument.name(),
    command.processedArgs[index],
  ]);
  const named = [...given, ['user', user] as const, ['tenant', tenant] as const]
    .filter(([, value]) => typeof value === 'string')
    .map((pair) => pair.join(' '));
  return named.length === 0
    ? undefined
    : new CommandError(`not found: ${named.join(', ')}`, exitCodes.notFound);
}
