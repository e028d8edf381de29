import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { MasterKeys } from '../adapters/keys.ts';
import type { Config } from '../config/config.ts';
import { makeWritable } from '../store/embedded/server.ts';

const fileName = 'master.key';
const nextFileName = 'master.key.next';

function makeKeyFile(file: string): void {
  makeWritable(dirname(file));
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('base64'), { mode: 0o600 });
}

function readKeyFile(file: string): Buffer {
  return Buffer.from(readFileSync(file, 'utf8'), 'base64');
}

/** The master keys of a configuration; in development they lie in the data folder, and no one has to make one. */
export function masterKeysOf({ masterKey, nextMasterKey, dataFolder }: Config): MasterKeys {
  if (masterKey !== undefined) return { current: masterKey, next: nextMasterKey };
  const [file, nextFile] = [join(resolve(dataFolder), fileName), join(resolve(dataFolder), nextFileName)];
  makeKeyFile(file);
  const next = nextMasterKey ?? (existsSync(nextFile) ? readKeyFile(nextFile) : undefined);
  return { current: readKeyFile(file), next };
}

/**
 * Makes the next master key of a data folder, to be taken over when everything is
 * sealed with it; until then both are there, whenever the process may stop. Undefined
 * where the configuration holds the master key, and so has to hold the next one.
 */
export function prepareNextMasterKey(config: Config): (() => void) | undefined {
  const { masterKey, nextMasterKey, dataFolder } = config;
  if (masterKey !== undefined) return undefined;
  const folder = resolve(dataFolder);
  // One that is given replaces the file's, and must be there before anything is sealed with it.
  if (nextMasterKey !== undefined)
    writeFileSync(join(folder, nextFileName), nextMasterKey.toString('base64'), { mode: 0o600 });
  else makeKeyFile(join(folder, nextFileName));
  return () => renameSync(join(folder, nextFileName), join(folder, fileName));
}
