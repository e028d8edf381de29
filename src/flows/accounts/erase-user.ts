import type { ReceiptSigner } from '../../domain/erasure.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Repositories } from '../../domain/repositories.ts';
import type { UserView } from '../../domain/user.ts';
import { assertOwnerLeft } from '../manage/members.ts';
import { composeNotice, type MessageContext, type MessageDeps, recipientOf } from '../messages.ts';
import { type TellDeps, type TellStores, tellEnded } from '../provider/tell-ended.ts';

type Erasing = Pick<
  Repositories,
  'users' | 'authenticators' | 'attempts' | 'events' | 'members' | 'tenants' | TellStores
>;

export type EraseDeps = MessageDeps & TellDeps & { readonly signReceipt: ReceiptSigner };

/** Throws LAST_OWNER for the only owner of a tenant, who must transfer or give up the tenant first. */
async function assertNoLastOwner(
  { members, tenants }: Pick<Repositories, 'members' | 'tenants'>,
  userId: string,
): Promise<void> {
  for (const member of await members.listOfUser(userId)) {
    if (member.role !== 'owner') continue;
    // Two owners do not go at once.
    const tenant = await tenants.findForUpdate(member.tenantId);
    // A tenant that was given up needs no owner: an operator who resumes it names one.
    if (tenant?.deletedAt !== undefined) continue;
    await assertOwnerLeft({ members }, member);
  }
}

/**
 * Erases a user in the caller's transaction: every row of theirs, the messages to them, and the
 * personal part of their events. Counters of messages to their addresses, which hold digests,
 * expire by themselves: otherwise anyone could reset the limits of a number by deleting an account.
 * A confirmed address gets a last notice, wiped once it is sent. Returns a signed receipt that
 * names the user by a digest alone (GDPR, articles 17 and 5.2). Throws LAST_OWNER.
 */
export async function eraseUser(
  repositories: Erasing,
  deps: EraseDeps,
  context: MessageContext,
  { user: { tenantId, id: userId } }: UserView,
): Promise<string> {
  const { users, authenticators, attempts, grants, outbox, events, members } = repositories;
  await assertNoLastOwner(repositories, userId);
  await users.lock(tenantId, userId);
  const view = await users.findById(tenantId, userId);
  if (view === undefined) throw new DomainError('NOT_FOUND');
  const { user, email, mobile } = view;
  let messages = 0;
  const { smsNumber } = await authenticators.findEnrolled(tenantId, userId);
  const known = [email?.address, email?.canonical, mobile?.address, mobile?.canonical, smsNumber];
  for (const address of new Set(known)) {
    if (address === undefined) continue;
    messages += await outbox.deleteTo(tenantId, address);
  }
  await grants.endOfUser(tenantId, userId, {}, deps.clock());
  await tellEnded(repositories, deps, tenantId, userId);
  await grants.deleteOfUser(tenantId, userId);
  await users.delete(tenantId, userId);
  // A user of Manam may be one of the people who run tenants.
  await members.deleteOfUser(userId);
  await attempts.forget(tenantId, userId);
  const auditLines = await events.removePersonalPart(tenantId, userId);
  const confirmed = [email, mobile].find((held) => held?.confirmedAt !== undefined);
  if (confirmed !== undefined)
    await outbox.add(composeNotice(deps, context, recipientOf(user, confirmed), 'account-deleted'));
  return await deps.signReceipt({ tenantId, userId, erasedAt: deps.clock(), messages, auditLines });
}
