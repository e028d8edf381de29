import type { Config } from '../config.ts';
import { say } from './common.ts';
import { CommandError, exitCodes } from './exit-codes.ts';

type Emulator = { readonly url: string };

/** A port of its own, so that the address stays the same from start to start. */
const port = 8099;

/**
 * Starts the Google that is not Google, which stands in the test tree and is not
 * published, and points the configuration at it.
 */
export async function withEmulatedGoogle(config: Config): Promise<Config> {
  if (config.production) {
    throw new CommandError('--with-google-emulator is for development: it lets anybody in', exitCodes.usage);
  }
  const place = new URL('../../test/emulator/google.ts', import.meta.url).href;
  const found = (await import(place).catch(() => undefined)) as
    | { startGoogleEmulator(port: number): Promise<Emulator> }
    | undefined;
  if (found === undefined)
    throw new CommandError('the emulator is only in a checkout of the sources', exitCodes.usage);
  const { url } = await found.startGoogleEmulator(port);
  say(`manam: not Google on ${url}`);
  return { ...config, googleEmulatorUrl: url };
}
