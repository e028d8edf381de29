import type { Caller } from '../../domain/caller.ts';
import type { Challenge } from '../../domain/challenge.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import { type IdentifierInput, type ParsedIdentifier, parseIdentifier } from '../../domain/identifier.ts';
import { networkOf } from '../../domain/network.ts';
import { makeDigitCode, makeLongDigitCode } from '../../domain/one-time-code.ts';
import type { Random } from '../../domain/random.ts';
import { DuplicateError, type Repositories, type Store } from '../../domain/repositories.ts';
import { bytesToUuid } from '../../domain/token.ts';
import type { OwnedIdentifier } from '../../domain/user.ts';
import type { Vault } from '../../domain/vault.ts';
import { formatHandle } from '../challenges/handle.ts';
import { maxAttempts } from '../challenges/redeem.ts';
import { codeByEmail, codeBySms, maxLive, type OutOfBand } from '../challenges/send.ts';
import type { RecipientCharge } from '../charges.ts';
import { record } from '../events/record.ts';
import { rememberResult } from '../idempotency.ts';
import type { Recipient } from '../messages.ts';
import { formatLinkToken, maxWrongCodes, purpose, wrongCodesOf } from './code.ts';

export type StartCodeSignInDeps = {
  readonly store: Store<'users' | 'challenges' | 'attempts' | 'outbox' | 'events' | 'idempotency'>;
  readonly chargeRecipient: RecipientCharge;
  /** The hosted page that a tenant's links lead to where its policy names no other. */
  readonly signInPage: (slug: string) => string;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

/** Places of an identifier that are kept for callers who vouch for themselves: half of them (R70). */
const maxKept = Math.floor(maxLive / 2);
/** Stands before the network of such a caller in the row of their code. */
const vouchedMark = 'vouched ';

/** Lifetime of a code and its link (NIST SP 800-63B-4, section 3.1.3.2). */
const lifetimeMs = 600_000;
/** Retries where another call takes the place of a code, or erases the account, between the read and the write. */
const maxRaces = 2 * maxLive;

/**
 * Sends a code and a link to sign in with, and returns the handle that redeems either. The
 * answer and the work are the same for every state of an account: the code of an address
 * that no account has is stored too, and goes nowhere (R33).
 */
export function createStartCodeSignIn(deps: StartCodeSignInDeps) {
  const { store, chargeRecipient, vault, random } = deps;
  return async function start(caller: Caller, command: IdentifierInput): Promise<string> {
    const { id: tenantId, policy } = caller.tenant;
    if (!policy.codeSignIn.enabled) throw new DomainError('SIGN_IN_METHOD_DISABLED');
    const identifier = parseIdentifier(command, policy);
    const isVouched = await chargeRecipient(caller, 'sign-in', identifier.canonical);
    const wrong = await store.attempts.failures(tenantId, wrongCodesOf(vault, caller, identifier.canonical));
    const makeCode = wrong < maxWrongCodes ? makeDigitCode : makeLongDigitCode;
    for (let race = 0; race < maxRaces; race += 1) {
      try {
        const held = await store.users.findIdentifier(tenantId, identifier);
        return await attempt(deps, caller, { identifier, held, isVouched, code: makeCode(random) });
      } catch (error) {
        if (!(error instanceof DuplicateError)) throw error;
      }
    }
    throw new DomainError('UNAVAILABLE', { retryAfterMs: 1000 });
  };
}

type CodeOrder = {
  readonly identifier: ParsedIdentifier;
  readonly held: OwnedIdentifier | undefined;
  /** Whether the caller has vouched for themselves: half of the places are kept for such callers. */
  readonly isVouched: boolean;
  readonly code: string;
};

async function attempt(deps: StartCodeSignInDeps, caller: Caller, order: CodeOrder): Promise<string> {
  const { identifier, held } = order;
  const { challenge, message } = codeFor(deps, caller, order);
  const { message: _, ...decoy } = message;
  return await deps.store.transaction(async (repositories) => {
    const isThere = await repositories.users.lock(caller.tenant.id, held?.userId ?? deps.random.uuid());
    // Erased after it was read: nothing about its owner may be written.
    if (held !== undefined && !isThere) throw new DuplicateError();
    const isPlaced = await placeFairly(deps, repositories, challenge, identifier.canonical);
    if (isPlaced && maySignIn(caller, held)) await repositories.outbox.add(message);
    else await repositories.outbox.addDecoy(decoy);
    const details = { kind: identifier.kind };
    await record(repositories, deps, caller, { type: 'sign_in.code_sent', userId: held?.userId, details });
    const handle = formatHandle(deps.vault, challenge);
    await rememberResult(repositories, caller, handle);
    return handle;
  });
}

/** Whether the account of an identifier belongs to its owner: not where a user who has proved another one only claims it. */
function isTheirs(held: OwnedIdentifier | undefined): held is OwnedIdentifier {
  return held !== undefined && (held.confirmedAt !== undefined || !held.isOwnerConfirmed);
}

/** Whether the owner of an identifier could sign in with a code. */
function maySignIn({ tenant }: Caller, held: OwnedIdentifier | undefined): boolean {
  return isTheirs(held) ? held.status === 'active' : tenant.policy.codeSignIn.createAccounts;
}

/** The code with its message: to the stored address where there is one, never to the submitted spelling (R39). */
function codeFor(
  deps: StartCodeSignInDeps,
  caller: Caller,
  { identifier: { kind, canonical, address }, held, isVouched, code }: CodeOrder,
): OutOfBand {
  const { locale = '', senderEmail = '' } = held ?? {};
  const to: Recipient = { kind, address: held?.address ?? address, userLocale: locale, senderEmail };
  const order = {
    userId: isTheirs(held) ? held.userId : '',
    purpose,
    subject: canonical,
    code,
    lifetimeMs,
  } as const;
  const { challenge, message } =
    kind === 'email'
      ? codeByEmail(deps, caller, to, {
          ...order,
          template: 'sign-in-code',
          linkFor: (id) => linkWith(deps, caller, id, order.code),
        })
      : codeBySms(deps, caller, to, { ...order, template: 'sign-in-code-sms' });
  const asker = `${isVouched ? vouchedMark : ''}${networkOf(caller.client.address)}`;
  return { message, challenge: { ...challenge, data: Buffer.from(asker) } };
}

/**
 * The link of a mail. Code and token stand in the fragment, which no server sees and no
 * scanner sends: the page that has the handle redeems the token, any other shows the code.
 */
function linkWith(
  { vault, signInPage }: StartCodeSignInDeps,
  { tenant }: Caller,
  id: string,
  code: string,
): string {
  const link = new URL(tenant.policy.pages.signIn || signInPage(tenant.slug));
  link.hash = String(new URLSearchParams({ token: formatLinkToken(vault, tenant.id, id), code }));
  return link.href;
}

/** The places of an identifier's codes: there are never more codes than places. */
function slotsOf(vault: Vault, { tenantId, channel }: Challenge, canonical: string): string[] {
  return Array.from({ length: maxLive }, (_, index) => {
    const text = JSON.stringify([tenantId, channel, canonical, index]);
    return bytesToUuid(vault.mac('sign-in-code-slot', Buffer.from(text)).subarray(0, 16));
  });
}

/**
 * Gives a code one of its identifier's places. Where all are taken, the network that holds most of
 * them gives its oldest up to one that holds fewer, so that a stranger keeps no owner out; strangers give theirs up to
 * callers who vouch for themselves, who keep half of the places. False where there is no place: all earlier codes
 * stay valid. Throws DuplicateError where another call took the place.
 */
async function placeFairly(
  { vault, clock }: StartCodeSignInDeps,
  { challenges }: Pick<Repositories, 'challenges'>,
  challenge: Challenge,
  canonical: string,
): Promise<boolean> {
  const { tenantId } = challenge;
  const now = clock();
  const slots = slotsOf(vault, challenge, canonical);
  const live = await challenges.listInSlots(tenantId, purpose, slots, maxAttempts, now);
  const free = slots.find((slot) => live.every((each) => each.slot !== slot));
  if (free !== undefined) {
    await challenges.putInFreeSlot({ ...challenge, slot: free }, maxAttempts, now);
    return true;
  }
  const oldest = placeToGiveUp(live, askerOf(challenge));
  if (oldest === undefined) return false;
  if (!(await challenges.replace(oldest.id, { ...challenge, slot: oldest.slot }))) throw new DuplicateError();
  return true;
}

const askerOf = ({ data }: Challenge) => String(data);
const isVouchedFor = (asker: string) => asker.startsWith(vouchedMark);

/** The code, of those in all places, whose place goes to another caller; undefined: none has to go. The newest come first. */
function placeToGiveUp(live: readonly Challenge[], asker: string): Challenge | undefined {
  const kept = live.filter((each) => isVouchedFor(askerOf(each)));
  const isKept = kept.length <= maxKept;
  const others = isKept ? live.filter((each) => !kept.includes(each)) : live;
  const heldBy = (network: string) => others.filter((each) => askerOf(each) === network);
  const [most = []] = others.map((each) => heldBy(askerOf(each))).sort((a, b) => b.length - a.length);
  if (isVouchedFor(asker) && kept.length < maxKept) return most.at(-1);
  const own = live.filter((each) => askerOf(each) === asker);
  return most.length < own.length + 2 ? undefined : most.at(-1);
}
