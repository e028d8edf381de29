import type { Caller } from '../../domain/caller.ts';
import type { Challenge } from '../../domain/challenge.ts';
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
import { findReported, proofsBefore, type Reported, type ReportedDeps, refusal } from './reported-changes.ts';
import type { UndoLinkDeps } from './undo-link.ts';

export type WaitingUndoDeps = ReportedDeps &
  UndoLinkDeps & {
    readonly store: Store<
      | 'users'
      | 'accountChanges'
      | 'authenticators'
      | 'challenges'
      | 'smsUsage'
      | 'outbox'
      | 'events'
      | 'idempotency'
    >;
  };

/** Time in which an undo can be carried out once it has waited. */
const readyMs = 7 * dayMs;

/** What the link of an undo that waits carries. */
type Wait = { readonly requestedAt: number; readonly readyAt: number };

/**
 * Throws where the link of an undo has to wait still, or was made for changes of which none is left: a later change of
 * the owner is no matter of it.
 */
export function assertWaited(clock: Clock, caller: Caller, { data, changes }: Reported): void {
  if (caller.tenant.policy.factorResetHours === 0) throw new DomainError('SIGN_IN_METHOD_DISABLED');
  const { requestedAt, readyAt } = JSON.parse(data?.toString() ?? '') as Wait;
  const [oldest] = changes;
  if (oldest === undefined || oldest.changedAt.getTime() > requestedAt) throw refusal();
  const retryAfterMs = readyAt - clock().getTime();
  if (retryAfterMs > 0) throw new DomainError('UNDO_WAITING', { retryAfterMs });
}

/**
 * The way back for owners of accounts that had nothing which could be proved, such as those that sign in with codes alone:
 * the reader of the notice asks for an undo, whoever has the account hears of it, and it is carried out after the tenant's
 * waiting time unless they reject it (NIST SP 800-63B-4, section 4.2).
 */
export function createWaitingUndo(deps: WaitingUndoDeps) {
  const { store, clock } = deps;

  return {
    /** Asks for an undo. Returns when it can be carried out, in milliseconds since 1970. */
    async start(caller: Caller, { token }: { readonly token: string }): Promise<number> {
      const { factorResetHours } = caller.tenant.policy;
      if (factorResetHours === 0) throw new DomainError('SIGN_IN_METHOD_DISABLED');
      const reported = await findReported(deps, caller, 'account-undo', token);
      if (reported === undefined) throw refusal();
      const { passwordHash, hasApp } = await proofsBefore(deps, reported);
      // Who cannot prove what the account had may have no more than a mailbox that its owner has left.
      if (passwordHash !== undefined || hasApp) throw new DomainError('CREDENTIALS_INVALID');
      const { tenantId, userId } = reported;
      return await store.transaction(async (repositories) => {
        const now = clock();
        if (!(await redeem(repositories, clock, caller, reported))) throw refusal();
        const view = await repositories.users.findById(tenantId, userId);
        if (view?.user.status !== 'active') throw refusal();
        const readyAt = now.getTime() + factorResetHours * hourMs;
        const lifetimeMs = readyAt + readyMs - now.getTime();
        const until = new Date(readyAt + readyMs);
        await repositories.accountChanges.extend(tenantId, userId, { now, until });
        await announce(deps, repositories, caller, view, reported, lifetimeMs, {
          requestedAt: now.getTime(),
          readyAt,
        });
        await record(repositories, deps, caller, { type: 'account.restore_requested', userId });
        await rememberResult(repositories, caller, readyAt);
        return readyAt;
      });
    },

    /** Ends every undo of an account that waits. */
    async reject(caller: Caller, { token }: { readonly token: string }): Promise<void> {
      const challenge = await findByToken(deps, caller, 'restore-reject', token);
      if (challenge === undefined) throw refusal();
      const { tenantId, userId } = challenge;
      await store.transaction(async (repositories) => {
        const { challenges } = repositories;
        if (!(await redeem(repositories, clock, caller, challenge))) throw refusal();
        const waiting = await challenges.listLive(tenantId, userId, 'account-restore', clock());
        for (const { id } of waiting) await challenges.consume(tenantId, id, clock());
        if (waiting.length > 0)
          await record(repositories, deps, caller, { type: 'account.restore_rejected', userId });
        await rememberResult(repositories, caller, undefined);
      });
    },
  };
}

export type WaitingUndoFlows = ReturnType<typeof createWaitingUndo>;

/** Sends the link to whoever asked, and to every other identifier that the account has now one that rejects it. */
async function announce(
  deps: WaitingUndoDeps,
  repositories: Pick<Repositories, 'challenges' | 'outbox'>,
  caller: Caller,
  { user, email, mobile }: UserView,
  { identifier: asker, channel }: Reported,
  lifetimeMs: number,
  wait: Wait,
): Promise<void> {
  const { tenant } = caller;
  const undoPage = tenant.policy.pages.undoChange || deps.undoPage(tenant.slug);
  const link = (to: Recipient, purpose: 'account-restore' | 'restore-reject'): OutOfBand => {
    const isAsker = purpose === 'account-restore';
    const page = new URL(undoPage);
    page.searchParams.set('step', isAsker ? 'restore' : 'reject');
    const order = { userId: user.id, purpose, page: page.href, parameter: 'token', lifetimeMs };
    const template = isAsker ? 'undo-waits' : 'undo-requested';
    return to.kind === 'email'
      ? linkByEmail(deps, caller, to, { ...order, template })
      : linkBySms(deps, caller, to, { ...order, template: `${template}-sms` });
  };
  const kind = channel === 'sms' ? 'mobile' : 'email';
  const { challenge, message } = link(recipientOf(user, { kind, address: asker }), 'account-restore');
  const data = Buffer.from(JSON.stringify(wait));
  await send(repositories, { message, challenge: { ...challenge, data } satisfies Challenge });
  for (const held of [email, mobile])
    if (held?.confirmedAt !== undefined && held.address !== asker)
      await send(repositories, link(recipientOf(user, held), 'restore-reject'));
}
