import type { Caller } from '../../domain/caller.ts';
import { DomainError } from '../../domain/errors.ts';
import { parseMobile } from '../../domain/mobile.ts';
import type { Challenge, GuessPolicy } from '../../domain/model.ts';
import { digestCode } from '../../domain/one-time-code.ts';
import type { Clock, PasswordHasher, Random, Vault } from '../../domain/ports.ts';
import type { Store } from '../../domain/repositories.ts';
import { parseChallengeToken } from '../../domain/token.ts';
import { auditFailure } from '../audit.ts';
import { rememberResult } from '../idempotency.ts';
import type { PasswordPolicy } from '../password-policy.ts';
import { consumeChallenge } from '../sms-guard.ts';
import { secondFactorPolicy } from '../two-factor/codes.ts';
import { recoveryPurposes } from './recover.ts';
import { replacePassword } from './replace-password.ts';

export type EndRecoveryDeps = {
  readonly store: Store<
    | 'users'
    | 'identities'
    | 'challenges'
    | 'sessions'
    | 'guesses'
    | 'smsUsage'
    | 'outbox'
    | 'audit'
    | 'idempotency'
  >;
  readonly hasher: PasswordHasher;
  readonly policy: PasswordPolicy;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

export type EndRecoveryCommand = {
  readonly token: string;
  /** The number that the code went to; empty: the token is that of an e-mail. */
  readonly mobile: string;
  readonly mobileSeed: string;
  readonly password: string;
  readonly confirmPassword: string;
};

/** How many guesses a code survives (R8). */
const maxAttempts = 5;

/** Codes are short, and a new one can be asked for: beside each code the account counts (R8). */
const recoveryPolicy: GuessPolicy = {
  kind: 'recovery',
  free: 10,
  firstDelayS: 900,
  maxDelayS: 3600,
  cap: 1_000_000,
};

const refusal = () => new DomainError('RECOVERY_INVALID');

/**
 * Replaces a forgotten password for the holder of a right, unused token. It signs
 * nobody in and leaves the second factor alone (R36), and takes connected identities
 * away; a refused password does not consume the token.
 */
export function createEndRecovery(deps: EndRecoveryDeps) {
  const { store, hasher, policy, clock } = deps;
  async function attempt(caller: Caller, command: EndRecoveryCommand): Promise<void> {
    const challenge =
      command.mobile === '' ? await byToken(deps, caller, command) : await byCode(deps, caller, command);
    if (challenge === undefined) throw refusal();
    const { tenantId, userId } = challenge;
    const view = await store.users.findById(tenantId, userId);
    if (view === undefined || view.user.status !== 'active') throw refusal();
    // The message went to an identifier that he had then: one that is his no more proves nothing.
    const proved = [view.email, view.mobile].find((held) => held?.address === challenge.identifier);
    if (proved?.confirmedAt === undefined) throw refusal();

    const identifiers = [view.email?.canonical ?? '', view.mobile?.canonical ?? ''];
    const password = policy.parse(caller, identifiers, command.password, command.confirmPassword);
    await policy.refuseBreached(password);
    const passwordHash = await hasher.hash(caller, password);
    await store.transaction(async (repositories) => {
      if (!(await consumeChallenge(repositories, clock, challenge))) throw refusal();
      await repositories.guesses.reset(tenantId, recoveryPolicy.kind, userId);
      // What somebody else connected opens the account no more; its owner connects again.
      await repositories.identities.remove(tenantId, userId, undefined);
      await replacePassword(deps, repositories, caller, view, passwordHash, 'end-recovery');
      // "Recovery only" after a hundred wrong codes (R8): it gives attempts back, and none for free.
      const { kind, free } = secondFactorPolicy;
      await repositories.guesses.lower(tenantId, kind, userId, free);
      await rememberResult(repositories, caller, undefined);
    });
  }

  return (caller: Caller, command: EndRecoveryCommand) =>
    auditFailure(deps, caller, 'end-recovery', () => attempt(caller, command));
}

async function byToken(
  { store, clock }: EndRecoveryDeps,
  caller: Caller,
  command: EndRecoveryCommand,
): Promise<Challenge | undefined> {
  const token = parseChallengeToken(command.token);
  if (token === undefined) return undefined;
  const { challengeId, digest } = token;
  return await store.challenges.findLive(
    caller.tenant.id,
    challengeId,
    recoveryPurposes.email,
    digest,
    clock(),
  );
}

async function byCode(
  { store, vault, clock }: EndRecoveryDeps,
  caller: Caller,
  command: EndRecoveryCommand,
): Promise<Challenge | undefined> {
  const { id: tenantId, policy } = caller.tenant;
  const mobile = parseMobile(command.mobile, command.mobileSeed, policy);
  const held = await store.users.findIdentifier(tenantId, { kind: 'mobile', canonical: mobile.canonical });
  const purpose = recoveryPurposes.mobile;
  const found = held && (await store.challenges.findInSlot(tenantId, purpose, held.userId, clock()));
  // The code went to the number that the user had then: another one of his is not it.
  if (found === undefined || found.identifier !== mobile.address) return undefined;
  if ((await store.guesses.count(tenantId, recoveryPolicy, found.userId, clock())) === undefined)
    return undefined;
  if (!(await store.challenges.countAttempt(tenantId, found.id, maxAttempts))) return undefined;
  const digest = digestCode(vault, { tenantId, purpose, subject: found.userId }, command.token);
  return digest.equals(found.digest) ? found : undefined;
}
