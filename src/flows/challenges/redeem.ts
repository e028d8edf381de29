import type { Caller } from '../../domain/caller.ts';
import type { Challenge, ChallengePurpose, UnexpiredChallenge } from '../../domain/challenge.ts';
import type { Clock } from '../../domain/clock.ts';
import { digestCode } from '../../domain/one-time-code.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import { parseChallengeToken } from '../../domain/token.ts';
import type { Vault } from '../../domain/vault.ts';
import { countRedeemedSms } from '../sms-guard.ts';

export type RedeemDeps = {
  readonly store: Pick<Store, 'challenges'>;
  readonly vault: Vault;
  readonly clock: Clock;
};

/** The attempts that a code survives, right or wrong (R8). */
export const maxAttempts = 5;

/**
 * The challenges that a token or a code names by itself, redeemed ones included. A token names
 * at most one; a code can be the code of several users.
 */
export async function findPresented(
  { store, vault, clock }: RedeemDeps,
  { tenant }: Pick<Caller, 'tenant'>,
  purpose: ChallengePurpose,
  presented: { readonly token: string } | { readonly code: string },
): Promise<UnexpiredChallenge[]> {
  if ('code' in presented) {
    const digest = digestCode(vault, { tenantId: tenant.id, purpose, subject: '' }, presented.code);
    return await store.challenges.findUnexpired(tenant.id, purpose, { digest }, clock());
  }
  const token = parseChallengeToken(presented.token);
  if (token === undefined) return [];
  const { challengeId: id, digest } = token;
  return await store.challenges.findUnexpired(tenant.id, purpose, { id, digest }, clock());
}

/** The live challenge that a token names; undefined where the token is invalid, used or expired. */
export async function findByToken(
  deps: RedeemDeps,
  caller: Pick<Caller, 'tenant'>,
  purpose: ChallengePurpose,
  token: string,
): Promise<Challenge | undefined> {
  const [found] = await findPresented(deps, caller, purpose, { token });
  return found?.isRedeemed === false ? found : undefined;
}

/**
 * The live challenge of a slot, where `text` is its token or its code. The attempt counts
 * before it is compared; `max` is Infinity where the account counts attempts instead.
 */
export async function findInSlot(
  { store, vault, clock }: RedeemDeps,
  { tenant }: Pick<Caller, 'tenant'>,
  purpose: ChallengePurpose,
  slot: string,
  text: string,
  max = maxAttempts,
): Promise<Challenge | undefined> {
  const tenantId = tenant.id;
  const found = await store.challenges.findInSlot(tenantId, purpose, slot, clock());
  if (found === undefined) return undefined;
  const isCounted = max === Number.POSITIVE_INFINITY;
  if (!isCounted && !(await store.challenges.countAttempt(tenantId, found.id, max))) return undefined;
  const digest =
    parseChallengeToken(text)?.digest ?? digestCode(vault, { tenantId, purpose, subject: slot }, text);
  return digest.equals(found.digest) ? found : undefined;
}

/**
 * Consumes a challenge in the caller's transaction; true for exactly one of any number of
 * concurrent callers. A redeemed SMS code counts for the breaker of its country.
 */
export async function redeem(
  repositories: Pick<Repositories, 'challenges' | 'smsUsage'>,
  clock: Clock,
  caller: Pick<Caller, 'client'>,
  challenge: Pick<Challenge, 'tenantId' | 'id' | 'identifier' | 'channel' | 'purpose'>,
): Promise<boolean> {
  const now = clock();
  if (!(await repositories.challenges.consume(challenge.tenantId, challenge.id, now))) return false;
  if (challenge.channel === 'sms') await countRedeemedSms(repositories, caller, challenge, now);
  return true;
}
