import type { Challenge, ChallengePurpose } from '../../domain/challenge.ts';
import type { Clock } from '../../domain/clock.ts';
import type { OutboxEntry } from '../../domain/message.ts';
import { digestCode } from '../../domain/one-time-code.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories } from '../../domain/repositories.ts';
import { formatChallengeToken, sha256 } from '../../domain/token.ts';
import type { Vault } from '../../domain/vault.ts';
import {
  composeEmail,
  composeSms,
  type EmailOrder,
  type MessageContext,
  type MessageDeps,
  type Recipient,
  type SmsOrder,
} from '../messages.ts';
import { audienceOfPurpose } from '../sms-guard.ts';

/** A challenge with the message that carries its secret over another channel (NIST SP 800-63B-4, section 3.1.3). */
export type OutOfBand = { readonly challenge: Challenge; readonly message: OutboxEntry };

type Purpose = Pick<Challenge, 'userId' | 'purpose'> & {
  /** A new challenge replaces the one in its slot. Default: a new slot, beside the others. */
  readonly slot?: string;
};

type Target = {
  /** The tenant's page that the link leads to, of its configuration alone (R37). */
  readonly page: string;
  /** The name of the token in the query of the link. */
  readonly parameter: string;
};

export type LinkOrder = Purpose & Pick<EmailOrder, 'template' | 'about' | 'lifetimeMs'> & Target;

export type SmsLinkOrder = Purpose & Pick<SmsOrder, 'template' | 'lifetimeMs'> & Target;

type Bound = {
  /** The value that the code is bound to besides tenant and purpose: the request that redeems it names it. */
  readonly subject: string;
};

export type CodeOrder = Purpose & SmsOrder & Bound;

export type MailedCodeOrder = Purpose &
  Bound &
  Omit<EmailOrder, 'link'> & {
    /** The link beside the code, for the id of the challenge. */
    readonly linkFor: (challengeId: string) => string;
  };

/** The number of codes and links of one purpose that are valid at a time: a new one invalidates none. */
export const maxLive = 5;

function challengeOf(
  context: MessageContext,
  to: Recipient,
  { userId, purpose, slot }: Purpose,
  { expiresAt, message: { channel } }: OutboxEntry,
  { id, digest }: Pick<Challenge, 'id' | 'digest'>,
): Challenge {
  const { id: tenantId } = context.tenant;
  const own = { id, digest, slot: slot ?? id };
  const sent = { identifier: to.address, channel, data: undefined, expiresAt };
  return { ...own, tenantId, userId, purpose, ...sent };
}

/** A new token, and the link to one of the tenant's pages that carries it. */
function newLink({ random }: Pick<MessageDeps, 'random'>, { page, parameter }: Target) {
  const id = random.uuid();
  const verifier = random.bytes(32);
  const code = formatChallengeToken(id, verifier);
  const link = new URL(page);
  link.searchParams.set(parameter, code);
  return { own: { id, digest: sha256(verifier) }, code, link: link.href };
}

/** A link by e-mail to one of the tenant's pages, valid as long as its message. */
export function linkByEmail(
  deps: MessageDeps,
  context: MessageContext,
  to: Recipient,
  order: LinkOrder,
): OutOfBand {
  const { template, about, lifetimeMs } = order;
  const { own, code, link } = newLink(deps, order);
  const message = composeEmail(deps, context, to, {
    template,
    link,
    code,
    lifetimeMs,
    ...(about && { about }),
  });
  return { message, challenge: challengeOf(context, to, order, message, own) };
}

/** The same by SMS. */
export function linkBySms(
  deps: MessageDeps,
  context: MessageContext,
  to: Recipient,
  order: SmsLinkOrder,
): OutOfBand {
  const { template, lifetimeMs } = order;
  const { own, code, link } = newLink(deps, order);
  const message = composeSms(deps, context, to, { template, link, code, lifetimeMs });
  return { message, challenge: challengeOf(context, to, order, message, own) };
}

type CodeDeps = MessageDeps & { readonly vault: Vault };

/** A code by e-mail with a link beside it, valid as long as its message. */
export function codeByEmail(
  deps: CodeDeps,
  context: MessageContext,
  to: Recipient,
  { linkFor, subject, ...order }: MailedCodeOrder,
): OutOfBand {
  const { purpose, code } = order;
  const id = deps.random.uuid();
  const digest = digestCode(deps.vault, { tenantId: context.tenant.id, purpose, subject }, code);
  const message = composeEmail(deps, context, to, { ...order, link: linkFor(id) });
  return { message, challenge: challengeOf(context, to, order, message, { id, digest }) };
}

/** A code by SMS, valid as long as its message. */
export function codeBySms(
  deps: CodeDeps,
  context: MessageContext,
  to: Recipient,
  order: CodeOrder,
): OutOfBand {
  const { purpose, subject, template, code, lifetimeMs } = order;
  const digest = digestCode(deps.vault, { tenantId: context.tenant.id, purpose, subject }, code);
  const entry = composeSms(deps, context, to, { template, code, lifetimeMs });
  const message = { ...entry, message: { ...entry.message, audience: audienceOfPurpose(purpose) } };
  return { message, challenge: challengeOf(context, to, order, message, { id: deps.random.uuid(), digest }) };
}

/** Stores the challenge and queues its message, in the caller's transaction. */
export async function send(
  { challenges, outbox }: Pick<Repositories, 'challenges' | 'outbox'>,
  { challenge, message }: OutOfBand,
): Promise<void> {
  await challenges.put(challenge);
  await outbox.add(message);
}

/**
 * The same for messages that anyone can request: once `maxLive` challenges are live, nothing
 * is sent, and those stay valid.
 */
export async function sendIfRoom(
  repositories: Pick<Repositories, 'challenges' | 'outbox'>,
  outOfBand: OutOfBand,
  now: Date,
): Promise<void> {
  const { tenantId, userId, purpose } = outOfBand.challenge;
  const live = await repositories.challenges.listLive(tenantId, userId, purpose, now);
  if (live.length < maxLive) await send(repositories, outOfBand);
}

/** A challenge without a message: a step of a procedure that a row of the database represents. */
export function stepChallenge(
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  { tenantId, userId }: { readonly tenantId: string; readonly userId: string },
  step: {
    readonly purpose: ChallengePurpose;
    readonly lifetimeMs: number;
    /** Default: a new slot. */
    readonly slot?: string;
    /** Digest of the secret that the holder presents. Default: none; a signed token or a session names the row. */
    readonly digest?: Buffer;
    readonly data?: Buffer | undefined;
  },
): Challenge {
  const id = random.uuid();
  return {
    id,
    tenantId,
    userId,
    purpose: step.purpose,
    slot: step.slot ?? id,
    digest: step.digest ?? Buffer.alloc(0),
    identifier: '',
    channel: undefined,
    data: step.data,
    expiresAt: new Date(clock().getTime() + step.lifetimeMs),
  };
}
