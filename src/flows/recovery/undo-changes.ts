import { type AccountChange, type Former, formerState, recentMs } from '../../domain/account-change.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import type { PasswordHasher } from '../../domain/password.ts';
import type { Random } from '../../domain/random.ts';
import { DuplicateError, type Repositories, type Store } from '../../domain/repositories.ts';
import type { UserView } from '../../domain/user.ts';
import type { Vault } from '../../domain/vault.ts';
import { type AccessStores, endAccess } from '../after-change.ts';
import type { AuthenticatorTypes } from '../authenticators/kinds.ts';
import { maxAttempts, redeem } from '../challenges/redeem.ts';
import { record, recordingFailure } from '../events/record.ts';
import { rememberResult } from '../idempotency.ts';
import { notifyUser } from '../messages.ts';
import { signInCounters } from '../password-check.ts';
import { type EvictStores, evictPasskeysSince, removePasskeysSince } from './evict-passkeys.ts';
import {
  assertHolder,
  endWaiting,
  findReported,
  lockReported,
  type Reported,
  refusal,
} from './reported-changes.ts';
import { undoLinkMs, undoMs } from './undo-link.ts';
import { assertWaited } from './waiting-undo.ts';

export type UndoDeps = {
  readonly store: Store<
    | AccessStores
    | 'users'
    | 'accountChanges'
    | 'authenticators'
    | 'recoveryCodes'
    | 'identities'
    | 'attempts'
    | 'smsUsage'
    | 'outbox'
    | 'events'
    | 'idempotency'
  >;
  readonly hasher: PasswordHasher;
  readonly types: AuthenticatorTypes;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

export type UndoCommand = {
  readonly token: string;
  /** The password of the account before the oldest change. */
  readonly password: string;
  /** A code of the authenticator app, where it was enrolled before the oldest change. */
  readonly code: string;
};

/**
 * How strongly the caller has proved that the account is theirs. After a weak proof, such as a waiting time without an
 * objection, second factors stay (R36).
 */
type Proof = 'strong' | 'weak';

/** The longest call: a passkey is made that long before its change is recorded. */
const callMs = 10_000;

/** What the owner of an account does about a change that was not theirs, with the link of its notice. */
export function createUndoChanges(deps: UndoDeps) {
  const { store, clock } = deps;

  /** The link of a notice with what was proved, or that of an undo that has waited. */
  async function proved(
    caller: Caller,
    command: UndoCommand,
  ): Promise<{ readonly link: Reported; readonly proof: Proof }> {
    const waiting = await findReported(deps, caller, 'account-restore', command.token);
    if (waiting !== undefined) {
      assertWaited(clock, caller, waiting);
      return { link: waiting, proof: 'weak' };
    }
    const link = await findReported(deps, caller, 'account-undo', command.token);
    if (link === undefined) throw refusal();
    if (command.password === '' && command.code === '')
      throw invalid({ field: 'password', reason: 'FIELD_REQUIRED' });
    // The link shows who reads the messages of an identifier; that alone restores nothing.
    if (!(await store.challenges.countAttempt(link.tenantId, link.id, maxAttempts))) throw refusal();
    const proof = await proofOf(deps, caller, link, command);
    if (proof === undefined) throw new DomainError('CREDENTIALS_INVALID');
    return { link, proof };
  }

  async function undo(caller: Caller, command: UndoCommand): Promise<void> {
    const { link, proof } = await proved(caller, command);
    try {
      await store.transaction(async (repositories) => {
        const { view, changes } = await lockReported(repositories, clock, link);
        if (!(await redeem(repositories, clock, caller, link))) throw refusal();
        await restore(deps, repositories, caller, view, changes, proof);
        await rememberResult(repositories, caller, undefined);
      });
    } catch (error) {
      // Another user has proved the identifier since: it is theirs.
      throw error instanceof DuplicateError ? refusal() : error;
    }
  }

  return {
    /**
     * Freezes what opens the account for 72 hours, and ends all sessions. Once frozen, another call changes
     * nothing. The link stays valid.
     */
    async freeze(caller: Caller, { token }: { readonly token: string }): Promise<void> {
      const reported = await findReported(deps, caller, 'account-undo', token);
      if (reported === undefined) throw refusal();
      const { tenantId, userId, expiresAt, changes } = reported;
      const view = await store.users.findById(tenantId, userId);
      if (view === undefined) throw refusal();
      assertHolder(reported, view, changes);
      // Each link freezes once: since its change.
      const since = new Date(expiresAt.getTime() - undoLinkMs);
      await store.transaction(async (repositories) => {
        const now = clock();
        const until = new Date(now.getTime() + undoMs);
        if (await repositories.accountChanges.freeze(tenantId, userId, { now, until, since })) {
          await endAccess(deps, repositories, caller, { tenantId, id: userId }, undefined);
          await record(repositories, deps, caller, { type: 'account.frozen', userId });
        }
        await rememberResult(repositories, caller, undefined);
      });
    },

    /**
     * Restores identifiers and password as they stood before the oldest change that can still be undone. It starts
     * no session and keeps second factors.
     */
    undo: (caller: Caller, command: UndoCommand): Promise<void> =>
      recordingFailure(deps, caller, { type: 'account.restore_failed' }, () => undo(caller, command)),
  };
}

/** Proves the password, or an authenticator app, from before the oldest change; undefined: neither is right. */
async function proofOf(
  { store, hasher, types }: UndoDeps,
  caller: Caller,
  { tenantId, userId, changes }: Reported,
  { password, code }: UndoCommand,
): Promise<Proof | undefined> {
  if (password !== '') {
    const former = formerState(changes).find((each) => each.kind === 'password');
    const hash =
      former === undefined ? await store.users.findPasswordHash(tenantId, userId) : former.passwordHash;
    return (await hasher.verify(caller, hash, password)) ? 'strong' : undefined;
  }
  const app = await store.authenticators.findInSlot(tenantId, userId, 'totp');
  const [oldest] = changes;
  if (app === undefined || oldest === undefined || app.createdAt >= oldest.changedAt) return undefined;
  if (!(await types.totp.verify(caller, userId, '', code))) return undefined;
  // A younger one may be that of the intruder who made the change.
  return oldest.changedAt.getTime() - app.createdAt.getTime() < recentMs ? 'weak' : 'strong';
}

async function restore(
  deps: UndoDeps,
  repositories: Pick<
    Repositories,
    AccessStores | EvictStores | 'accountChanges' | 'identities' | 'attempts' | 'outbox' | 'events'
  >,
  caller: Caller,
  view: UserView,
  changes: readonly AccountChange[],
  proof: Proof,
): Promise<void> {
  const { tenantId, id: userId } = view.user;
  const { users } = repositories;
  for (const former of formerState(changes)) await putBack(users, tenantId, userId, former, proof);
  const [oldest] = changes;
  if (oldest !== undefined) {
    const since = new Date(oldest.changedAt.getTime() - callMs);
    if (proof === 'strong') await removePasskeysSince(repositories, tenantId, userId, since);
    else await evictPasskeysSince(repositories, caller.tenant, userId, since);
  }
  await endWaiting(repositories, tenantId, userId, deps.clock());
  // Connected identities may be an intruder's: the owner connects them again.
  await repositories.identities.remove(tenantId, userId, undefined);
  await repositories.attempts.reset(tenantId, ...signInCounters(userId, caller));
  await endAccess(deps, repositories, caller, view.user, undefined);
  await repositories.sessions.forgetDevices(tenantId, userId);
  await repositories.accountChanges.thaw(tenantId, userId, deps.clock());
  await repositories.accountChanges.forget(tenantId, userId);
  const restored = await users.findById(tenantId, userId);
  if (restored?.email?.confirmedAt === undefined && restored?.mobile?.confirmedAt === undefined)
    throw refusal();
  // Identifiers that the account had until now are told as well: the one who undid it may be the intruder.
  const isGone = (kind: 'email' | 'mobile') => view[kind]?.canonical !== restored[kind]?.canonical;
  const gone = {
    ...view,
    email: isGone('email') ? view.email : undefined,
    mobile: isGone('mobile') ? view.mobile : undefined,
  };
  for (const told of [restored, gone]) await notifyUser(deps, repositories, caller, told, 'changes-undone');
  await record(repositories, deps, caller, { type: 'account.restored', userId });
}

async function putBack(
  users: Repositories['users'],
  tenantId: string,
  userId: string,
  former: Former,
  proof: Proof,
): Promise<void> {
  if (former.kind === 'password') {
    if (former.passwordHash === undefined) await users.deletePassword(tenantId, userId);
    else await users.updatePasswordHash(tenantId, userId, former.passwordHash);
    if (proof === 'strong' || former.isPasskeyOnly)
      await users.setPasskeyOnly(tenantId, userId, former.isPasskeyOnly);
  } else if (former.kind === 'passkeys') return;
  else if (former.identifier === undefined) await users.removeIdentifiers(tenantId, userId, [former.kind]);
  else {
    // An unproved claim of another user does not stand in the way.
    await users.releaseClaim(tenantId, former.identifier, userId, 'proved');
    await users.replaceIdentifier(tenantId, former.identifier);
  }
}
