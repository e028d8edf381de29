import type { GuessPolicy } from '../../domain/attempt.ts';
import type { SecondFactorMethod } from '../../domain/authenticator.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import { digestCode, makeDigitCode, normalizeCode } from '../../domain/one-time-code.ts';
import type { PasswordHasher } from '../../domain/password.ts';
import type { Random } from '../../domain/random.ts';
import { digestRecoveryCode } from '../../domain/recovery-code.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import { matchTotp } from '../../domain/totp.ts';
import { foldDigits } from '../../domain/typed-text.ts';
import type { User } from '../../domain/user.ts';
import type { Vault } from '../../domain/vault.ts';
import { codeBySms, sendOutOfBand } from '../out-of-band.ts';
import { consumeChallenge } from '../sms-guard.ts';

/** 10 failures of an account, then 15 minutes each; after 100 in a row only recovery helps (R8). */
export const secondFactorPolicy: GuessPolicy = {
  kind: 'second-factor',
  free: 10,
  firstDelayS: 900,
  maxDelayS: 900,
  cap: 100,
};

/** How long an SMS code is good (R28). */
const codeLifetimeMs = 300_000;

export type SecondFactorDeps = {
  readonly store: Store<'factors' | 'guesses' | 'challenges' | 'smsUsage'>;
  /** For recovery codes that another system hashed. */
  readonly hasher: PasswordHasher;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

/** What a caller typed. Where both are there, `code` alone decides and the recovery code is kept (R31). */
export type TypedCodes = { readonly code: string; readonly recoveryCode: string };

/** What was right: the factor, or a recovery code that is consumed with it. */
export type Proof =
  | { readonly method: SecondFactorMethod }
  | { readonly recoveryDigest: Buffer }
  | { readonly foreignCode: string };

/** Checks the codes of second factors. Every attempt counts against the account before it is checked (R8). */
export function createSecondFactors({ store, hasher, vault, clock, random }: SecondFactorDeps) {
  const refusal = () => new DomainError('CODE_INVALID');

  async function checkTotp(tenantId: string, userId: string, code: string): Promise<boolean> {
    const seed = await store.factors.findTotpSeed(tenantId, userId);
    const step = seed === undefined ? undefined : matchTotp(seed, normalizeCode(code), clock());
    // The step is used up in a statement of its own: it stays so whatever happens next (N3).
    return step !== undefined && (await store.factors.useTotpStep(tenantId, userId, step));
  }

  async function checkSms(caller: Caller, slot: string, code: string): Promise<boolean> {
    const tenantId = caller.tenant.id;
    const now = clock();
    const found = await store.challenges.findInSlot(tenantId, 'sms-code', slot, now);
    if (found === undefined) return false;
    const digest = digestCode(vault, { tenantId, purpose: 'sms-code', subject: slot }, code);
    return (
      digest.equals(found.digest) &&
      (await store.transaction((repositories) => consumeChallenge(repositories, clock, caller, found)))
    );
  }

  /** The code of the system that a user came from, if he has such codes and this is one. */
  async function findForeignCode(caller: Caller, userId: string, code: string): Promise<string | undefined> {
    // As it was typed first: the other system may have told large letters from small ones.
    const typed = foldDigits(code);
    const spellings = new Set([typed, typed.toLowerCase()]);
    const hashes = await store.factors.listForeignCodes(caller.tenant.id, userId);
    for (const spelling of spellings)
      for (const hash of hashes) if (await hasher.verify(caller, hash, spelling)) return hash;
    return undefined;
  }

  return {
    /**
     * Proves one of the given second factors of a user, or throws CODE_INVALID. `slot` names
     * what an SMS code was sent for: a session, or a pending sign-in.
     */
    async prove(
      caller: Caller,
      userId: string,
      methods: readonly SecondFactorMethod[],
      slot: string,
      { code, recoveryCode }: TypedCodes,
    ): Promise<Proof> {
      const tenantId = caller.tenant.id;
      const failures = await store.guesses.count(tenantId, secondFactorPolicy, userId, clock());
      if (typeof failures !== 'number') throw refusal();
      if (code !== '' || recoveryCode === '') {
        for (const method of methods) {
          const isRight = await (method === 'totp'
            ? checkTotp(tenantId, userId, code)
            : checkSms(caller, slot, code));
          if (isRight) return { method };
        }
        throw refusal();
      }
      const foreignCode = await findForeignCode(caller, userId, recoveryCode);
      if (foreignCode !== undefined) return { foreignCode };
      return { recoveryDigest: digestRecoveryCode(vault, tenantId, userId, recoveryCode) };
    },

    /** Puts a new SMS code into a slot, the earlier one dies, and queues its message. */
    async sendSms(
      repositories: Pick<Repositories, 'challenges' | 'outbox'>,
      caller: Caller,
      user: Pick<User, 'id' | 'locale'>,
      slot: string,
      number: string,
    ): Promise<void> {
      const to = { kind: 'mobile', address: number, userLocale: user.locale, senderEmail: '' } as const;
      const order = {
        userId: user.id,
        purpose: 'sms-code',
        slot,
        subject: slot,
        template: 'sign-in-sms',
        code: makeDigitCode(random),
        lifetimeMs: codeLifetimeMs,
      } as const;
      await sendOutOfBand(repositories, codeBySms({ vault, clock, random }, caller, to, order));
    },
  };
}

export type SecondFactors = ReturnType<typeof createSecondFactors>;
