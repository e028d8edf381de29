import type { Caller } from '../../domain/caller.ts';
import { DomainError } from '../../domain/errors.ts';
import type { PasswordHasher } from '../../domain/password.ts';
import type { Random } from '../../domain/random.ts';
import { digestRecoveryCode, makeRecoveryCodes } from '../../domain/recovery-code.ts';
import type { Repositories } from '../../domain/repositories.ts';
import { foldDigits } from '../../domain/typed-text.ts';
import type { Vault } from '../../domain/vault.ts';

export type RecoveryCodeDeps = {
  readonly store: Pick<Repositories, 'recoveryCodes'>;
  /** For codes that another system hashed. */
  readonly hasher: PasswordHasher;
  readonly vault: Vault;
};

/** A recovery code that was presented; it is consumed in the transaction of what it proves. */
export type PresentedRecoveryCode = { readonly digest: Buffer } | { readonly foreignHash: string };

/** Recognizes a recovery code. Whether a code of this service exists, its consumption decides. */
export async function recognizeRecoveryCode(
  { store, hasher, vault }: RecoveryCodeDeps,
  caller: Caller,
  userId: string,
  code: string,
): Promise<PresentedRecoveryCode> {
  const { id: tenantId } = caller.tenant;
  // As typed first: the other system may distinguish upper and lower case.
  const typed = foldDigits(code);
  const hashes = await store.recoveryCodes.listForeign(tenantId, userId);
  for (const spelling of new Set([typed, typed.toLowerCase()]))
    for (const hash of hashes) if (await hasher.verify(caller, hash, spelling)) return { foreignHash: hash };
  return { digest: digestRecoveryCode(vault, tenantId, userId, code) };
}

/** Consumes a recovery code in the caller's transaction; throws CODE_INVALID where another call has, or there is none. */
export async function useRecoveryCode(
  { recoveryCodes }: Pick<Repositories, 'recoveryCodes'>,
  tenantId: string,
  userId: string,
  presented: PresentedRecoveryCode,
): Promise<void> {
  const isUsed =
    'foreignHash' in presented
      ? await recoveryCodes.useForeign(tenantId, userId, presented.foreignHash)
      : await recoveryCodes.use(tenantId, userId, presented.digest);
  if (!isUsed) throw new DomainError('CODE_INVALID');
}

/** Replaces the recovery codes of a user in the caller's transaction; returns the new ones, shown once. */
export async function renewRecoveryCodes(
  { recoveryCodes }: Pick<Repositories, 'recoveryCodes'>,
  { vault, random }: { readonly vault: Vault; readonly random: Random },
  tenantId: string,
  userId: string,
): Promise<string[]> {
  const codes = makeRecoveryCodes(random);
  const digests = codes.map((code) => digestRecoveryCode(vault, tenantId, userId, code));
  await recoveryCodes.replace(tenantId, userId, digests);
  return codes;
}
