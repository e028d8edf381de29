import { type CryptoKey, importJWK, type JWK } from 'jose';
import type { Vault } from '../domain/ports.ts';
import type { KeyRepository } from '../domain/repositories.ts';
import { signingKeyPurpose } from './keys.ts';

export type KeyRing = {
  /** The key to sign with. */
  signer(): { readonly kid: string; readonly key: CryptoKey };
  /** The public key of that id; undefined for an id that is not ours, which nothing is fetched for (R13). */
  verifier(kid: string): CryptoKey | undefined;
  /** The public keys, those that will sign next included (RFC 7517, section 5). */
  jwks(): { readonly keys: readonly Record<string, unknown>[] };
  /** Reads the keys again; where that fails the last good set stays. */
  reload(): Promise<void>;
};

/** Loads the signing keys of the deployment. */
export async function loadKeyRing(keys: KeyRepository, vault: Vault): Promise<KeyRing> {
  let signer: { kid: string; key: CryptoKey } | undefined;
  let verifiers = new Map<string, CryptoKey>();
  let published: Record<string, unknown>[] = [];

  const load = async () => {
    const rows = await keys.listSigningKeys();
    const active = rows.findLast(({ state }) => state === 'active');
    if (active === undefined) throw new Error('there is no active signing key');
    if (signer?.kid !== active.id) {
      const jwk = JSON.parse(vault.open(signingKeyPurpose, active.id, active.sealed).toString()) as JWK;
      signer = { kid: active.id, key: (await importJWK(jwk, 'EdDSA')) as CryptoKey };
    }
    const imported = new Map(verifiers);
    for (const { id, publicJwk } of rows) {
      if (!imported.has(id)) imported.set(id, (await importJWK(publicJwk as JWK, 'EdDSA')) as CryptoKey);
    }
    verifiers = new Map(rows.flatMap(({ id }) => [[id, imported.get(id)] as [string, CryptoKey]]));
    published = rows.map(({ publicJwk }) => publicJwk);
  };
  await load();

  return {
    signer() {
      if (signer === undefined) throw new Error('there is no active signing key');
      return signer;
    },
    verifier: (kid) => verifiers.get(kid),
    jwks: () => ({ keys: published }),
    reload: load,
  };
}
