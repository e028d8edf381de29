import { recentMs } from '../../domain/account-change.ts';
import type { AttemptPolicy } from '../../domain/attempt.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Challenge } from '../../domain/challenge.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import type { HeldIdentifier, IdentifierKind } from '../../domain/identifier.ts';
import { parseMobile } from '../../domain/mobile.ts';
import { digestCode } from '../../domain/one-time-code.ts';
import type { PasswordHasher } from '../../domain/password.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import type { UserView } from '../../domain/user.ts';
import type { Vault } from '../../domain/vault.ts';
import type { UndoableChangeStores } from '../after-change.ts';
import { secondFactorPolicy } from '../authenticators/verify.ts';
import { findByHandle } from '../challenges/handle.ts';
import { findByToken, redeem } from '../challenges/redeem.ts';
import { recordingFailure } from '../events/record.ts';
import { rememberResult } from '../idempotency.ts';
import { networkSubject, shadowSubject } from '../password-check.ts';
import { ownWords, type PasswordPolicy } from '../password-policy.ts';
import { type EvictStores, evictRecentPasskeys } from './evict-passkeys.ts';
import { recoveryPurposes } from './recover.ts';
import { replacePassword } from './replace-password.ts';
import type { UndoLinkDeps } from './undo-link.ts';

export type EndRecoveryDeps = {
  readonly store: Store<
    UndoableChangeStores | EvictStores | 'identities' | 'attempts' | 'smsUsage' | 'idempotency'
  >;
  readonly hasher: PasswordHasher;
  readonly passwordPolicy: PasswordPolicy;
  readonly vault: Vault;
  readonly undoPage: UndoLinkDeps['undoPage'];
  readonly clock: Clock;
  readonly random: Random;
};

export type EndRecoveryCommand = {
  readonly token: string;
  /** The number that the code went to; empty: the token is that of an e-mail. */
  readonly mobile: string;
  readonly mobileSeed: string;
  /** Names the Recover call of the code; empty: the live codes of the number are tried. */
  readonly handle: string;
  readonly password: string;
  readonly confirmPassword: string;
  /** Whether identifiers that were added lately stay. */
  readonly keepRecent: boolean;
};

/** Attempts without a handle, by the network that they come from. */
const networkPolicy: AttemptPolicy = {
  kind: 'recovery',
  free: 5,
  firstDelayS: 900,
  maxDelayS: 3600,
  cap: 1_000_000,
};

/** Attempts over all networks. Callers with a handle are exempt, and networks that have asked for a code that is live. */
const totalPolicy: AttemptPolicy = {
  kind: 'recovery-total',
  free: 20,
  firstDelayS: 600,
  maxDelayS: 600,
  cap: 1_000_000,
};

const refusal = () => new DomainError('RECOVERY_INVALID');

/**
 * Replaces a forgotten password for the holder of a right, unused token. It issues
 * no session and leaves the second factor alone (R36), and takes away connected identities and
 * identifiers that were added lately; a refused password does not consume the token.
 */
