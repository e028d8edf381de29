import { randomBytes } from 'node:crypto';
import { argon2id, hash, needsRehash, verify } from 'argon2';
import type { PasswordHasher } from '../domain/ports.ts';
import { createWorkQueue } from './work-queue.ts';

export type HashProfile = {
  readonly memoryKiB: number;
  readonly passes: number;
};

/** What production asks for at least (OWASP Password Storage Cheat Sheet; R1). */
export const floorProfile: HashProfile = { memoryKiB: 19_456, passes: 2 };

/** How many callers may wait for a hash, and how long (R6). */
const maxWaiting = 64;
const maxWaitMs = 2000;

/**
 * argon2id with 16 bytes of salt and 32 of tag, in libuv's pool and therefore off the
 * event loop, as many at a time as there are cores.
 */
export async function createPasswordHasher(
  profile: HashProfile,
  cores: number,
  onHash: () => void = () => {},
): Promise<PasswordHasher> {
  const run = createWorkQueue({ concurrency: cores, maxWaiting, maxWaitMs });
  const parameters = { memoryCost: profile.memoryKiB, timeCost: profile.passes, parallelism: 1 };
  const make = (password: string) => hash(password, { ...parameters, type: argon2id, hashLength: 32 });
  const dummy = await make(randomBytes(32).toString('hex'));

  return {
    hash: (password) => {
      onHash();
      return run(() => make(password));
    },
    verify: async (phc, password) => {
      onHash();
      const right = await run(() => verify(phc ?? dummy, password));
      return right && phc !== undefined;
    },
    needsRehash: (phc) => needsRehash(phc, parameters),
  };
}
