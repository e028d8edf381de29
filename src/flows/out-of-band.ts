import type { Caller } from '../domain/caller.ts';
import type { Challenge, OutboxEntry } from '../domain/model.ts';
import { digestCode } from '../domain/one-time-code.ts';
import type { Vault } from '../domain/ports.ts';
import type { Repositories } from '../domain/repositories.ts';
import { formatChallengeToken, sha256 } from '../domain/token.ts';
import {
  composeEmail,
  composeSms,
  type EmailOrder,
  type MessageDeps,
  type Recipient,
  type SmsOrder,
} from './messages.ts';

/** A challenge with the message that carries its secret over another channel (NIST 800-63B, section 3.1.3). */
export type OutOfBand = { readonly challenge: Challenge; readonly message: OutboxEntry };

type Purpose = Pick<Challenge, 'userId' | 'purpose' | 'slot'>;

export type LinkOrder = Purpose & Omit<EmailOrder, 'parameter'> & { readonly parameter: string };

export type CodeOrder = Purpose &
  SmsOrder & {
    /** What the code is bound to besides tenant and purpose. Default: the slot. */
    readonly subject?: string;
  };

function challengeOf(
  caller: Caller,
  to: Recipient,
  { userId, purpose, slot }: Purpose,
  message: OutboxEntry,
  secret: Pick<Challenge, 'id' | 'digest'>,
): Challenge {
  const { expiresAt } = message;
  const { id: tenantId } = caller.tenant;
  return { ...secret, tenantId, userId, purpose, slot, identifier: to.address, data: undefined, expiresAt };
}

/** A link by e-mail, to one of the tenant's pages; good as long as its message. */
export function linkByEmail(deps: MessageDeps, caller: Caller, to: Recipient, order: LinkOrder): OutOfBand {
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
  caller: Caller,
  to: Recipient,
  order: CodeOrder,
): OutOfBand {
  const { purpose, slot, subject = slot, template, code, lifetimeMs } = order;
  const digest = digestCode(deps.vault, { tenantId: caller.tenant.id, purpose, subject }, code);
  const message = composeSms(deps, caller, to, { template, code, lifetimeMs });
  return { message, challenge: challengeOf(caller, to, order, message, { id: deps.random.uuid(), digest }) };
}

/** Puts the challenge in the place of any earlier one and queues its message, in the caller's transaction. */
export async function sendOutOfBand(
  { challenges, outbox }: Pick<Repositories, 'challenges' | 'outbox'>,
  { challenge, message }: OutOfBand,
): Promise<void> {
  await challenges.put(challenge);
  await outbox.add(message);
}
