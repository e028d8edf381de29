import type { Challenge } from '../domain/challenge.ts';
import type { OutboxEntry } from '../domain/message.ts';
import { digestCode } from '../domain/one-time-code.ts';
import type { Repositories } from '../domain/repositories.ts';
import { formatChallengeToken, sha256 } from '../domain/token.ts';
import type { Vault } from '../domain/vault.ts';
import {
  composeEmail,
  composeSms,
  type EmailOrder,
  type MessageContext,
  type MessageDeps,
  type Recipient,
  type SmsOrder,
} from './messages.ts';
import { audienceOfPurpose } from './sms-guard.ts';

/** A challenge with the message that carries its secret over another channel (NIST 800-63B, section 3.1.3). */
export type OutOfBand = { readonly challenge: Challenge; readonly message: OutboxEntry };

type Purpose = Pick<Challenge, 'userId' | 'purpose'> & {
  /** A new challenge takes the place of the one in its slot. Default: a new slot, beside the others. */
  readonly slot?: string;
};

export type LinkOrder = Purpose & Omit<EmailOrder, 'parameter'> & { readonly parameter: string };

export type CodeOrder = Purpose &
  SmsOrder & {
    /** What the code is bound to besides tenant and purpose: what the request that redeems it names. */
    readonly subject: string;
  };

/** How many codes and links of one purpose are good at a time, so that asking for more invalidates none. */
export const maxLive = 5;

function challengeOf(
  caller: MessageContext,
  to: Recipient,
  { userId, purpose, slot }: Purpose,
  { expiresAt, message: { channel } }: OutboxEntry,
  { id, digest }: Pick<Challenge, 'id' | 'digest'>,
): Challenge {
  const { id: tenantId } = caller.tenant;
  const own = { id, digest, slot: slot ?? id };
  const sent = { identifier: to.address, channel, data: undefined, expiresAt };
  return { ...own, tenantId, userId, purpose, ...sent };
}

/** A link by e-mail, to one of the tenant's pages; good as long as its message. */
export function linkByEmail(
  deps: MessageDeps,
  caller: MessageContext,
  to: Recipient,
  order: LinkOrder,
): OutOfBand {
  const id = deps.random.uuid();
  const verifier = deps.random.bytes(32);
  const { template, page, parameter: name, lifetimeMs } = order;
  const parameter = { name, token: formatChallengeToken(id, verifier) };
  const message = composeEmail(deps, caller, to, { template, page, parameter, lifetimeMs });
  return { message, challenge: challengeOf(caller, to, order, message, { id, digest: sha256(verifier) }) };
}

/** A code by SMS; good as long as its message. */
export function codeBySms(
  deps: MessageDeps & { readonly vault: Vault },
  caller: MessageContext,
  to: Recipient,
  order: CodeOrder,
): OutOfBand {
  const { purpose, subject, template, code, lifetimeMs } = order;
  const digest = digestCode(deps.vault, { tenantId: caller.tenant.id, purpose, subject }, code);
  const entry = composeSms(deps, caller, to, { template, code, lifetimeMs });
  const message = { ...entry, message: { ...entry.message, audience: audienceOfPurpose(purpose) } };
  return { message, challenge: challengeOf(caller, to, order, message, { id: deps.random.uuid(), digest }) };
}

/** Keeps the challenge and queues its message, in the caller's transaction. */
export async function sendOutOfBand(
  { challenges, outbox }: Pick<Repositories, 'challenges' | 'outbox'>,
  { challenge, message }: OutOfBand,
): Promise<void> {
  await challenges.put(challenge);
  await outbox.add(message);
}

/**
 * The same for what strangers can ask for: where as many are live as may be, nothing is sent,
 * and all of those stay good.
 */
export async function sendIfRoom(
  repositories: Pick<Repositories, 'challenges' | 'outbox'>,
  outOfBand: OutOfBand,
  now: Date,
): Promise<void> {
  const { tenantId, userId, purpose } = outOfBand.challenge;
  const live = await repositories.challenges.listLive(tenantId, userId, purpose, now);
  if (live.length < maxLive) await sendOutOfBand(repositories, outOfBand);
}
