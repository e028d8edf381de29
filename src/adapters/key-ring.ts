import { createPrivateKey, type KeyObject, type webcrypto } from 'node:crypto';
import { type CryptoKey, importJWK, type JWK } from 'jose';
import type { Clock } from '../domain/clock.ts';
import type { SigningAlgorithm } from '../domain/signing-algorithm.ts';
import {
  type ApplicationKeyRow,
  activeKey,
  applicationKeyAlgorithms,
  applicationRetirementMs,
  type KeyRepository,
  publishedKeys,
  type SigningKeyRow,
} from '../domain/signing-key.ts';
import type { Vault } from '../domain/vault.ts';
import { applicationKeyPurpose, signingKeyPurpose } from './keys.ts';

type Signer = { readonly kid: string; readonly key: KeyObject };
type Jwks = { readonly keys: readonly Record<string, unknown>[] };

export type KeyRing = {
  /** The key to sign sessions with now. */
  signer(): Signer;
  /** The public key of that id; undefined for an id that is not ours, which nothing is fetched for (R13). */
  verifier(kid: string): CryptoKey | undefined;
  /** The public keys, those that will sign next included (RFC 7517, section 5). */
  jwks(): Jwks;
  /** The same for tokens of applications, by algorithm: Ed25519 is the one key of both. */
  readonly applications: {
    signer(algorithm: SigningAlgorithm): Signer;
    verifier(kid: string): { readonly key: CryptoKey; readonly algorithm: SigningAlgorithm } | undefined;
    /** The same also for a key that is no longer published: for hints alone, which prove nothing. */
    everyVerifier(kid: string): ReturnType<KeyRing['applications']['verifier']>;
    jwks(): Jwks;
  };
  /** Reads the keys again; where that fails the last good set stays. */
  reload(): Promise<void>;
};

type Member = {
  readonly id: string;
  readonly algorithm: SigningAlgorithm;
  readonly activatesAt: Date;
  readonly publicJwk: Record<string, unknown>;
  readonly publicKey: CryptoKey;
  readonly privateKey: KeyObject;
};

type Row = SigningKeyRow & Partial<Pick<ApplicationKeyRow, 'algorithm'>>;

/** Loads the signing keys of the deployment; which of them signs follows from the time. */
export async function loadKeyRing(keys: KeyRepository, vault: Vault, clock: Clock): Promise<KeyRing> {
  let members = new Map<string, Member>();

  async function open(row: Row): Promise<Member> {
    const { id, sealed, activatesAt, publicJwk, algorithm = 'EdDSA' } = row;
    const known = members.get(id);
    if (known !== undefined) return known;
    const purpose = row.algorithm === undefined ? signingKeyPurpose : applicationKeyPurpose;
    const secret = JSON.parse(vault.open(purpose, id, sealed).toString()) as webcrypto.JsonWebKey;
    const publicKey = (await importJWK(publicJwk as JWK, algorithm)) as CryptoKey;
    const privateKey = createPrivateKey({ key: secret, format: 'jwk' });
    return { id, algorithm, activatesAt, publicJwk, publicKey, privateKey };
  }

  const of = (algorithm: SigningAlgorithm) =>
    [...members.values()].filter((member) => member.algorithm === algorithm);

  const load = async () => {
    const rows: Row[] = [...(await keys.listSigningKeys()), ...(await keys.listApplicationKeys())];
    const loaded = await Promise.all(rows.map(open));
    if (
      activeKey(
        loaded.filter(({ algorithm }) => algorithm === 'EdDSA'),
        clock(),
      ) === undefined
    )
      throw new Error('there is no active signing key');
    members = new Map(loaded.map((member) => [member.id, member]));
  };
  await load();

  const ofSessions = () => publishedKeys(of('EdDSA'), clock());
  const ofApplications = () =>
    [...applicationKeyAlgorithms, 'EdDSA' as const].flatMap((algorithm) =>
      publishedKeys(of(algorithm), clock(), applicationRetirementMs),
    );
  const toJwks = (published: readonly Member[]): Jwks => ({
    keys: published.map(({ publicJwk }) => publicJwk),
  });

  function signer(algorithm: SigningAlgorithm): Signer {
    const active = activeKey(of(algorithm), clock());
    if (active === undefined) throw new Error(`there is no active key for ${algorithm}`);
    return { kid: active.id, key: active.privateKey };
  }

  return {
    signer: () => signer('EdDSA'),
    verifier: (kid) => ofSessions().find(({ id }) => id === kid)?.publicKey,
    jwks: () => toJwks(ofSessions()),
    applications: {
      signer,
      verifier(kid) {
        const found = ofApplications().find(({ id }) => id === kid);
        return found && { key: found.publicKey, algorithm: found.algorithm };
      },
      everyVerifier(kid) {
        const found = members.get(kid);
        return found && { key: found.publicKey, algorithm: found.algorithm };
      },
      jwks: () => toJwks(ofApplications()),
    },
    reload: load,
  };
}
