import type { Config } from '../config/config.ts';
import { CommandError, exitCodes } from './exit-codes.ts';
import { say } from './terminal.ts';

/** The port of the emulators, so that their address stays the same from start to start; another one where it is taken. */
const usualPort = 8099;

/** Starts what stands in for the identity providers, and points the configuration at it. */
export async function withEmulators(config: Config): Promise<Config> {
  if (config.production)
    throw new CommandError('--with-emulators is for development: it lets anybody in', exitCodes.usage);
  const { startEmulators } = await import('../dev/emulators.ts');
  const { url } = await startEmulators(usualPort).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    return startEmulators(0);
  });
  say(`manam: not Google, nor any other identity provider, on ${url}`);
  return { ...config, providerEmulatorUrl: url };
}
