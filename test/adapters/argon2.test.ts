import { argon2Sync, randomBytes, randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { type Argon2Input, hashArgon2, parseArgon2, verifyArgon2 } from '../../src/adapters/argon2.ts';

/** Anything that the PHC form can hold, at a cost that a test can pay. */
function anyInput(): Argon2Input {
  const lanes = randomInt(1, 17);
  return {
    variant: (['argon2d', 'argon2i', 'argon2id'] as const)[randomInt(3)] ?? 'argon2id',
    lanes,
    memoryKiB: 8 * lanes + randomInt(200),
    passes: randomInt(1, 4),
    salt: randomBytes(randomInt(8, 65)),
    length: randomInt(16, 65),
    ...(randomInt(2) === 1 && { secret: randomBytes(randomInt(1, 65)) }),
  };
}

test('hashes are those of OpenSSL, whatever the cost, the salt and the secret', async () => {
  for (let round = 0; round < 100; round += 1) {
    const input = anyInput();
    const password = randomBytes(randomInt(0, 100)).toString('base64');
    const { variant, memoryKiB: memory, passes, lanes: parallelism, salt: nonce, secret, length } = input;
    const cost = { memory, passes, parallelism, tagLength: length };
    const hash = parseArgon2(await hashArgon2(input, password));
    expect(hash?.tag, JSON.stringify(input)).toEqual(
      argon2Sync(variant, { message: password, nonce, ...cost, ...(secret && { secret }) }),
    );
    expect(hash && (await verifyArgon2(hash, password, secret))).toBe(true);
    expect(hash && (await verifyArgon2(hash, `${password}.`, secret))).toBe(false);
    expect(hash && (await verifyArgon2(hash, password, Buffer.from('another')))).toBe(false);
  }
});

test('a hash that a version before this one made is verified', async () => {
  const hash = parseArgon2(
    '$argon2id$v=19$m=19456,p=1,t=2$ICEiIyQlJicoKSorLC0uLw$fwNzy71Bw2j7exE65gui0KDUwnB0nI6d91245QMumXA',
  );
  expect(hash && (await verifyArgon2(hash, 'quiet-orbit-lantern-47'))).toBe(true);
});

test.each([
  ['nothing', ''],
  ['an Argon2 before version 19', '$argon2id$v=16$m=64,t=1,p=1$c29tZXNhbHQ$c29tZXNhbHRzb21lc2FsdA'],
  ['a parameter that is named twice', '$argon2id$v=19$m=64,m=64,p=1$c29tZXNhbHQ$c29tZXNhbHRzb21lc2FsdA'],
  ['less memory than the lanes need', '$argon2id$v=19$m=15,t=1,p=2$c29tZXNhbHQ$c29tZXNhbHRzb21lc2FsdA'],
  ['a salt of seven bytes', '$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbA$c29tZXNhbHRzb21lc2FsdA'],
  [
    'more memory than a number of 32 bits says',
    '$argon2id$v=19$m=4294967304,t=1,p=1$c29tZXNhbHQ$c29tZXNhbHRzb21lc2FsdA',
  ],
  ['text after its end', '$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$c29tZXNhbHRzb21lc2FsdA$'],
])('%s is no hash', (_, text) => {
  expect(parseArgon2(text)).toBeUndefined();
});
