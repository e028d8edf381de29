import { pbkdf2, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { compare as compareBcrypt } from 'bcrypt';
import { parseArgon2, verifyArgon2 } from './argon2.ts';

// Hashes that other systems made, verified as they are. All of them run in libuv's pool.
// Each scheme has a bound on its cost: a hash from outside must not hold the service up.

type Scheme = {
  readonly form: RegExp;
  /** Undefined: the text is not one of this scheme that we are willing to compute. */
  readonly verifier: (match: RegExpExecArray) => ((password: string) => Promise<boolean>) | undefined;
};

const derivePbkdf2 = promisify(pbkdf2);
const deriveScrypt = promisify(
  scrypt as (
    password: string,
    salt: Buffer,
    length: number,
    options: object,
    done: (error: Error | null, key: Buffer) => void,
  ) => void,
);

const maxIterations = 5_000_000;
const maxBcryptCost = 15;
const maxArgonKiB = 1_048_576;
const maxArgonPasses = 20;
const maxArgonLanes = 16;
/** 128 · N · r bytes: 256 MiB. */
const maxScryptBytes = 268_435_456;
const maxKeyBytes = 128;
const digests = new Set(['sha1', 'sha256', 'sha512']);

/** Base64 of the PHC format and of passlib, which writes `.` for `+`; some libraries pad it. */
function fromBase64(text: string): Buffer {
  return Buffer.from(text.replaceAll('.', '+'), 'base64');
}

function equal(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Whether a tag is too long to be hit by chance. */
function isLongEnough(tag: Buffer): boolean {
  return tag.length >= 16;
}

function pbkdf2Verifier(digest: string, iterations: number, salt: Buffer, wanted: Buffer) {
  // A key may be longer than the digest is (RFC 8018, section 5.2): 64 bytes is a library's default.
  const isSound = digests.has(digest) && isLongEnough(wanted) && wanted.length <= maxKeyBytes;
  if (!isSound || !(iterations >= 1 && iterations <= maxIterations)) return undefined;
  return async (password: string) =>
    equal(await derivePbkdf2(password, salt, iterations, wanted.length, digest), wanted);
}

const schemes: readonly Scheme[] = [
  {
    form: /^\$argon2/,
    verifier: ({ input }) => {
      const hash = parseArgon2(input);
      const isSound =
        hash !== undefined &&
        hash.memoryKiB <= maxArgonKiB &&
        hash.passes <= maxArgonPasses &&
        hash.lanes <= maxArgonLanes;
      return isSound ? (password) => verifyArgon2(hash, password) : undefined;
    },
  },
  {
    // `$2y$` is PHP's name for what others call `$2b$`.
    form: /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/,
    verifier: ([hash, cost]) =>
      Number(cost) >= 4 && Number(cost) <= maxBcryptCost
        ? (password) => compareBcrypt(password, hash.replace(/^\$2y/, '$2b'))
        : undefined,
  },
  {
    form: /^\$pbkdf2-(sha1|sha256|sha512)\$i=(\d+)(?:,l=\d+)?\$([A-Za-z0-9+/]+={0,2})\$([A-Za-z0-9+/]+={0,2})$/,
    verifier: ([, digest = '', iterations, salt = '', hash = '']) =>
      pbkdf2Verifier(digest, Number(iterations), fromBase64(salt), fromBase64(hash)),
  },
  {
    // passlib's, whose name for SHA-1 says nothing.
    form: /^\$pbkdf2(?:-(sha1|sha256|sha512))?\$(\d+)\$([A-Za-z0-9./+]+={0,2})\$([A-Za-z0-9./+]+={0,2})$/,
    verifier: ([, digest = 'sha1', iterations, salt = '', hash = '']) =>
      pbkdf2Verifier(digest, Number(iterations), fromBase64(salt), fromBase64(hash)),
  },
  {
    // Django's, whose salt is the text itself.
    form: /^pbkdf2_(sha1|sha256)\$(\d+)\$([A-Za-z0-9]+)\$([A-Za-z0-9+/]+=*)$/,
    verifier: ([, digest = '', iterations, salt = '', hash = '']) =>
      pbkdf2Verifier(digest, Number(iterations), Buffer.from(salt), Buffer.from(hash, 'base64')),
  },
  {
    form: /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([A-Za-z0-9+/]+={0,2})\$([A-Za-z0-9+/]+={0,2})$/,
    verifier: ([, ln, r, p, salt = '', hash = '']) => {
      const [N, wanted] = [2 ** Number(ln), fromBase64(hash)];
      const bytes = 128 * N * Number(r);
      const isSound = Number(ln) >= 1 && Number(r) >= 1 && Number(p) >= 1 && isLongEnough(wanted);
      if (!isSound || !(bytes <= maxScryptBytes) || Number(p) > 16 || wanted.length > 64) return undefined;
      const options = { N, r: Number(r), p: Number(p), maxmem: 2 * bytes + 1024 };
      return async (password) =>
        equal(await deriveScrypt(password, fromBase64(salt), wanted.length, options), wanted);
    },
  },
];

/** The comparison for a hash of another system; undefined where its scheme is unknown. */
export function foreignVerifier(hash: string): ((password: string) => Promise<boolean>) | undefined {
  for (const { form, verifier } of schemes) {
    const match = form.exec(hash);
    if (match === null) continue;
    const compare = verifier(match);
    // HMAC pads keys with NUL and bcrypt ends at one: with it, other passwords would be right too.
    return compare && (async (password) => !password.includes('\0') && (await compare(password)));
  }
  return undefined;
}

/** The bytes that bcrypt looks at (Provos and Mazières, 1999, section 4). */
const maxBcryptBytes = 72;

/** Whether a hash was made of all of a password, so that no other one compares equal. */
export function comparesWhole(hash: string, password: string): boolean {
  return !/^\$2[aby]\$/.test(hash) || Buffer.byteLength(password) <= maxBcryptBytes;
}
