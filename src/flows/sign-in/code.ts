import { timingSafeEqual } from 'node:crypto';
import type { AttemptCounter, AttemptPolicy } from '../../domain/attempt.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Challenge } from '../../domain/challenge.ts';
import type { Clock } from '../../domain/clock.ts';
import { digestCode } from '../../domain/one-time-code.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories } from '../../domain/repositories.ts';
import { formatChallengeToken, parseChallengeToken, sha256, uuidToBytes } from '../../domain/token.ts';
import type { Vault } from '../../domain/vault.ts';
import { parseHandle } from '../challenges/handle.ts';
import { maxAttempts } from '../challenges/redeem.ts';
import { shadowSubject } from '../password-check.ts';

/** The purpose of a code to sign in with. */
export const purpose = 'sign-in-code' satisfies Challenge['purpose'];

function linkMac(vault: Vault, tenantId: string, id: string): Buffer {
  return vault.mac('sign-in-link', Buffer.concat([uuidToBytes(tenantId), uuidToBytes(id)]));
}

/** The token of the link beside a code. It is not stored, and redeems nothing without the handle. */
export function formatLinkToken(vault: Vault, tenantId: string, id: string): string {
  return formatChallengeToken(id, linkMac(vault, tenantId, id));
}

/** Wrong codes in a row, over all handles of an address or number: they lock nobody out. */
const wrongCodes: AttemptPolicy = {
  kind: 'sign-in-code',
  free: 1_000_000,
  firstDelayS: 0,
  maxDelayS: 0,
  cap: 1_000_000,
};

/** Past so many wrong codes new ones have 40 bits, and guessing has no end in sight (NIST SP 800-63B-4, section 3.2.2). */
export const maxWrongCodes = 50;

/** The counter of wrong codes of an address or number, whether it has an account or not. */
export function wrongCodesOf(
  vault: Vault,
  { tenant }: Pick<Caller, 'tenant'>,
  canonical: string,
): AttemptCounter {
  return { kind: wrongCodes.kind, subject: shadowSubject(vault, { tenant }, `code ${canonical}`) };
}

/** What a page shows to prove an address: the handle that it asked with, and the code or the link's token. */
export type PresentedCode = { readonly handle: string; readonly code: string; readonly token: string };

export type FindCodeDeps = {
  readonly store: Pick<Repositories, 'challenges' | 'attempts'>;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

/**
 * The live challenge that a handle names, where code or token is its own. Attempts count
 * before the comparison, against that handle alone, and with the same statements where the handle names none.
 */
export async function findPresentedCode(
  { store, vault, clock, random }: FindCodeDeps,
  caller: Pick<Caller, 'tenant'>,
  { handle, code, token }: PresentedCode,
): Promise<Challenge | undefined> {
  const tenantId = caller.tenant.id;
  const id = parseHandle(vault, tenantId, purpose, handle) ?? random.uuid();
  const found = await store.challenges.findById(tenantId, id, purpose, clock());
  const mayTry = await store.challenges.countAttempt(tenantId, id, maxAttempts);
  const subject = found?.identifier.toLowerCase() ?? '';
  const isRight =
    token === ''
      ? found?.digest.equals(digestCode(vault, { tenantId, purpose, subject }, code))
      : isLinkToken(vault, tenantId, id, token);
  if (mayTry && isRight) return found;
  if (mayTry && found !== undefined)
    await store.attempts.count(tenantId, wrongCodes, wrongCodesOf(vault, caller, subject).subject, clock());
  return undefined;
}

function isLinkToken(vault: Vault, tenantId: string, id: string, text: string): boolean {
  const presented = parseChallengeToken(text);
  const isSame = presented?.challengeId === id;
  return isSame && timingSafeEqual(presented.digest, sha256(linkMac(vault, tenantId, id)));
}
