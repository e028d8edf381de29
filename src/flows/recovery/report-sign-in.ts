import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import type { HeldIdentifier } from '../../domain/identifier.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import type { UserView } from '../../domain/user.ts';
import type { Vault } from '../../domain/vault.ts';
import { type AccessStores, endAccess } from '../after-change.ts';
import { findByToken, redeem } from '../challenges/redeem.ts';
import { sendIfRoom } from '../challenges/send.ts';
import { record, recordingFailure } from '../events/record.ts';
import { rememberResult } from '../idempotency.ts';
import { recentKinds } from './end-recovery.ts';
import { type EvictStores, evictRecentPasskeys } from './evict-passkeys.ts';
import { recoveryProof } from './recover.ts';
import { keepFormer } from './undo-link.ts';

export type ReportSignInDeps = {
  readonly store: Store<
    | AccessStores
    | EvictStores
    | 'users'
    | 'accountChanges'
    | 'identities'
    | 'smsUsage'
    | 'outbox'
    | 'events'
    | 'idempotency'
  >;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

const refusal = () => new DomainError('RECOVERY_INVALID');

/**
 * The owner of an account says that a sign-in was not theirs: every session and everything outstanding ends, the
 * password opens nothing any more, and a message to choose a new password goes to the address of the notice. It signs nobody in (R36).
 */
export function createReportSignIn(deps: ReportSignInDeps) {
  const { store, clock } = deps;
  async function attempt(caller: Caller, { token }: { readonly token: string }): Promise<void> {
    const challenge = await findByToken(deps, caller, 'sign-in-report', token);
    if (challenge === undefined) throw refusal();
    const { tenantId, userId } = challenge;
    await store.transaction(async (repositories) => {
      if (!(await redeem(repositories, clock, caller, challenge))) throw refusal();
      const view = await repositories.users.findById(tenantId, userId);
      // The notice went to an address of that time: one that is no longer the user's decides nothing.
      const held = view?.email;
      if (view === undefined || held?.confirmedAt === undefined || held.address !== challenge.identifier)
        throw refusal();
      await removePassword(repositories, view, held);
      // What they may have added would open the account as well, as in a recovery.
      await repositories.identities.remove(tenantId, userId, undefined);
      await repositories.users.removeIdentifiers(tenantId, userId, recentKinds(view, held, clock()));
      await evictRecentPasskeys(repositories, clock, caller.tenant, userId);
      await endAccess(deps, repositories, caller, view.user, undefined);
      await sendIfRoom(repositories, recoveryProof(deps, caller, view.user, held), clock());
      const sessionId = challenge.data?.toString();
      await repositories.sessions.forgetDevices(tenantId, userId);
      await record(repositories, deps, caller, {
        type: 'sign_in.reported',
        userId,
        ...(sessionId && { sessionId }),
      });
      await rememberResult(repositories, caller, undefined);
    });
  }

  /**
   * Deletes the password, which the intruder knows. If the address of the report replaced another one that an undo can still restore,
   * an intruder may have sent the report: then the former password stays valid as proof for the undo, and a frozen account rejects
   * the report.
   */
  async function removePassword(
    repositories: Pick<Repositories, 'users' | 'authenticators' | 'accountChanges'>,
    { user, frozenUntil }: UserView,
    held: HeldIdentifier,
  ): Promise<void> {
    const { users, authenticators, accountChanges } = repositories;
    const { tenantId, id: userId } = user;
    const changes = await accountChanges.list(tenantId, userId, clock());
    if (changes.some(({ former }) => former.kind === held.kind)) {
      if (frozenUntil !== undefined && frozenUntil > clock()) throw refusal();
      const passwordHash = await users.findPasswordHash(tenantId, userId);
      const { isPasskeyOnly } = await authenticators.findEnrolled(tenantId, userId);
      await keepFormer(deps, repositories, user, { kind: 'password', passwordHash, isPasskeyOnly });
    } else await accountChanges.forget(tenantId, userId, 'password');
    await users.deletePassword(tenantId, userId);
  }

  return (caller: Caller, command: { readonly token: string }) =>
    recordingFailure(deps, caller, { type: 'sign_in.report_failed' }, () => attempt(caller, command));
}