export function createEndRecovery(deps: EndRecoveryDeps) {
  const { store, hasher, passwordPolicy, clock } = deps;
  async function attempt(caller: Caller, command: EndRecoveryCommand): Promise<void> {
    const challenge =
      command.mobile === ''
        ? await findByToken(deps, caller, recoveryPurposes.email, command.token)
        : await byCode(deps, caller, command);
    if (challenge === undefined) throw refusal();
    const { tenantId, userId } = challenge;
    const view = await store.users.findById(tenantId, userId);
    if (view === undefined || view.user.status !== 'active') throw refusal();
    // The message went to an identifier of that time: one that is no longer the user's proves nothing.
    const proved = [view.email, view.mobile].find((held) => held?.address === challenge.identifier);
    if (proved?.confirmedAt === undefined) throw refusal();
    const isFrozen = view.frozenUntil !== undefined && view.frozenUntil > clock();
    // A frozen account is not recovered with what came by the change that its owner reported.
    if (isFrozen && (await wasChanged(deps, proved, tenantId))) throw refusal();

    const password = await passwordPolicy.parse(
      caller,
      ownWords(view),
      command.password,
      command.confirmPassword,
    );
    await passwordPolicy.refuseBreached(password);
    const passwordHash = await hasher.hash(caller, password);
    await store.transaction(async (repositories) => {
      const { attempts, identities, users } = repositories;
      if (!(await redeem(repositories, clock, caller, challenge))) throw refusal();
      await attempts.reset(
        tenantId,
        { kind: networkPolicy.kind, subject: networkSubject(userId, caller) },
        { kind: totalPolicy.kind, subject: userId },
      );
      // Linked identities may be an intruder's: the owner links them again.
      await identities.remove(tenantId, userId, undefined);
      if (isFrozen) await repositories.accountChanges.thaw(tenantId, userId, clock());
      const removed = command.keepRecent ? [] : recentKinds(view, proved, clock());
      await users.removeIdentifiers(tenantId, userId, removed);
      if (!command.keepRecent) await evictRecentPasskeys(repositories, clock, caller.tenant, userId);
      // A removed identifier may be an intruder's, so it gets no undo link.
      const kept = {
        ...view,
        email: removed.includes('email') ? undefined : view.email,
        mobile: removed.includes('mobile') ? undefined : view.mobile,
      };
      await replacePassword(deps, repositories, caller, kept, passwordHash, 'recovery.completed');
      // "Recovery only" after a hundred wrong codes (R8): it gives attempts back, and none for free.
      const { kind, free } = secondFactorPolicy;
      await attempts.lower(tenantId, kind, userId, free);
      await rememberResult(repositories, caller, undefined);
    });
  }

  return (caller: Caller, command: EndRecoveryCommand) =>
    recordingFailure(deps, caller, { type: 'recovery.failed' }, () => attempt(caller, command));
}

/** Whether an identifier came instead of another within the time in which that can be undone. */
async function wasChanged(
  { store, clock }: EndRecoveryDeps,
  { kind, userId }: HeldIdentifier,
  tenantId: string,
): Promise<boolean> {
  const changes = await store.accountChanges.list(tenantId, userId, clock());
  return changes.some(({ former }) => former.kind === kind);
}

/** The kinds of identifiers that came within 72 hours, after the one that is proved: an intruder may have added them. */
export function recentKinds(
  { email, mobile }: UserView,
  proved: HeldIdentifier,
  now: Date,
): IdentifierKind[] {
  const since = Math.max(now.getTime() - recentMs, proved.addedAt.getTime());
  const recent = [email, mobile].filter((held) => held !== undefined && held.addedAt.getTime() > since);
  return recent.flatMap((held) => (held === undefined ? [] : [held.kind]));
}

/**
 * The challenge whose code was sent. Statements and their order are the same for a number that
 * without an account, so that time does not disclose which numbers have one (R33).
 */
async function byCode(
  deps: EndRecoveryDeps,
  caller: Caller,
  command: EndRecoveryCommand,
): Promise<Challenge | undefined> {
  const { store, vault, clock } = deps;
  const { id: tenantId, policy } = caller.tenant;
  const mobile = parseMobile(command.mobile, command.mobileSeed, policy);
  const held = await store.users.findIdentifier(tenantId, { kind: 'mobile', canonical: mobile.canonical });
  const purpose = recoveryPurposes.mobile;
  const userId = held?.userId ?? shadowSubject(vault, caller, mobile.canonical);
  const live = await store.challenges.listLive(tenantId, userId, purpose, clock());
  // The code went to the number that the user had then: another one is not it.
  const sent = live.filter(({ identifier }) => identifier === mobile.address);
  const { handle, token: code } = command;
  if (handle !== '')
    return await findByHandle(deps, caller, sent, { purpose, subject: userId, handle, code });
  const digest = digestCode(vault, { tenantId, purpose, subject: userId }, code);
  const subject = networkSubject(userId, caller);
  // What one network may not try closes nothing to the others.
  if (typeof (await store.attempts.count(tenantId, networkPolicy, subject, clock())) !== 'number')
    return undefined;
  const overall = await store.attempts.count(tenantId, totalPolicy, userId, clock());
  const hasAsked = sent.some(({ data }) => data?.toString() === subject);
  if (typeof overall !== 'number' && !hasAsked) return undefined;
  return sent.find((each) => each.digest.equals(digest));
}
