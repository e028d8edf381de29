import { exportJWK, generateKeyPair } from 'jose';
import type { Clock } from '../domain/clock.ts';
import type { Random } from '../domain/random.ts';
import {
  type ApplicationKeyAlgorithm,
  type ApplicationKeyRow,
  activeKey,
  applicationKeyAlgorithms,
  type KeyRepository,
  type SealedKey,
  type SigningKeyRow,
} from '../domain/signing-key.ts';
import type { Vault } from '../domain/vault.ts';
import { createVault, keyBytes } from './vault.ts';

const dataKeyPurpose = 'data-key';
export const signingKeyPurpose = 'signing-key';
export const applicationKeyPurpose = 'application-key';
/** The id that values sealed with a master key name it by: master keys stand in no table. */
const masterKeyId = '00000000-0000-0000-0000-000000000000';

/** The keys that data keys are sealed with. */
export type MasterKeys = {
  readonly current: Buffer;
  /** The one that a rotation seals with; undefined while none is under way. */
  readonly next: Buffer | undefined;
};

export type KeyDeps = {
  readonly keys: KeyRepository;
  readonly masterKeys: MasterKeys;
  readonly random: Random;
  readonly clock: Clock;
};

function masterVault(key: Buffer): Vault {
  return createVault([{ id: masterKeyId, key }]);
}

/** Opens a data key with either master key: during a rotation instances may know it by the old or the new one. */
function openDataKey({ current, next }: MasterKeys, { id, sealed }: SealedKey): Buffer {
  try {
    return masterVault(current).open(dataKeyPurpose, id, sealed);
  } catch (error) {
    if (next === undefined)
      throw new Error('the master key does not open the data keys of this database', { cause: error });
  }
  try {
    return masterVault(next).open(dataKeyPurpose, id, sealed);
  } catch (error) {
    throw new Error('neither master key opens the data keys of this database', { cause: error });
  }
}

/**
 * Opens the vault of a deployment; makes its first data key where there is none.
 * Throws where the master key is not the one that the data keys were sealed with.
 */
export async function openVault({ keys, masterKeys, random, clock }: KeyDeps): Promise<Vault> {
  if ((await keys.listDataKeys()).length === 0) {
    const id = random.uuid();
    const sealed = masterVault(masterKeys.current).seal(dataKeyPurpose, id, random.bytes(keyBytes));
    await keys.insertDataKey({ id, sealed, createdAt: clock() });
  }
  const rows = await keys.listDataKeys();
  return createVault(rows.map((row) => ({ id: row.id, key: openDataKey(masterKeys, row) })));
}

/** The same data key, sealed with the next master key; undefined where it already is. */
export function resealDataKey(masterKeys: MasterKeys, next: Buffer, row: SealedKey): Buffer | undefined {
  try {
    masterVault(next).open(dataKeyPurpose, row.id, row.sealed);
    return undefined;
  } catch {
    return masterVault(next).seal(dataKeyPurpose, row.id, openDataKey(masterKeys, row));
  }
}

/** Makes a signing key, its private half sealed. */
export async function makeSigningKey(
  vault: Vault,
  { random, clock }: Pick<KeyDeps, 'random' | 'clock'>,
  activatesAt: Date,
): Promise<SigningKeyRow> {
  const id = random.uuid();
  const { privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  return {
    id,
    publicJwk: { ...(await exportJWK(publicKey)), kid: id, alg: 'EdDSA', use: 'sig' },
    sealed: vault.seal(signingKeyPurpose, id, Buffer.from(JSON.stringify(await exportJWK(privateKey)))),
    createdAt: clock(),
    activatesAt,
  };
}

/** Makes a key for tokens of applications, its private half sealed. */
export async function makeApplicationKey(
  vault: Vault,
  { random, clock }: Pick<KeyDeps, 'random' | 'clock'>,
  algorithm: ApplicationKeyAlgorithm,
  activatesAt: Date,
): Promise<ApplicationKeyRow> {
  const id = random.uuid();
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  return {
    id,
    algorithm,
    publicJwk: { ...(await exportJWK(publicKey)), kid: id, alg: algorithm, use: 'sig' },
    sealed: vault.seal(applicationKeyPurpose, id, Buffer.from(JSON.stringify(await exportJWK(privateKey)))),
    createdAt: clock(),
    activatesAt,
  };
}

/** Makes the first keys of a deployment, of every algorithm that has none. */
export async function ensureSigningKeys(deps: KeyDeps, vault: Vault): Promise<void> {
  const { keys } = deps;
  const now = deps.clock();
  if (activeKey(await keys.listSigningKeys(), now) === undefined)
    await keys.insertSigningKey(await makeSigningKey(vault, deps, now));
  const known = await keys.listApplicationKeys();
  for (const algorithm of applicationKeyAlgorithms) {
    const own = known.filter((key) => key.algorithm === algorithm);
    if (activeKey(own, now) === undefined)
      await keys.insertApplicationKey(await makeApplicationKey(vault, deps, algorithm, now));
  }
}
