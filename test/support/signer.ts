import { decodeJwt, decodeProtectedHeader, type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose';
import { loadKeyRing } from '../../src/adapters/key-ring.ts';
import { openVault } from '../../src/adapters/keys.ts';
import { systemRandom } from '../../src/adapters/random.ts';
import { masterKeys, type TestApp } from './app.ts';

/** Signs changed copies of a genuine token with the server's own key: what only a defect of this service could make. */
export async function createSigner(test: TestApp, genuine: string) {
  const { keys } = test.app.store;
  const clock = () => new Date();
  const vault = await openVault({ keys, masterKeys, random: systemRandom, clock });
  const { key } = (await loadKeyRing(keys, vault, clock)).signer();
  const header = decodeProtectedHeader(genuine) as JWTHeaderParameters;
  const payload: JWTPayload = decodeJwt(genuine);
  const sign = (changes: { header?: object; payload?: object } = {}) =>
    new SignJWT({ ...payload, ...changes.payload })
      .setProtectedHeader({ ...header, alg: 'EdDSA', ...changes.header })
      .sign(key);
  return { header, payload, sign };
}
