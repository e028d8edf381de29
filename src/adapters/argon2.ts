import { timingSafeEqual } from 'node:crypto';
import { hashRaw } from '@node-rs/argon2';

/** A parsed PHC string of Argon2 version 19 (RFC 9106). */
export type Argon2Hash = {
  readonly variant: 'argon2d' | 'argon2i' | 'argon2id';
  readonly memoryKiB: number;
  readonly passes: number;
  readonly lanes: number;
  readonly salt: Buffer;
  readonly tag: Buffer;
};

/** The parameters of a tag. */
export type Argon2Input = Omit<Argon2Hash, 'tag'> & {
  /** The secret beside the database; undefined: none. */
  readonly secret?: Buffer | undefined;
  /** Length of the tag, in bytes. */
  readonly length: number;
};

/** The variants as RFC 9106, section 3.2, numbers them. */
const numbers = { argon2d: 0, argon2i: 1, argon2id: 2 };

/** Computes a tag in libuv's pool, off the event loop. */
async function computeTag(
  { variant, memoryKiB, passes, lanes, salt, secret, length }: Argon2Input,
  password: string,
): Promise<Buffer> {
  return await hashRaw(password, {
    algorithm: numbers[variant],
    memoryCost: memoryKiB,
    timeCost: passes,
    parallelism: lanes,
    outputLen: length,
    salt,
    ...(secret && { secret }),
  });
}

const toBase64 = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '');

/** Hashes a password into a PHC string. */
export async function hashArgon2(input: Argon2Input, password: string): Promise<string> {
  const { variant, memoryKiB, passes, lanes, salt } = input;
  const tag = await computeTag(input, password);
  return `$${variant}$v=19$m=${memoryKiB},t=${passes},p=${lanes}$${toBase64(salt)}$${toBase64(tag)}`;
}

/** Libraries write the parameters in different orders, and some pad their base64. */
const form =
  /^\$(argon2(?:id|i|d))\$v=19\$([mtp]=\d+,[mtp]=\d+,[mtp]=\d+)\$([A-Za-z0-9+/]{11,86})={0,2}\$([A-Za-z0-9+/]{22,86})={0,2}$/;

/** The most that the parameters may be (RFC 9106, section 3.1); those of more lanes are made nowhere. */
const [largest, mostLanes] = [2 ** 32 - 1, 255];

/** Reads a PHC string; undefined where it is none of a hash that Argon2 could have made. */
export function parseArgon2(phc: string): Argon2Hash | undefined {
  const [, variant, parameters = '', salt = '', tag = ''] = form.exec(phc) ?? [];
  const numbersOf = new Map(parameters.split(',').map((each) => [each[0], Number(each.slice(2))]));
  const [memoryKiB = 0, passes = 0, lanes = 0] = ['m', 't', 'p'].map((name) => numbersOf.get(name));
  if (!(lanes >= 1 && passes >= 1 && memoryKiB >= 8 * lanes)) return undefined;
  if (lanes > mostLanes || passes > largest || memoryKiB > largest) return undefined;
  return {
    variant: variant as Argon2Hash['variant'],
    memoryKiB,
    passes,
    lanes,
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  };
}

/** Whether a hash was made of that password, and of that secret where one is given. */
export async function verifyArgon2(
  { tag, ...made }: Argon2Hash,
  password: string,
  secret?: Buffer,
): Promise<boolean> {
  return timingSafeEqual(await computeTag({ ...made, secret, length: tag.length }, password), tag);
}
