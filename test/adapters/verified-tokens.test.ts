import { webcrypto } from 'node:crypto';
import { expect, test } from 'vitest';
import { createVerifiedTokens } from '../../src/adapters/verified-tokens.ts';

async function makeKey() {
  const { publicKey } = (await webcrypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as {
    publicKey: webcrypto.CryptoKey;
  };
  return publicKey;
}

async function scene() {
  let now = 1_000_000;
  const key = await makeKey();
  const keys = new Map([['one', key]]);
  const tokens = createVerifiedTokens(
    (kid) => keys.get(kid),
    () => new Date(now * 1000),
    30,
  );
  const kind = { typ: 'at+jwt', issuer: 'https://id.example' };
  const payload = { sub: 'somebody', exp: now + 600 };
  tokens.keep('a token', { ...kind, payload, kid: 'one', key });
  const later = (seconds: number) => {
    now += seconds;
  };
  return { tokens, keys, kind, payload, later };
}

test('a verified token is recalled as what it was verified, and as nothing else', async () => {
  const { tokens, kind, payload } = await scene();
  expect(tokens.recall('a token', kind)).toEqual(payload);
  expect(tokens.recall('a token', { ...kind, typ: 'mfa+jwt' })).toBeUndefined();
  expect(tokens.recall('a token', { ...kind, issuer: 'https://other.example' })).toBeUndefined();
  expect(tokens.recall('another token', kind)).toBeUndefined();
});

test('a verified token is forgotten at its end, the skew of clocks included', async () => {
  const { tokens, kind, payload, later } = await scene();
  later(629);
  expect(tokens.recall('a token', kind)).toEqual(payload);
  later(1);
  expect(tokens.recall('a token', kind)).toBeUndefined();
});

test('a verified token ends with its key, and with another key of the same name', async () => {
  const { tokens, keys, kind } = await scene();
  keys.set('one', await makeKey());
  expect(tokens.recall('a token', kind)).toBeUndefined();
  keys.clear();
  expect(tokens.recall('a token', kind)).toBeUndefined();
});
