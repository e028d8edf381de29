import type { UserView } from '../../domain/model.ts';
import type { ReceiptSigner } from '../../domain/ports.ts';
import type { Repositories } from '../../domain/repositories.ts';
import { sha256 } from '../../domain/token.ts';
import { composeNotice, type MessageContext, type MessageDeps } from '../messages.ts';

type Erasing = Pick<
  Repositories,
  'users' | 'factors' | 'guesses' | 'outbox' | 'audit' | 'budgets' | 'smsUsage'
>;

export type EraseDeps = MessageDeps & { readonly signReceipt: ReceiptSigner };

/**
 * Erases a user in the caller's transaction: every row of his, the messages to him, what
 * counters know him by, and who and where he was in the audit log. A last notice goes to
 * his address and is wiped when it is sent. Answers a signed receipt that names him by a
 * digest alone (GDPR, articles 17 and 5.2).
 */
export async function eraseUser(
  { users, factors, guesses, outbox, audit, budgets, smsUsage }: Erasing,
  deps: EraseDeps,
  context: MessageContext,
  { user, email, mobile }: UserView,
): Promise<string> {
  const { tenantId, id: userId, locale: userLocale, senderEmail } = user;
  let messages = 0;
  const { smsNumber } = await factors.find(tenantId, userId);
  const known = [email?.address, email?.canonical, mobile?.address, mobile?.canonical, smsNumber];
  for (const address of new Set(known)) {
    if (address === undefined) continue;
    messages += await outbox.deleteTo(tenantId, address);
    await budgets.forget(tenantId, [sha256(address)]);
    if (!address.includes('@')) await smsUsage.forgetBackOff(tenantId, sha256(address));
  }
  await users.delete(tenantId, userId);
  await guesses.forget(tenantId, userId);
  const auditLines = await audit.anonymize(tenantId, userId);
  const told = email ?? mobile;
  if (told !== undefined) {
    const to = { kind: told.kind, address: told.address, userLocale, senderEmail };
    await outbox.add(composeNotice(deps, context, to, 'account-deleted'));
  }
  return await deps.signReceipt({ tenantId, userId, erasedAt: deps.clock(), messages, auditLines });
}
