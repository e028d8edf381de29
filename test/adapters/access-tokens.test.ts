import { createPrivateKey } from 'node:crypto';
import { exportPKCS8, generateKeyPair } from 'jose';
import { expect, test } from 'vitest';
import { createAccessTokens } from '../../src/adapters/access-tokens.ts';
import { systemRandom } from '../../src/adapters/random.ts';

const start = new Date('2026-11-25T12:00:00Z');

/** Tokens over one key that can be taken away or changed, and a clock that can be moved. */
async function createTokens() {
  const pair = await generateKeyPair('EdDSA', { extractable: true });
  const signer = { kid: 'one', key: createPrivateKey(await exportPKCS8(pair.privateKey)) };
  let now = start;
  let verifier: CryptoKey | undefined = pair.publicKey;
  const tokens = createAccessTokens({
    ring: {
      signer: () => signer,
      verifier: (kid) => (kid === 'one' ? verifier : undefined),
      jwks: () => ({ keys: [] }),
      applications: {
        signer: () => signer,
        verifier: () => undefined,
        everyVerifier: () => undefined,
        jwks: () => ({ keys: [] }),
      },
      reload: async () => {},
    },
    issuer: 'https://id.example.com',
    clock: () => now,
    random: systemRandom,
  });
  const claims = {
    tenantId: systemRandom.uuid(),
    userId: systemRandom.uuid(),
    sessionId: systemRandom.uuid(),
    level: 'signed-in',
    authTime: start,
    jkt: undefined,
    amr: ['pwd'],
  } as const;
  return {
    tokens,
    token: await tokens.sign(claims),
    claims,
    advance: (seconds: number) => {
      now = new Date(now.getTime() + seconds * 1000);
    },
    setVerifier: (key: CryptoKey | undefined) => {
      verifier = key;
    },
  };
}

test('a cached verification returns the same claims', async () => {
  const { tokens, token, claims } = await createTokens();
  const first = await tokens.verify(token);
  expect(first).toMatchObject(claims);
  expect(await tokens.verify(token)).toEqual(first);
});

test('rejects a cached token once it expires', async () => {
  const { tokens, token, advance } = await createTokens();
  expect(await tokens.verify(token)).toBeDefined();
  // 10 minutes, and the 30 s that clocks may be apart.
  advance(629);
  expect(await tokens.verify(token)).toBeDefined();
  advance(1);
  expect(await tokens.verify(token)).toBeUndefined();
});

test('rejects a cached token once its key is gone or replaced', async () => {
  const { tokens, token, setVerifier } = await createTokens();
  expect(await tokens.verify(token)).toBeDefined();
  setVerifier((await generateKeyPair('EdDSA')).publicKey);
  expect(await tokens.verify(token)).toBeUndefined();
  setVerifier(undefined);
  expect(await tokens.verify(token)).toBeUndefined();
});

test('rejects a cached token of another kind', async () => {
  const { tokens, token, claims } = await createTokens();
  expect(await tokens.verify(token)).toBeDefined();
  expect(await tokens.verifyPending(token)).toBeUndefined();
  const challengeId = systemRandom.uuid();
  const pending = await tokens.signPending({ ...claims, challengeId });
  expect(await tokens.verifyPending(pending)).toMatchObject({ challengeId });
  expect(await tokens.verify(pending)).toBeUndefined();
});

test('rejects a token that differs from a cached one by its signature', async () => {
  const { tokens, token } = await createTokens();
  expect(await tokens.verify(token)).toBeDefined();
  const [header, payload, signature = ''] = token.split('.');
  const other = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
  expect(await tokens.verify(`${header}.${payload}.${other}`)).toBeUndefined();
});
