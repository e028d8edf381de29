import type { Caller } from '../../domain/caller.ts';
import { makeStandaloneCode } from '../../domain/one-time-code.ts';
import type { Vault } from '../../domain/ports.ts';
import type { Repositories } from '../../domain/repositories.ts';
import type { MessageDeps, Recipient } from '../messages.ts';
import { codeBySms, linkByEmail, sendOutOfBand } from '../out-of-band.ts';

/** How long a confirmation link and a confirmation code are good (R34). */
const linkLifetimeMs = 86_400_000;
const codeLifetimeMs = 600_000;

export type ConfirmationDeps = MessageDeps & { readonly vault: Vault };

export type ConfirmationOrder = Recipient & {
  readonly userId: string;
  /** One of the tenant's pages; empty for its default. */
  readonly confirmUrl: string;
};

/** Puts a new confirmation in the place of any earlier one and queues its message. */
export async function sendConfirmation(
  deps: ConfirmationDeps,
  repositories: Pick<Repositories, 'challenges' | 'outbox'>,
  caller: Caller,
  { userId, confirmUrl, ...to }: ConfirmationOrder,
): Promise<void> {
  const confirmation =
    to.kind === 'email'
      ? linkByEmail(deps, caller, to, {
          userId,
          purpose: 'confirm-email',
          slot: userId,
          template: 'confirm-email',
          page: confirmUrl || caller.tenant.policy.pages.confirm,
          parameter: 'cnf',
          lifetimeMs: linkLifetimeMs,
        })
      : codeBySms(deps, caller, to, {
          userId,
          purpose: 'confirm-sms',
          slot: userId,
          // Whoever confirms names the code alone.
          subject: '',
          template: 'confirm-sms',
          code: makeStandaloneCode(deps.random),
          lifetimeMs: codeLifetimeMs,
        });
  await sendOutOfBand(repositories, confirmation);
}
