import { type Former, formerState, recentMs } from '../../domain/account-change.ts';
import { dayMs } from '../../domain/duration.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories } from '../../domain/repositories.ts';
import type { User, UserView } from '../../domain/user.ts';
import { linkByEmail, linkBySms, send } from '../challenges/send.ts';
import { composeNotice, type MessageContext, type MessageDeps, recipientOf } from '../messages.ts';

/** The notices of changes that can be undone. */
export type UndoableNotice = 'identifier-changed' | 'password-changed' | 'passkeys-changed';

/** Time in which a change can be undone. */
export const undoMs = 3 * dayMs;
/** A freeze at the last moment leaves as much time again. */
export const undoLinkMs = 2 * undoMs;

export type UndoLinkDeps = MessageDeps & {
  readonly random: Random;
  /** The hosted page on which an owner undoes a change, for a tenant that names no other. */
  readonly undoPage: (slug: string) => string;
};

/**
 * Keeps what stood before a change, and tells every confirmed identifier that the user had then, with a link
 * to the page that undoes the change (ASVS 6.3.7). A number gets a link where no address gets one.
 */
export async function sendUndo(
  deps: UndoLinkDeps,
  repositories: Pick<Repositories, 'users' | 'authenticators' | 'accountChanges' | 'challenges' | 'outbox'>,
  context: MessageContext,
  view: UserView,
  {
    former,
    notice,
    toAll = false,
  }: {
    readonly former: Former;
    readonly notice: UndoableNotice;
    /** Whether a number gets the link beside an address: the change was made with one of the two. */
    readonly toAll?: boolean;
  },
): Promise<void> {
  const { user, email, mobile } = view;
  await keepFormer(deps, repositories, user, former);
  const { tenant } = context;
  const link = {
    userId: user.id,
    purpose: 'account-undo',
    page: tenant.policy.pages.undoChange || deps.undoPage(tenant.slug),
    parameter: 'token',
    lifetimeMs: undoLinkMs,
  } as const;
  const byEmail = email?.confirmedAt !== undefined;
  if (byEmail) {
    await send(
      repositories,
      linkByEmail(deps, context, recipientOf(user, email), { ...link, template: notice }),
    );
  }
  if (mobile?.confirmedAt === undefined) return;
  const to = recipientOf(user, mobile);
  if (byEmail && !toAll) await repositories.outbox.add(composeNotice(deps, context, to, notice));
  else await send(repositories, linkBySms(deps, context, to, { ...link, template: 'undo-change-sms' }));
}

/** Keeps what stood before a change as long as it can be undone, and as long as those before it. */
export async function keepFormer(
  { clock, random }: Pick<UndoLinkDeps, 'clock' | 'random'>,
  {
    users,
    authenticators,
    accountChanges,
  }: Pick<Repositories, 'users' | 'authenticators' | 'accountChanges'>,
  { tenantId, id: userId }: Pick<User, 'tenantId' | 'id'>,
  former: Former,
): Promise<void> {
  const changedAt = clock();
  const earlier = await accountChanges.list(tenantId, userId, changedAt);
  const ends = earlier.map(({ expiresAt }) => expiresAt.getTime());
  // A password that came with an earlier change may be the intruder's as well.
  const password = [...formerState(earlier), former].find((each) => each.kind === 'password');
  const passwordHash =
    password === undefined ? await users.findPasswordHash(tenantId, userId) : password.passwordHash;
  const app = await authenticators.findInSlot(tenantId, userId, 'totp');
  // A younger one may be that of the intruder who makes the change.
  const hasApp = app !== undefined && changedAt.getTime() - app.createdAt.getTime() >= recentMs;
  await accountChanges.add({
    tenantId,
    id: random.uuid(),
    userId,
    former,
    isProvable: passwordHash !== undefined || hasApp,
    changedAt,
    expiresAt: new Date(Math.max(changedAt.getTime() + undoMs, ...ends)),
  });
}
