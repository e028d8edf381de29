import type { Caller } from '../../domain/caller.ts';
import type { Clock, HeldIdentifier, Random, Repositories } from '../../domain/ports.ts';
import { formatChallengeToken, sha256 } from '../../domain/token.ts';
import { composeEmail, messageLocale } from '../messages.ts';

const dayMs = 86_400_000;
/** How long a confirmation link is good (R34). */
const confirmLifetimeMs = dayMs;

export type ConfirmationDeps = { readonly clock: Clock; readonly random: Random };

export type ConfirmationOrder = {
  readonly identifier: HeldIdentifier;
  readonly userLocale: string;
  /** One of the tenant's senders; empty for its default. */
  readonly senderEmail: string;
  /** One of the tenant's pages; empty for its default. */
  readonly confirmUrl: string;
};

/** Puts a new confirmation token in the place of any earlier one and queues its message. */
export async function sendConfirmation(
  { clock, random }: ConfirmationDeps,
  { challenges, outbox }: Pick<Repositories, 'challenges' | 'outbox'>,
  caller: Caller,
  order: ConfirmationOrder,
): Promise<void> {
  const { pages, senders } = caller.tenant.policy;
  const { userId, canonical, address } = order.identifier;
  const id = random.uuid();
  const verifier = random.bytes(32);
  await challenges.put({
    id,
    tenantId: caller.tenant.id,
    userId,
    purpose: 'confirm-email',
    slot: userId,
    digest: sha256(verifier),
    identifier: canonical,
    expiresAt: new Date(clock().getTime() + confirmLifetimeMs),
  });
  await outbox.add(
    composeEmail({ clock, random }, caller, {
      template: 'confirm-email',
      to: address,
      from: order.senderEmail || senders.default,
      locale: messageLocale(caller, order.userLocale),
      page: order.confirmUrl || pages.confirm,
      parameter: { name: 'cnf', token: formatChallengeToken(id, verifier) },
      lifetimeMs: confirmLifetimeMs,
    }),
  );
}

/** Tells the owner of an account that someone tried to register it again (R33). */
export async function sendAccountExists(
  { clock, random }: ConfirmationDeps,
  { outbox }: Pick<Repositories, 'outbox'>,
  caller: Caller,
  order: ConfirmationOrder,
): Promise<void> {
  await outbox.add(
    composeEmail({ clock, random }, caller, {
      template: 'account-exists',
      to: order.identifier.address,
      from: order.senderEmail || caller.tenant.policy.senders.default,
      locale: messageLocale(caller, order.userLocale),
      page: '',
      lifetimeMs: dayMs,
    }),
  );
}
