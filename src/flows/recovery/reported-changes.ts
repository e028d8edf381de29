import { type AccountChange, type Former, formerState } from '../../domain/account-change.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Challenge } from '../../domain/challenge.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Repositories } from '../../domain/repositories.ts';
import type { UserView } from '../../domain/user.ts';
import { findByToken, type RedeemDeps } from '../challenges/redeem.ts';
import { undoLinkMs } from './undo-link.ts';

export type ReportedDeps = RedeemDeps & {
  readonly store: Pick<Repositories, 'accountChanges' | 'challenges'>;
};

/** A link of a message about changes, and those that can still be undone, oldest first. */
export type Reported = Challenge & { readonly changes: readonly AccountChange[] };

/** When a waiting undo was asked for, and from when on it can be carried out; milliseconds since 1970. */
export type Wait = { readonly requestedAt: number; readonly readyAt: number };

export const waitOf = ({ data }: Pick<Challenge, 'data'>): Wait => JSON.parse(data?.toString() ?? '') as Wait;

export const refusal = () => new DomainError('RECOVERY_INVALID');

/** Throws where none is left of the changes that a link was made for: later ones of the owner are no matter of it. */
export function assertConcerned(link: Challenge, [oldest]: readonly AccountChange[]): void {
  const madeAt =
    link.purpose === 'account-restore' ? waitOf(link).requestedAt : link.expiresAt.getTime() - undoLinkMs;
  if (oldest === undefined || oldest.changedAt.getTime() > madeAt) throw refusal();
}

const identifierOf = (former: Former) => ('identifier' in former ? former.identifier : undefined);

/** Throws where a link went to an address or number that the account neither has nor had before any of the changes. */
export function assertHolder(link: Challenge, view: UserView, changes: readonly AccountChange[]): void {
  const had = [view.email, view.mobile, ...changes.map(({ former }) => identifierOf(former))];
  if (!had.some((held) => held?.address === link.identifier)) throw refusal();
}

/**
 * Throws where a link undoes nothing as the account stands now: none of its changes is left, or the link did not go to an
 * address or number that the account would have again. One that came with the changes may be an intruder's.
 */
export function assertUndoable(link: Challenge, view: UserView, changes: readonly AccountChange[]): void {
  assertConcerned(link, changes);
  const former = formerState(changes);
  const wouldHave = (['email', 'mobile'] as const).map((kind) => {
    const changed = former.find((each) => each.kind === kind);
    return changed === undefined ? view[kind] : identifierOf(changed);
  });
  if (!wouldHave.some((held) => held?.address === link.identifier)) throw refusal();
}

/** The changes that a link is about; undefined where it is none of that purpose. Throws where none of them is left. */
export async function findReported(
  deps: ReportedDeps,
  caller: Caller,
  purpose: 'account-undo' | 'account-restore',
  token: string,
): Promise<Reported | undefined> {
  const challenge = await findByToken(deps, caller, purpose, token);
  if (challenge === undefined) return undefined;
  const { tenantId, userId } = challenge;
  const changes = await deps.store.accountChanges.list(tenantId, userId, deps.clock());
  assertConcerned(challenge, changes);
  return { ...challenge, changes };
}

/** The user and the changes of a link as they are in the transaction of what it does: the user's row is locked. */
export async function lockReported(
  { users, accountChanges }: Pick<Repositories, 'users' | 'accountChanges'>,
  clock: Clock,
  link: Challenge,
): Promise<{ readonly view: UserView; readonly changes: readonly AccountChange[] }> {
  const { tenantId, userId } = link;
  await users.lock(tenantId, userId);
  const view = await users.findById(tenantId, userId);
  if (view?.user.status !== 'active') throw refusal();
  const changes = await accountChanges.list(tenantId, userId, clock());
  assertUndoable(link, view, changes);
  return { view, changes };
}

/** Ends every undo of a user that waits, with the links that reject it. Returns how many waited. */
export async function endWaiting(
  { challenges }: Pick<Repositories, 'challenges'>,
  tenantId: string,
  userId: string,
  now: Date,
): Promise<number> {
  const end = async (purpose: 'account-restore' | 'restore-reject') => {
    let count = 0;
    for (const { id } of await challenges.listLive(tenantId, userId, purpose, now))
      if (await challenges.consume(tenantId, id, now)) count += 1;
    return count;
  };
  await end('restore-reject');
  return await end('account-restore');
}
