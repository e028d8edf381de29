import type { Caller } from '../../domain/caller.ts';
import type { Challenge, ChallengePurpose } from '../../domain/challenge.ts';
import { digestCode } from '../../domain/one-time-code.ts';
import type { Random } from '../../domain/random.ts';
import { formatChallengeToken, parseChallengeToken, sha256, uuidToBytes } from '../../domain/token.ts';
import type { Vault } from '../../domain/vault.ts';
import { maxAttempts, type RedeemDeps } from './redeem.ts';

// A handle names a challenge for the caller that requested its code. It is not stored and
// cannot be forged, so the attempts of one caller never use up those of another (R70).

type Named = Pick<Challenge, 'tenantId' | 'purpose' | 'id'>;

function macOf(vault: Vault, { tenantId, purpose, id }: Named): Buffer {
  const key = purpose === 'recover-sms' ? 'recovery-handle' : `handle ${purpose}`;
  return vault.mac(key, Buffer.concat([uuidToBytes(tenantId), uuidToBytes(id)]));
}

/** The handle of a challenge, which may not exist: an unknown account gets one as well (R33). */
export function formatHandle(vault: Vault, named: Named): string {
  return formatChallengeToken(named.id, macOf(vault, named));
}

/** The id of the challenge that a handle names; undefined where the text is no handle of that purpose. */
export function parseHandle(
  vault: Vault,
  tenantId: string,
  purpose: ChallengePurpose,
  text: string,
): string | undefined {
  const parsed = parseChallengeToken(text);
  if (parsed === undefined) return undefined;
  const wanted = sha256(macOf(vault, { tenantId, purpose, id: parsed.challengeId }));
  return wanted.equals(parsed.digest) ? parsed.challengeId : undefined;
}

/**
 * The challenge among `live` that a handle names, where the code is its code. The attempt
 * counts before the comparison, with the same statement where the handle names none.
 */
export async function findByHandle(
  { store, vault, random }: RedeemDeps & { readonly random: Random },
  { tenant }: Pick<Caller, 'tenant'>,
  live: readonly Challenge[],
  presented: {
    readonly purpose: ChallengePurpose;
    readonly subject: string;
    readonly handle: string;
    readonly code: string;
  },
): Promise<Challenge | undefined> {
  const { purpose, subject, handle, code } = presented;
  const challengeId = parseHandle(vault, tenant.id, purpose, handle);
  const named = live.find(({ id }) => id === challengeId);
  const digest = digestCode(vault, { tenantId: tenant.id, purpose, subject }, code);
  const mayTry = await store.challenges.countAttempt(tenant.id, named?.id ?? random.uuid(), maxAttempts);
  return mayTry && named?.digest.equals(digest) ? named : undefined;
}
