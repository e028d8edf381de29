import { createHash, randomBytes } from 'node:crypto';
import { type HashProfile, normalizePassword, type PasswordHasher } from '../domain/password.ts';
import { hashArgon2, parseArgon2, verifyArgon2 } from './argon2.ts';
import { comparesWhole, foreignVerifier } from './foreign-hash.ts';
import { createWorkQueue } from './work-queue.ts';

export type PasswordHasherOptions = {
  readonly profile: HashProfile;
  /** Number of concurrent hashes. */
  readonly cores: number;
  /** A secret beside the database without which no hash can be tried (R2). Undefined: none. */
  readonly pepper?: Buffer | undefined;
  /** Called with every hash that is made or checked. */
  readonly onHash?: (() => void) | undefined;
};

/** Limits of callers that wait for a hash, and of their wait (R6). */
const maxWaiting = 64;
const maxWaitMs = 2000;

/** The prefix of a PHC string that was made with a pepper: the id of that pepper. */
const peppered = /^pepper:([0-9a-f]{8}):/;

function pepperIdOf(pepper: Buffer | undefined): string | undefined {
  return pepper && createHash('sha256').update(pepper).digest('hex').slice(0, 8);
}

/** The test whether a hash can be verified here: its scheme is known, and its pepper, if it has one, is the configured one. */
export function passwordHashTest(pepper: Buffer | undefined): (hash: string) => boolean {
  const ours = pepperIdOf(pepper);
  return (hash) => {
    const id = peppered.exec(hash)?.[1];
    return (id === undefined || id === ours) && foreignVerifier(hash.replace(peppered, '')) !== undefined;
  };
}

/** The spellings that a hash of another system may be of: as typed, then normalized. */
function spellingsOf(password: string): readonly string[] {
  return [...new Set([password, normalizePassword(password)])];
}

async function matchesAny(
  compare: (text: string) => Promise<boolean>,
  texts: readonly string[],
): Promise<boolean> {
  for (const text of texts) if (await compare(text)) return true;
  return false;
}

/**
 * argon2id with 16 bytes of salt and 32 of tag, in libuv's pool and therefore off the
 * event loop, as many at a time as there are cores.
 */
export async function createPasswordHasher(options: PasswordHasherOptions): Promise<PasswordHasher> {
  const { profile, cores, pepper, onHash = () => {} } = options;
  const cost = { memoryKiB: profile.memoryKiB, passes: profile.passes, lanes: 1 };
  const pepperId = pepperIdOf(pepper);
  const prefix = pepperId === undefined ? '' : `pepper:${pepperId}:`;

  const make = async (password: string, salt: Buffer = randomBytes(16)) => {
    const input = { variant: 'argon2id', ...cost, salt, secret: pepper, length: 32 } as const;
    return prefix + (await hashArgon2(input, password));
  };
  const check = async (stored: string, password: string) => {
    const id = peppered.exec(stored)?.[1];
    const phc = stored.replace(peppered, '');
    const argon2 = parseArgon2(phc);
    if (argon2?.variant !== 'argon2id') {
      const foreign = foreignVerifier(phc);
      if (foreign === undefined) throw new Error('a stored password hash is of no known scheme');
      return await matchesAny(foreign, spellingsOf(password));
    }
    // Made with a pepper that we do not have: the work is done, and never right.
    const own = (text: string) => verifyArgon2(argon2, text, id === undefined ? undefined : pepper);
    // Argon2 of another system looks like ours, and may be of the password as it was typed.
    const right = await matchesAny(
      own,
      id === undefined ? spellingsOf(password) : [normalizePassword(password)],
    );
    return right && (id === undefined || id === pepperId);
  };
  const startedAt = performance.now();
  const dummy = await make(randomBytes(32).toString('hex'));
  const typicalMs = performance.now() - startedAt;
  const queue = createWorkQueue({ concurrency: cores, maxWaiting, maxWaitMs, typicalMs });

  return {
    admit: ({ tenant, deadline }) => queue.admit(tenant.id, deadline),
    hash: ({ tenant, deadline }, password, salt) => {
      onHash();
      return queue.run(tenant.id, deadline, () => make(password, salt));
    },
    verify: async ({ tenant, deadline }, phc, password) => {
      onHash();
      const right = await queue.run(tenant.id, deadline, () => check(phc ?? dummy, password));
      return right && phc !== undefined;
    },
    needsRehash: (phc, password) => {
      if (!phc.startsWith(`${prefix}$argon2id$`)) return comparesWhole(phc, password);
      const made = parseArgon2(phc.replace(peppered, ''));
      return (Object.keys(cost) as (keyof typeof cost)[]).some((key) => made?.[key] !== cost[key]);
    },
    canVerify: passwordHashTest(pepper),
    load: queue.load,
  };
}
