import type { Caller } from '../../domain/caller.ts';
import type { HeldIdentifier, OutboxEntry } from '../../domain/model.ts';
import { digestCode, makeStandaloneCode } from '../../domain/one-time-code.ts';
import type { Clock, Random, Vault } from '../../domain/ports.ts';
import type { Repositories } from '../../domain/repositories.ts';
import { formatChallengeToken, sha256 } from '../../domain/token.ts';
import { composeEmail, composeSms, type Recipient } from '../messages.ts';

/** How long a confirmation link and a confirmation code are good (R34). */
const linkLifetimeMs = 86_400_000;
const codeLifetimeMs = 600_000;

export type ConfirmationDeps = { readonly clock: Clock; readonly random: Random; readonly vault: Vault };

export type ConfirmationOrder = Recipient & {
  readonly identifier: HeldIdentifier;
  /** One of the tenant's pages; empty for its default. */
  readonly confirmUrl: string;
};

/** Puts a new confirmation in the place of any earlier one and queues its message. */
export async function sendConfirmation(
  deps: ConfirmationDeps,
  { challenges, outbox }: Pick<Repositories, 'challenges' | 'outbox'>,
  caller: Caller,
  order: ConfirmationOrder,
): Promise<void> {
  const { kind, userId, address } = order.identifier;
  const { digest, id, lifetimeMs, message } = (kind === 'email' ? linkByEmail : codeBySms)(
    deps,
    caller,
    order,
  );
  await challenges.put({
    id,
    tenantId: caller.tenant.id,
    userId,
    purpose: kind === 'email' ? 'confirm-email' : 'confirm-sms',
    slot: userId,
    digest,
    identifier: address,
    data: undefined,
    expiresAt: new Date(deps.clock().getTime() + lifetimeMs),
  });
  await outbox.add(message);
}

type Draft = { id: string; digest: Buffer; lifetimeMs: number; message: OutboxEntry };

function linkByEmail(deps: ConfirmationDeps, caller: Caller, order: ConfirmationOrder): Draft {
  const id = deps.random.uuid();
  const verifier = deps.random.bytes(32);
  const message = composeEmail(deps, caller, order, {
    template: 'confirm-email',
    page: order.confirmUrl || caller.tenant.policy.pages.confirm,
    parameter: { name: 'cnf', token: formatChallengeToken(id, verifier) },
    lifetimeMs: linkLifetimeMs,
  });
  return { id, digest: sha256(verifier), lifetimeMs: linkLifetimeMs, message };
}

function codeBySms(deps: ConfirmationDeps, caller: Caller, order: ConfirmationOrder): Draft {
  const code = makeStandaloneCode(deps.random);
  const scope = { tenantId: caller.tenant.id, purpose: 'confirm-sms', subject: '' } as const;
  const message = composeSms(deps, caller, order, {
    template: 'confirm-sms',
    code,
    lifetimeMs: codeLifetimeMs,
  });
  return {
    id: deps.random.uuid(),
    digest: digestCode(deps.vault, scope, code),
    lifetimeMs: codeLifetimeMs,
    message,
  };
}
