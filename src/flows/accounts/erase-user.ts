import type { ReceiptSigner } from '../../domain/erasure.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Repositories } from '../../domain/repositories.ts';
import type { UserView } from '../../domain/user.ts';
import { composeNotice, type MessageContext, type MessageDeps } from '../messages.ts';

type Erasing = Pick<Repositories, 'users' | 'factors' | 'guesses' | 'outbox' | 'audit'>;

export type EraseDeps = MessageDeps & { readonly signReceipt: ReceiptSigner };

/**
 * Erases a user in the caller's transaction: every row of his, the messages to him, and
 * who and where he was in the audit log. Counters of messages to his addresses, which
 * know them by a digest, go with their time: else a number is written to without end by
 * whoever deletes his account each time. A last notice goes to a confirmed address of his
 * and is wiped when it is sent. Answers a signed receipt that names him by a digest alone
 * (GDPR, articles 17 and 5.2).
 */
export async function eraseUser(
  { users, factors, guesses, outbox, audit }: Erasing,
  deps: EraseDeps,
  context: MessageContext,
  { user: { tenantId, id: userId } }: UserView,
): Promise<string> {
  await users.lock(tenantId, userId);
  const view = await users.findById(tenantId, userId);
  if (view === undefined) throw new DomainError('NOT_FOUND');
  const { user, email, mobile } = view;
  const { locale: userLocale, senderEmail } = user;
  let messages = 0;
  const { smsNumber } = await factors.find(tenantId, userId);
  const known = [email?.address, email?.canonical, mobile?.address, mobile?.canonical, smsNumber];
  for (const address of new Set(known)) {
    if (address === undefined) continue;
    messages += await outbox.deleteTo(tenantId, address);
  }
  await users.delete(tenantId, userId);
  await guesses.forget(tenantId, userId);
  const auditLines = await audit.anonymize(tenantId, userId);
  const told = [email, mobile].find((held) => held?.confirmedAt !== undefined);
  if (told !== undefined) {
    const to = { kind: told.kind, address: told.address, userLocale, senderEmail };
    await outbox.add(composeNotice(deps, context, to, 'account-deleted'));
  }
  return await deps.signReceipt({ tenantId, userId, erasedAt: deps.clock(), messages, auditLines });
}
