import { exportJWK, generateKeyPair } from 'jose';
import type { Clock, Random, Vault } from '../domain/ports.ts';
import type { KeyRepository } from '../domain/repositories.ts';
import { createVault, keyBytes } from './vault.ts';

const dataKeyPurpose = 'data-key';
export const signingKeyPurpose = 'signing-key';
/** The id that values sealed with the master key name it by: the master key stands in no table. */
const masterKeyId = '00000000-0000-0000-0000-000000000000';

export type KeyDeps = {
  readonly keys: KeyRepository;
  readonly masterKey: Buffer;
  readonly random: Random;
  readonly clock: Clock;
};

/**
 * Opens the vault of a deployment; makes its first data key where there is none.
 * Throws where the master key is not the one that the data keys were sealed with.
 */
export async function openVault({ keys, masterKey, random, clock }: KeyDeps): Promise<Vault> {
  const master = createVault([{ id: masterKeyId, key: masterKey }]);
  if ((await keys.listDataKeys()).length === 0) {
    const id = random.uuid();
    await keys.insertDataKey({
      id,
      sealed: master.seal(dataKeyPurpose, id, random.bytes(keyBytes)),
      createdAt: clock(),
    });
  }
  const rows = await keys.listDataKeys();
  try {
    return createVault(rows.map(({ id, sealed }) => ({ id, key: master.open(dataKeyPurpose, id, sealed) })));
  } catch (error) {
    throw new Error('the master key does not open the data keys of this database', { cause: error });
  }
}

/** Makes the first signing key of a deployment where there is none. */
export async function ensureSigningKey({ keys, random, clock }: KeyDeps, vault: Vault): Promise<void> {
  const rows = await keys.listSigningKeys();
  if (rows.some(({ state }) => state === 'active')) return;
  const id = random.uuid();
  const { privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  await keys.insertSigningKey({
    id,
    state: 'active',
    publicJwk: { ...(await exportJWK(publicKey)), kid: id, alg: 'EdDSA', use: 'sig' },
    sealed: vault.seal(signingKeyPurpose, id, Buffer.from(JSON.stringify(await exportJWK(privateKey)))),
    createdAt: clock(),
  });
}
