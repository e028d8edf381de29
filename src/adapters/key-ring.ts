import { createPrivateKey, type KeyObject, type webcrypto } from 'node:crypto';
import { type CryptoKey, importJWK, type JWK } from 'jose';
import type { Clock } from '../domain/clock.ts';
import { activeKey, type KeyRepository, publishedKeys } from '../domain/signing-key.ts';
import type { Vault } from '../domain/vault.ts';
import { signingKeyPurpose } from './keys.ts';

export type KeyRing = {
  /** The key to sign with now. */
  signer(): { readonly kid: string; readonly key: KeyObject };
  /** The public key of that id; undefined for an id that is not ours, which nothing is fetched for (R13). */
  verifier(kid: string): CryptoKey | undefined;
  /** The public keys, those that will sign next included (RFC 7517, section 5). */
  jwks(): { readonly keys: readonly Record<string, unknown>[] };
  /** Reads the keys again; where that fails the last good set stays. */
  reload(): Promise<void>;
};

type Member = {
  readonly id: string;
  readonly activatesAt: Date;
  readonly publicJwk: Record<string, unknown>;
  readonly publicKey: CryptoKey;
  readonly privateKey: KeyObject;
};

/** Loads the signing keys of the deployment; which of them signs follows from the time. */
export async function loadKeyRing(keys: KeyRepository, vault: Vault, clock: Clock): Promise<KeyRing> {
  let members = new Map<string, Member>();

  const load = async () => {
    const rows = await keys.listSigningKeys();
    if (activeKey(rows, clock()) === undefined) throw new Error('there is no active signing key');
    const loaded = new Map<string, Member>();
    for (const { id, sealed, activatesAt, publicJwk } of rows) {
      const known = members.get(id);
      const secret = () =>
        JSON.parse(vault.open(signingKeyPurpose, id, sealed).toString()) as webcrypto.JsonWebKey;
      const publicKey = known?.publicKey ?? (await importPublicKey(publicJwk));
      const privateKey = known?.privateKey ?? createPrivateKey({ key: secret(), format: 'jwk' });
      loaded.set(id, { id, activatesAt, publicJwk, publicKey, privateKey });
    }
    members = loaded;
  };
  await load();
  const published = () => publishedKeys([...members.values()], clock());

  return {
    signer() {
      const active = activeKey([...members.values()], clock());
      if (active === undefined) throw new Error('there is no active signing key');
      return { kid: active.id, key: active.privateKey };
    },
    verifier: (kid) => published().find(({ id }) => id === kid)?.publicKey,
    jwks: () => ({ keys: published().map(({ publicJwk }) => publicJwk) }),
    reload: load,
  };
}

async function importPublicKey(jwk: Record<string, unknown>): Promise<CryptoKey> {
  return (await importJWK(jwk as JWK, 'EdDSA')) as CryptoKey;
}
