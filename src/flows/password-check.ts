import { setTimeout as pause } from 'node:timers/promises';
import type { AttemptCounter, AttemptPolicy } from '../domain/attempt.ts';
import type { Caller } from '../domain/caller.ts';
import type { Clock } from '../domain/clock.ts';
import { DomainError } from '../domain/errors.ts';
import { networkOf } from '../domain/network.ts';
import { isPlausiblePassword, type PasswordHasher } from '../domain/password.ts';
import type { Store } from '../domain/repositories.ts';
import { bytesToUuid, sha256 } from '../domain/token.ts';
import type { Vault } from '../domain/vault.ts';

/**
 * 5 free failures, then 30 s doubling to 1 h; after 100 in a row only recovery helps (R7).
 * Sign-ins are counted for each network, so that a stranger who tries passwords locks out
 * no one else (R70), and over all networks.
 */
export const passwordAttempts: AttemptPolicy = {
  kind: 'password',
  free: 5,
  firstDelayS: 30,
  maxDelayS: 3600,
  cap: 100,
};

/** The same for users who are signed in: strangers do not use up their attempts. */
export const stepUpAttempts: AttemptPolicy = { ...passwordAttempts, kind: 'reauthentication' };

/** Longest wait of an attempt for those under way, its poll interval, and the limit of waiting attempts. */
const maxBusyMs = 2000;
const busyPollMs = 60;
const maxBusy = 64;

export type PasswordCheckDeps = {
  readonly store: Store<'attempts'>;
  readonly hasher: PasswordHasher;
  readonly vault: Vault;
  readonly clock: Clock;
};

/** The account whose password is tried, as far as there is one. */
export type PasswordAccount = {
  readonly userId: string | undefined;
  /** The identifier that the caller sent; empty where a session names the account. */
  readonly canonical: string;
  readonly passwordHash: string | undefined;
  /** Whether too many sign-ins have failed, over all networks, for one from an address that is new. */
  readonly isClosed?: boolean;
};

export type PasswordCheck = {
  readonly isCorrect: boolean;
  /** Failures in a row, this one included; undefined where the account is locked. */
  readonly failures: number | undefined;
  /** The counters that a success forgets. */
  readonly counters: readonly AttemptCounter[];
};

/** A name, to count by, for an account that does not exist. */
export function shadowSubject(vault: Vault, { tenant }: Pick<Caller, 'tenant'>, canonical: string): string {
  return bytesToUuid(vault.mac('guess-shadow', Buffer.from(`${tenant.id} ${canonical}`)).subarray(0, 16));
}

/** The counter of the attempts of one network at one account. */
export function networkSubject(subject: string, { client }: Pick<Caller, 'client'>): string {
  return bytesToUuid(sha256(`${subject} ${networkOf(client.address)}`).subarray(0, 16));
}

/** The counters of a user's sign-ins from the caller's network and from all networks. */
export function signInCounters(
  userId: string,
  caller: Pick<Caller, 'client'>,
): [AttemptCounter, AttemptCounter] {
  return [
    { kind: 'password-total', subject: userId },
    { kind: passwordAttempts.kind, subject: networkSubject(userId, caller) },
  ];
}

/** Whether so many sign-ins have failed that only addresses which the user has used may continue (R7, R70). */
export const isNearlyClosed = ({ totalFailures }: { readonly totalFailures: number }): boolean =>
  totalFailures >= passwordAttempts.cap;

/**
 * Compares a password, counting the attempt first. A locked account, and one that does
 * not exist, cost the same statements and the same hash as every other, and look the
 * same to the caller (R5, R10).
 */
export function createPasswordCheck({ store, hasher, vault, clock }: PasswordCheckDeps) {
  let waiting = 0;

  /** Counts an attempt; one that others under way stand before waits until they have ended. */
  async function count(
    caller: Caller,
    policy: AttemptPolicy,
    subject: string,
    total: AttemptCounter | undefined,
  ): Promise<number | undefined> {
    const tenantId = caller.tenant.id;
    const tryAgain = () => new DomainError('RATE_LIMITED', { retryAfterMs: 1000 });
    const until = performance.now() + Math.min(maxBusyMs, caller.deadline.leftMs());
    let outcome = await store.attempts.count(tenantId, policy, subject, clock(), total);
    while (outcome === 'busy') {
      if (waiting >= maxBusy || performance.now() + busyPollMs > until) throw tryAgain();
      waiting += 1;
      try {
        await pause(busyPollMs);
      } finally {
        waiting -= 1;
      }
      outcome = await store.attempts.count(tenantId, policy, subject, clock());
    }
    return outcome === 'locked' ? undefined : outcome;
  }

  async function countAtSignIn(caller: Caller, userId: string): Promise<void> {
    const counter = { kind: passwordAttempts.kind, subject: networkSubject(userId, caller) };
    await store.attempts.count(caller.tenant.id, passwordAttempts, counter.subject, clock());
    await store.attempts.countWrong(caller.tenant.id, counter, clock());
  }

  return {
    async check(caller: Caller, account: PasswordAccount, password: string): Promise<PasswordCheck> {
      const tenantId = caller.tenant.id;
      const isSignedIn = caller.session !== undefined;
      const policy = isSignedIn ? stepUpAttempts : passwordAttempts;
      const named = account.userId ?? shadowSubject(vault, caller, account.canonical);
      const signIn = signInCounters(named, caller);
      const counters = isSignedIn ? [{ kind: policy.kind, subject: named }, ...signIn] : signIn;
      const subject = isSignedIn ? named : networkSubject(named, caller);
      const total = isSignedIn ? undefined : signIn[0];
      const failures = await count(caller, policy, subject, total);
      const mayTry = failures !== undefined && account.isClosed !== true && isPlausiblePassword(password);
      try {
        const isCorrect = await hasher.verify(caller, mayTry ? account.passwordHash : undefined, password);
        if (!isCorrect) await store.attempts.countWrong(tenantId, { kind: policy.kind, subject }, clock());
        // Attempts in a stolen session count at the sign-in as well.
        if (!isCorrect && isSignedIn) await countAtSignIn(caller, named);
        return { isCorrect, failures, counters };
      } catch (error) {
        // No place in the queue: nothing was compared.
        if (failures !== undefined) await store.attempts.uncount(tenantId, { kind: policy.kind, subject });
        throw error;
      }
    },
  };
}

export type PasswordChecker = ReturnType<typeof createPasswordCheck>;
