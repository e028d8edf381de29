import { CommanderError } from 'commander';
import { exitCodeOf, exitCodes } from '../composition/exit-codes.ts';
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
  try {
    await createProgram(env).parseAsync(argv);
    return exitCodes.done;
  } catch (error) {
    // The parser has said itself what it did not understand.
    if (!(error instanceof CommanderError)) complain(error);
    return exitCodeOf(error);
  }
}
