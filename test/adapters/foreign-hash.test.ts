import { expect, test } from 'vitest';
import { foreignVerifier } from '../../src/adapters/foreign-hash.ts';

const base64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64').replace(/=+$/, '');

/** Vectors of the schemes' own specifications and reference implementations. */
const vectors: [source: string, password: string, hash: string][] = [
  ['crypt_blowfish', 'U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['crypt_blowfish, as PHP names it', 'U*U', '$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  [
    'the reference implementation of Argon2',
    'password',
    `$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$${base64('09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7')}`,
  ],
  [
    'RFC 6070',
    'password',
    `$pbkdf2-sha1$i=4096$c2FsdA$${base64('4b007901b765489abead49d926f721d065a429c1')}`,
  ],
  [
    'RFC 6070, as Django writes it',
    'password',
    `pbkdf2_sha1$4096$salt$${base64('4b007901b765489abead49d926f721d065a429c1')}=`,
  ],
  [
    'passlib',
    'toomanysecrets',
    '$pbkdf2-sha256$29000$N2YMIWQsBWBMae09x1jrPQ$1t8iyB2A.WF/Z5JZv.lfCIhXXN33N23OSgQYThBYRfk',
  ],
  [
    'RFC 7914',
    'password',
    `$scrypt$ln=10,r=8,p=16$TmFDbA$${base64('fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640')}`,
  ],
];
for (const [source, password, hash] of vectors) {
  test(`a hash of ${source} is verified as it is`, async () => {
    expect(await foreignVerifier(hash)?.(password)).toBe(true);
    expect(await foreignVerifier(hash)?.(`${password} `)).toBe(false);
  });
}

const bcryptTail = 'CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';
test.each([
  ['a bcrypt that takes minutes', `$2b$20$${bcryptTail}`],
  ['a bcrypt below the least cost', `$2b$03$${bcryptTail}`],
  ['an Argon2 that takes all memory', '$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$c29tZXNhbHRzb21lc2FsdA'],
  ['a PBKDF2 that takes minutes', '$pbkdf2-sha1$i=50000000$c2FsdA$SwB5AbdlSJq+rUnZJvch0GWkKcE'],
  ['a PBKDF2 of a digest that nobody knows', '$pbkdf2-md5$i=1000$c2FsdA$SwB5AbdlSJq+rUnZJvch0GWkKcE'],
  ['an scrypt that takes all memory', '$scrypt$ln=24,r=8,p=1$TmFDbA$c29tZXNhbHRzb21lc2FsdA'],
  ['an Argon2 without a pass', '$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ$c29tZXNhbHRzb21lc2FsdA'],
  [
    'an Argon2 that says one thing thrice',
    '$argon2id$v=19$m=64,m=64,m=64$c29tZXNhbHQ$c29tZXNhbHRzb21lc2FsdA',
  ],
  ['an scrypt of no blocks', '$scrypt$ln=4,r=0,p=1$TmFDbA$c29tZXNhbHRzb21lc2FsdA'],
  ['a PBKDF2 too short to prove anything', '$pbkdf2-sha1$i=1$c2FsdA$AAAA'],
  ['a plain password', 'password'],
  ['an MD5', '5f4dcc3b5aa765d61d8327deb882cf99'],
  ['nothing', ''],
])('%s is no hash that is computed', (_, hash) => {
  expect(foreignVerifier(hash)).toBeUndefined();
});
