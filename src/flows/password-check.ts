import type { Caller } from '../domain/caller.ts';
import type { GuessPolicy } from '../domain/model.ts';
import { isPlausiblePassword, normalizePassword } from '../domain/password.ts';
import type { Clock, PasswordHasher, Vault } from '../domain/ports.ts';
import type { Store } from '../domain/repositories.ts';
import { bytesToUuid } from '../domain/token.ts';

/** 5 free failures, then 30 s doubling to 1 h; after 100 in a row only recovery helps (R7). */
export const passwordPolicy: GuessPolicy = {
  kind: 'password',
  free: 5,
  firstDelayS: 30,
  maxDelayS: 3600,
  cap: 100,
};

export type PasswordCheckDeps = {
  readonly store: Store<'guesses'>;
  readonly hasher: PasswordHasher;
  readonly vault: Vault;
  readonly clock: Clock;
};

export type PasswordCheck = {
  readonly right: boolean;
  /** How many failures in a row there are, this one included; undefined where nothing was tried. */
  readonly failures: number | undefined;
};

/**
 * Compares a password, counting the attempt first. A locked account, and one that does
 * not exist, cost the same statements and the same hash as every other, and look the
 * same to the caller (R5, R10).
 */
export function createPasswordCheck({ store, hasher, vault, clock }: PasswordCheckDeps) {
  /** What failures are counted by: the user, or a name for one who does not exist. */
  const shadowOf = (caller: Caller, canonical: string) =>
    bytesToUuid(vault.mac('guess-shadow', Buffer.from(`${caller.tenant.id} ${canonical}`)).subarray(0, 16));

  return {
    async check(
      caller: Caller,
      account: {
        readonly userId: string | undefined;
        readonly canonical: string;
        readonly passwordHash: string | undefined;
      },
      password: string,
    ): Promise<PasswordCheck> {
      const subject = account.userId ?? shadowOf(caller, account.canonical);
      const failures = await store.guesses.count(caller.tenant.id, passwordPolicy, subject, clock());
      const mayTry = failures !== undefined && isPlausiblePassword(password);
      try {
        const right = await hasher.verify(
          caller,
          mayTry ? account.passwordHash : undefined,
          normalizePassword(password),
        );
        return { right, failures };
      } catch (error) {
        // No place in the queue: nothing was compared, so nothing was guessed.
        if (failures !== undefined)
          await store.guesses.uncount(caller.tenant.id, passwordPolicy.kind, subject);
        throw error;
      }
    },
  };
}

export type PasswordChecker = ReturnType<typeof createPasswordCheck>;
