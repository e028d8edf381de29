import { type Factors, methodsOf, type SecondFactorMethod } from '../../domain/authenticator.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import { maskMobile } from '../../domain/mobile.ts';
import type { Random } from '../../domain/random.ts';
import { digestRecoveryCode, makeRecoveryCodes } from '../../domain/recovery-code.ts';
import type { Store } from '../../domain/repositories.ts';
import type { UserView } from '../../domain/user.ts';
import type { Vault } from '../../domain/vault.ts';
import { auditEvent, auditFailure } from '../audit.ts';
import { rememberResult } from '../idempotency.ts';
import type { RecipientCharge } from '../limits.ts';
import { tellUser } from '../messages.ts';
import { ownSession } from '../sessions/own-session.ts';
import type { SecondFactors, TypedCodes } from './codes.ts';
import { settleChange, settleProof } from './settle.ts';

export type ManageFactorsDeps = {
  readonly store: Store<
    'users' | 'factors' | 'challenges' | 'sessions' | 'guesses' | 'outbox' | 'audit' | 'idempotency'
  >;
  readonly secondFactors: SecondFactors;
  readonly chargeRecipient: RecipientCharge;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

export type FactorStatus = {
  readonly methods: readonly SecondFactorMethod[];
  readonly maskedNumber: string;
  readonly recoveryCodesLeft: number;
  readonly required: boolean;
};

const setupStep = {
  totp: 'manam.v1.TwoFactorService/SetupTotp',
  sms: 'manam.v1.TwoFactorService/SetupSms',
} as const satisfies Record<SecondFactorMethod, string>;

/** What a user does with the factors that he has. */
export function createManageFactors(deps: ManageFactorsDeps) {
  const { store, secondFactors, chargeRecipient, vault, random } = deps;

  async function ownFactors(caller: Caller): Promise<{ view: UserView; factors: Factors }> {
    const { holder: view, userId } = ownSession(caller);
    return { view, factors: await store.factors.find(caller.tenant.id, userId) };
  }

  /** Removes a factor for a valid code of it, or a recovery code; with the last one go the recovery codes. */
  async function remove(caller: Caller, method: SecondFactorMethod, codes: TypedCodes): Promise<void> {
    const { view, factors } = await ownFactors(caller);
    const { tenantId, id: userId } = view.user;
    if (!methodsOf(factors).includes(method))
      throw new DomainError('STEP_MISSING', { missingStep: setupStep[method] });
    await auditFailure(deps, caller, 'remove-two-factor', async () => {
      const proof = await secondFactors.prove(caller, userId, [method], ownSession(caller).id, codes);
      await store.transaction(async (repositories) => {
        const held = methodsOf(await repositories.factors.hold(tenantId, userId));
        await settleProof(deps, repositories, caller, view, proof);
        if (!(await repositories.factors.remove(tenantId, userId, method)))
          throw new DomainError('CODE_INVALID');
        if (held.length === 1) await repositories.factors.replaceRecoveryCodes(tenantId, userId, []);
        await settleChange(deps, repositories, caller, view, 'remove-two-factor');
      });
    });
  }

  return {
    async status(caller: Caller): Promise<FactorStatus> {
      const { view, factors } = await ownFactors(caller);
      return {
        methods: methodsOf(factors),
        maskedNumber: factors.smsNumber === undefined ? '' : maskMobile(factors.smsNumber),
        recoveryCodesLeft: await store.factors.countRecoveryCodes(view.user.tenantId, view.user.id),
        required: caller.tenant.policy.requireSecondFactor,
      };
    },

    removeTotp: (caller: Caller, codes: TypedCodes) => remove(caller, 'totp', codes),
    removeSms: (caller: Caller, codes: TypedCodes) => remove(caller, 'sms', codes),

    /** Sends a code to the enrolled number, for a pending sign-in or for this session. Answers the number, masked. */
    async sendSmsCode(caller: Caller): Promise<string> {
      const tenantId = caller.tenant.id;
      const userId = caller.pending?.userId ?? ownSession(caller).userId;
      const slot = caller.pending?.challengeId ?? ownSession(caller).id;
      const view = await store.users.findById(tenantId, userId);
      if (view === undefined) throw new DomainError('TOKEN_INVALID');
      const { smsNumber } = await store.factors.find(tenantId, userId);
      if (smsNumber === undefined) {
        throw new DomainError('STEP_MISSING', { missingStep: setupStep.sms });
      }
      await chargeRecipient(caller, 'sms-code', smsNumber);
      const masked = maskMobile(smsNumber);
      await store.transaction(async (repositories) => {
        await secondFactors.sendSms(repositories, caller, view.user, slot, smsNumber);
        await rememberResult(repositories, caller, masked);
      });
      return masked;
    },

    /** Ten new recovery codes; the old ones are dead. */
    async regenerateRecoveryCodes(caller: Caller): Promise<string[]> {
      const { holder: view } = ownSession(caller);
      const { tenantId, id: userId } = view.user;
      const codes = makeRecoveryCodes(random);
      const digests = codes.map((code) => digestRecoveryCode(vault, tenantId, userId, code));
      await store.transaction(async (repositories) => {
        if (methodsOf(await repositories.factors.hold(tenantId, userId)).length === 0)
          throw new DomainError('STEP_MISSING', { missingStep: setupStep.totp });
        await repositories.factors.replaceRecoveryCodes(tenantId, userId, digests);
        await tellUser(deps, repositories, caller, view, 'two-factor-changed');
        await repositories.audit.add(auditEvent(deps, caller, 'regenerate-recovery-codes', 'success'));
      });
      return codes;
    },
  };
}
