import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { dayMs, hourMs } from '../../domain/duration.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import type { UserView } from '../../domain/user.ts';
import type { Vault } from '../../domain/vault.ts';
import { type AccessStores, afterChange, assertNotFrozen, assertNotFrozenNow } from '../after-change.ts';
import { secondFactorPolicy } from '../authenticators/verify.ts';
import { findByToken, redeem } from '../challenges/redeem.ts';
import { linkByEmail, linkBySms, send } from '../challenges/send.ts';
import { record, recordingFailure } from '../events/record.ts';
import { rememberResult } from '../idempotency.ts';
import { recipientOf } from '../messages.ts';
import { ownSession } from '../sessions/own-session.ts';

export type FactorResetDeps = {
  readonly store: Store<
    | AccessStores
    | 'users'
    | 'authenticators'
    | 'recoveryCodes'
    | 'attempts'
    | 'factorResets'
    | 'smsUsage'
    | 'outbox'
    | 'events'
    | 'idempotency'
  >;
  /** The hosted page on which an owner objects, for a tenant that names no other. */
  readonly cancelPage: (slug: string) => string;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

/** Time in which a reset can be carried out once it has waited. */
const readyMs = 7 * dayMs;

/**
 * The way back for users who have lost every second factor and their recovery codes: after the first factor they ask
 * for a reset, every identifier hears of it, and it is carried out after the tenant's waiting time unless a live session or
 * the link of the notice ends it (NIST SP 800-63B-4, section 4.2). It starts no session.
 */
export function createFactorReset(deps: FactorResetDeps) {
  const { store, clock } = deps;

  async function holderOf(caller: Caller): Promise<UserView> {
    const { pending, tenant } = caller;
    const view = pending && (await store.users.findById(tenant.id, pending.userId));
    if (view?.user.status !== 'active') throw new DomainError('TOKEN_INVALID');
    return view;
  }

  async function cancel(
    repositories: Pick<Repositories, 'factorResets' | 'challenges' | 'events'>,
    caller: Caller,
    userId: string,
  ): Promise<void> {
    const { id: tenantId } = caller.tenant;
    if (!(await repositories.factorResets.end(tenantId, userId, clock()))) return;
    // Sign-ins that wait for the second factor end: one of them asked for the reset.
    await repositories.challenges.invalidateAll(tenantId, userId);
    await record(repositories, deps, caller, { type: 'authenticators.reset_cancelled', userId });
  }

  return {
    /** Asks for a reset; one that waits already stays as it is. Returns when it can be carried out, in milliseconds since 1970. */
    async start(caller: Caller): Promise<number> {
      const { factorResetHours } = caller.tenant.policy;
      if (factorResetHours === 0) throw new DomainError('SIGN_IN_METHOD_DISABLED');
      const view = await holderOf(caller);
      assertNotFrozen(view, clock());
      const { tenantId, id: userId } = view.user;
      return await store.transaction(async (repositories) => {
        const requestedAt = clock();
        const readyAt = new Date(requestedAt.getTime() + factorResetHours * hourMs);
        const expiresAt = new Date(readyAt.getTime() + readyMs);
        const wanted = { tenantId, userId, requestedAt, readyAt, expiresAt };
        const waiting = await repositories.factorResets.request(wanted);
        if (waiting.requestedAt.getTime() === requestedAt.getTime()) {
          await announce(deps, repositories, caller, view, expiresAt);
          await record(repositories, deps, caller, { type: 'authenticators.reset_requested', userId });
        }
        const readyAtMs = waiting.readyAt.getTime();
        await rememberResult(repositories, caller, readyAtMs);
        return readyAtMs;
      });
    },

    /** Carries a reset out that has waited. */
    finish: (caller: Caller): Promise<void> =>
      recordingFailure(deps, caller, { type: 'authenticators.reset_failed' }, async () => {
        if (caller.tenant.policy.factorResetHours === 0) throw new DomainError('SIGN_IN_METHOD_DISABLED');
        const view = await holderOf(caller);
        const { tenantId, id: userId } = view.user;
        await store.transaction(async (repositories) => {
          const { factorResets, authenticators, recoveryCodes, attempts, users } = repositories;
          const now = clock();
          await assertNotFrozenNow(repositories, clock, view.user);
          const waiting = await factorResets.find(tenantId, userId, now);
          if (waiting === undefined) throw new DomainError('NOT_FOUND');
          if (waiting.readyAt > now)
            throw new DomainError('FACTOR_RESET_WAITING', {
              retryAfterMs: waiting.readyAt.getTime() - now.getTime(),
            });
          if (!(await factorResets.take(waiting, now))) throw new DomainError('NOT_FOUND');
          await authenticators.findForUpdate(tenantId, userId);
          await authenticators.removeAll(tenantId, userId);
          await recoveryCodes.replace(tenantId, userId, []);
          await users.setPasskeyOnly(tenantId, userId, false);
          await attempts.reset(tenantId, { kind: secondFactorPolicy.kind, subject: userId });
          const event = { type: 'authenticators.reset' } as const;
          await afterChange(deps, repositories, caller, view, { notice: 'two-factor-changed', event });
        });
      }),

    /** The owner objects in a session of theirs. */
    cancelInSession: (caller: Caller): Promise<void> =>
      store.transaction((repositories) => cancel(repositories, caller, ownSession(caller).userId)),

    /** The owner objects with the link of the notice. */
    async cancelByLink(caller: Caller, { token }: { readonly token: string }): Promise<void> {
      const challenge = await findByToken(deps, caller, 'reset-cancel', token);
      if (challenge === undefined) throw new DomainError('RECOVERY_INVALID');
      await store.transaction(async (repositories) => {
        if (!(await redeem(repositories, clock, caller, challenge)))
          throw new DomainError('RECOVERY_INVALID');
        await cancel(repositories, caller, challenge.userId);
        await rememberResult(repositories, caller, undefined);
      });
    },
  };
}

export type FactorResetFlows = ReturnType<typeof createFactorReset>;

/** Tells every confirmed identifier, with a link to object. */
async function announce(
  deps: FactorResetDeps,
  repositories: Pick<Repositories, 'challenges' | 'outbox'>,
  caller: Caller,
  { user, email, mobile }: UserView,
  expiresAt: Date,
): Promise<void> {
  const { tenant } = caller;
  const link = {
    userId: user.id,
    purpose: 'reset-cancel',
    page: tenant.policy.pages.cancelReset || deps.cancelPage(tenant.slug),
    parameter: 'token',
    lifetimeMs: expiresAt.getTime() - deps.clock().getTime(),
  } as const;
  if (email?.confirmedAt !== undefined)
    await send(
      repositories,
      linkByEmail(deps, caller, recipientOf(user, email), { ...link, template: 'reset-requested' }),
    );
  if (mobile?.confirmedAt === undefined) return;
  const to = recipientOf(user, mobile);
  // The caller may have access to the mailbox, so the number gets a separate link.
  await send(repositories, linkBySms(deps, caller, to, { ...link, template: 'reset-cancel-sms' }));
}
