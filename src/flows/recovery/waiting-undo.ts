import type { AccountChange } from '../../domain/account-change.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { dayMs, hourMs } from '../../domain/duration.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import type { UserView } from '../../domain/user.ts';
import { findByToken, redeem } from '../challenges/redeem.ts';
import { linkByEmail, linkBySms, type OutOfBand, send } from '../challenges/send.ts';
import { record } from '../events/record.ts';
import { rememberResult } from '../idempotency.ts';
import { type Recipient, recipientOf } from '../messages.ts';
import { ownSession } from '../sessions/own-session.ts';
import {
  endWaiting,
  findReported,
  lockReported,
  type Reported,
  type ReportedDeps,
  refusal,
  type Wait,
  waitOf,
} from './reported-changes.ts';
import { type UndoLinkDeps, undoMs } from './undo-link.ts';

export type WaitingUndoDeps = ReportedDeps &
  UndoLinkDeps & {
    readonly store: Store<
      'users' | 'accountChanges' | 'challenges' | 'smsUsage' | 'outbox' | 'events' | 'idempotency'
    >;
  };

/** Time in which an undo can be carried out once it has waited. */
const readyMs = 7 * dayMs;

/** Throws where the link of an undo has to wait still, or the tenant has no such way any more. */
export function assertWaited(clock: Clock, caller: Caller, waiting: Reported): void {
  if (caller.tenant.policy.factorResetHours === 0) throw new DomainError('SIGN_IN_METHOD_DISABLED');
  const retryAfterMs = waitOf(waiting).readyAt - clock().getTime();
  if (retryAfterMs > 0) throw new DomainError('UNDO_WAITING', { retryAfterMs });
}

/**
 * Rejects an undo without a proof if the account had one before the changes: a caller who lacks it may only have access to
 * a mailbox that the owner has abandoned.
 */
function assertUnprovable([oldest]: readonly AccountChange[]): void {
  if (oldest?.isProvable !== false) throw new DomainError('CREDENTIALS_INVALID');
}

/** When the first undo of a user's changes that waits can be carried out; undefined: none waits. */
export async function findUndoReady(
  { challenges }: Pick<Repositories, 'challenges'>,
  tenantId: string,
  userId: string,
  now: Date,
): Promise<Date | undefined> {
  const waiting = await challenges.listLive(tenantId, userId, 'account-restore', now);
  const times = waiting.map((each) => waitOf(each).readyAt);
  return times.length === 0 ? undefined : new Date(Math.min(...times));
}

/**
 * The way back for owners of accounts that had nothing which could be proved, such as those that sign in with codes alone:
 * the reader of the notice asks for an undo, whoever has the account hears of it, and it is carried out after the tenant's
 * waiting time unless they reject it (NIST SP 800-63B-4, section 4.2).
 */
export function createWaitingUndo(deps: WaitingUndoDeps) {
  const { store, clock } = deps;

  /** Ends every undo of a user that waits; false where none does. */
  async function end(
    repositories: Pick<Repositories, 'users' | 'accountChanges' | 'challenges' | 'events'>,
    caller: Caller,
    userId: string,
  ): Promise<boolean> {
    const { users, accountChanges } = repositories;
    const { id: tenantId } = caller.tenant;
    // Against an undo that is carried out meanwhile.
    await users.lock(tenantId, userId);
    if ((await endWaiting(repositories, tenantId, userId, clock())) === 0) return false;
    const view = await users.findById(tenantId, userId);
    const until = view?.frozenUntil ?? new Date(0);
    // What was kept for the undo goes when it would have gone, and until then takes a proof: other notices ask in vain.
    await accountChanges.settle(tenantId, userId, { ageMs: undoMs, until });
    await record(repositories, deps, caller, { type: 'account.restore_rejected', userId });
    return true;
  }

  return {
    /** Asks for an undo. Returns when it can be carried out, in milliseconds since 1970. */
    async start(caller: Caller, { token }: { readonly token: string }): Promise<number> {
      const { factorResetHours } = caller.tenant.policy;
      if (factorResetHours === 0) throw new DomainError('SIGN_IN_METHOD_DISABLED');
      const reported = await findReported(deps, caller, 'account-undo', token);
      if (reported === undefined) throw refusal();
      const { tenantId, userId } = reported;
      return await store.transaction(async (repositories) => {
        const { view, changes } = await lockReported(repositories, clock, reported);
        assertUnprovable(changes);
        if (!(await redeem(repositories, clock, caller, reported))) throw refusal();
        const now = clock();
        const requestedAt = now.getTime();
        const readyAt = requestedAt + factorResetHours * hourMs;
        const until = new Date(readyAt + readyMs);
        await repositories.accountChanges.extend(tenantId, userId, { now, until });
        await announce(deps, repositories, caller, view, reported, { requestedAt, readyAt });
        await record(repositories, deps, caller, { type: 'account.restore_requested', userId });
        await rememberResult(repositories, caller, readyAt);
        return readyAt;
      });
    },

    /** Whoever has the account objects in a session. */
    cancelInSession: (caller: Caller): Promise<void> =>
      store.transaction(async (repositories) => {
        await end(repositories, caller, ownSession(caller).userId);
      }),

    /** They object with the link of the notice. */
    async reject(caller: Caller, { token }: { readonly token: string }): Promise<void> {
      const challenge = await findByToken(deps, caller, 'restore-reject', token);
      if (challenge === undefined) throw refusal();
      await store.transaction(async (repositories) => {
        if (!(await redeem(repositories, clock, caller, challenge))) throw refusal();
        if (!(await end(repositories, caller, challenge.userId))) throw refusal();
        await rememberResult(repositories, caller, undefined);
      });
    },
  };
}

export type WaitingUndoFlows = ReturnType<typeof createWaitingUndo>;

/**
 * Sends the link to whoever asked, and to every confirmed identifier that the account has now one that rejects it. Throws where
 * there is none: nobody could object. The pages are the hosted ones, as a tenant's own page may know no such steps.
 */
async function announce(
  deps: WaitingUndoDeps,
  repositories: Pick<Repositories, 'challenges' | 'outbox'>,
  caller: Caller,
  { user, email, mobile }: UserView,
  { identifier: address, channel }: Reported,
  wait: Wait,
): Promise<void> {
  const lifetimeMs = wait.readyAt + readyMs - wait.requestedAt;
  const link = (to: Recipient, purpose: 'account-restore' | 'restore-reject'): OutOfBand => {
    const isAsker = purpose === 'account-restore';
    const page = new URL(deps.undoPage(caller.tenant.slug));
    page.searchParams.set('step', isAsker ? 'restore' : 'reject');
    const order = { userId: user.id, purpose, page: page.href, parameter: 'token', lifetimeMs };
    const template = isAsker ? 'undo-waits' : 'undo-requested';
    return to.kind === 'email'
      ? linkByEmail(deps, caller, to, { ...order, template })
      : linkBySms(deps, caller, to, { ...order, template: `${template}-sms` });
  };
  const told = [email, mobile].filter((held) => held?.confirmedAt !== undefined);
  if (told.length === 0) throw refusal();
  const asker = recipientOf(user, { kind: channel === 'sms' ? 'mobile' : 'email', address });
  const { challenge, message } = link(asker, 'account-restore');
  await send(repositories, { message, challenge: { ...challenge, data: Buffer.from(JSON.stringify(wait)) } });
  for (const held of told)
    if (held !== undefined) await send(repositories, link(recipientOf(user, held), 'restore-reject'));
}
