import type { Config } from '../config/config.ts';
import { CommandError, exitCodes } from './exit-codes.ts';
import { say } from './terminal.ts';

/** The port of the emulator, so that its address stays the same from start to start; another one where it is taken. */
const usualPort = 8099;

/** Starts the Google that is not Google, and points the configuration at it. */
export async function withEmulatedGoogle(config: Config): Promise<Config> {
  if (config.production) {
    throw new CommandError('--with-google-emulator is for development: it lets anybody in', exitCodes.usage);
  }
  const { startGoogleEmulator } = await import('../dev/google-emulator.ts');
  const { url } = await startGoogleEmulator(usualPort).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    return startGoogleEmulator(0);
  });
  say(`manam: not Google on ${url}`);
  return { ...config, googleEmulatorUrl: url };
}
