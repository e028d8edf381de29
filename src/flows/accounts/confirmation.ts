import { dayMs } from '../../domain/duration.ts';
import { makeStandaloneCode } from '../../domain/one-time-code.ts';
import { isRegisteredUrl } from '../../domain/registered-url.ts';
import type { Repositories } from '../../domain/repositories.ts';
import type { OwnedIdentifier } from '../../domain/user.ts';
import type { Vault } from '../../domain/vault.ts';
import { codeBySms, linkByEmail, sendIfRoom } from '../challenges/send.ts';
import { type MessageContext, type MessageDeps, type Recipient, recipientOf } from '../messages.ts';

/** Lifetime of a confirmation link and of a confirmation code (R34). */
const linkLifetimeMs = dayMs;
const codeLifetimeMs = 600_000;

export type ConfirmationDeps = MessageDeps & { readonly vault: Vault };

export type ConfirmationOrder = Recipient & {
  readonly userId: string;
  /** One of the tenant's pages; empty for its default. */
  readonly confirmUrl: string;
};

/** Queues a confirmation beside the earlier ones, which stays valid. */
export async function sendConfirmation(
  deps: ConfirmationDeps,
  repositories: Pick<Repositories, 'challenges' | 'outbox'>,
  caller: MessageContext,
  { userId, confirmUrl, ...to }: ConfirmationOrder,
): Promise<void> {
  const { pages, confirmUrls } = caller.tenant.policy;
  const confirmation =
    to.kind === 'email'
      ? linkByEmail(deps, caller, to, {
          userId,
          purpose: 'confirm-email',
          template: 'confirm-email',
          // It may have been taken out of the policy since the account was made.
          page: isRegisteredUrl(confirmUrl, confirmUrls) ? confirmUrl : pages.confirm,
          parameter: 'cnf',
          lifetimeMs: linkLifetimeMs,
        })
      : codeBySms(deps, caller, to, {
          userId,
          purpose: 'confirm-sms',
          // The request that confirms names the code alone.
          subject: '',
          template: 'confirm-sms',
          code: makeStandaloneCode(deps.random),
          lifetimeMs: codeLifetimeMs,
        });
  await sendIfRoom(repositories, confirmation, deps.clock());
}

/** The confirmation of an identifier of an account. */
export function confirmationOf(
  owner: Pick<OwnedIdentifier, 'userId' | 'locale' | 'senderEmail' | 'confirmUrl'>,
  identifier: Pick<OwnedIdentifier, 'kind' | 'address'>,
): ConfirmationOrder {
  const { userId, confirmUrl } = owner;
  return { ...recipientOf(owner, identifier), userId, confirmUrl };
}
