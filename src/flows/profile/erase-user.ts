import type { UserView } from '../../domain/model.ts';
import type { Repositories } from '../../domain/repositories.ts';
import { composeNotice, type MessageContext, type MessageDeps } from '../messages.ts';

/** Deletes a user with every row of his, in the caller's transaction; a last notice goes to his address. */
export async function eraseUser(
  { users, guesses, outbox }: Pick<Repositories, 'users' | 'guesses' | 'outbox'>,
  deps: MessageDeps,
  context: MessageContext,
  { user, email, mobile }: UserView,
): Promise<void> {
  const { tenantId, id: userId, locale: userLocale, senderEmail } = user;
  await users.delete(tenantId, userId);
  await guesses.forget(tenantId, userId);
  const told = email ?? mobile;
  if (told === undefined) return;
  const to = { kind: told.kind, address: told.address, userLocale, senderEmail };
  await outbox.add(composeNotice(deps, context, to, 'account-deleted'));
}
