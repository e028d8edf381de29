import { type AuthenticatorKind, type CodeKind, hasAuthenticator } from '../../domain/authenticator.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import { maskMobile } from '../../domain/mobile.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import { isSecondFactor } from '../../domain/sign-in.ts';
import { isTrustedWithFactor } from '../../domain/tenant.ts';
import type { Vault } from '../../domain/vault.ts';
import { afterChange, assertMayChange } from '../after-change.ts';
import type { RecipientCharge } from '../charges.ts';
import { record, recordingFailure } from '../events/record.ts';
import { rememberResult } from '../idempotency.ts';
import { notifyUser } from '../messages.ts';
import { findUndoReady } from '../recovery/waiting-undo.ts';
import { ownSession } from '../sessions/own-session.ts';
import type { AuthenticatorTypes } from './kinds.ts';
import { renewRecoveryCodes } from './recovery-codes.ts';
import { acceptProof, type TypedCodes, type Verifier } from './verify.ts';

export type ManageAuthenticatorsDeps = {
  readonly store: Store<
    | 'users'
    | 'authenticators'
    | 'recoveryCodes'
    | 'challenges'
    | 'sessions'
    | 'grants'
    | 'trustedDevices'
    | 'factorResets'
    | 'attempts'
    | 'outbox'
    | 'events'
    | 'idempotency'
  >;
  readonly types: AuthenticatorTypes;
  readonly verify: Verifier;
  readonly chargeRecipient: RecipientCharge;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

export type AuthenticatorStatus = {
  readonly methods: readonly AuthenticatorKind[];
  readonly maskedNumber: string;
  readonly recoveryCodesLeft: number;
  readonly required: boolean;
  readonly hasPassword: boolean;
  /** Time from which a reset that waits can be carried out; undefined: none waits. */
  readonly resetReadyAt: Date | undefined;
  /** When the last changes of the account can be undone, where that was asked for. */
  readonly undoReadyAt: Date | undefined;
};

/** Operations of a user on enrolled authenticators. */
export function createManageAuthenticators(deps: ManageAuthenticatorsDeps) {
  const { store, types, verify, chargeRecipient } = deps;

  /** Removes an authenticator for a valid code of it, or a recovery code; with the last one go the recovery codes. */
  async function remove(caller: Caller, kind: CodeKind, codes: TypedCodes): Promise<void> {
    const { holder: view, id: sessionId } = ownSession(caller);
    const { tenantId, id: userId } = view.user;
    const { kinds } = await store.authenticators.findEnrolled(tenantId, userId);
    if (!kinds.includes(kind)) throw new DomainError('STEP_MISSING', { missingStep: types[kind].setupStep });
    const failed = { type: 'authenticator.removal_failed', details: { kind } } as const;
    await recordingFailure(deps, caller, failed, async () => {
      const proof = await verify(caller, userId, [kind], sessionId, codes);
      await store.transaction(async (repositories) => {
        const held = await repositories.authenticators.findForUpdate(tenantId, userId);
        await acceptProof(deps, repositories, caller, view, proof);
        if (!(await repositories.authenticators.remove(tenantId, userId, kind)))
          throw new DomainError('CODE_INVALID');
        if (held.kinds.length === 1) await repositories.recoveryCodes.replace(tenantId, userId, []);
        const event = { type: 'authenticator.removed', details: { kind } } as const;
        await afterChange(deps, repositories, caller, view, { notice: 'two-factor-changed', event });
      });
    });
  }

  return {
    async status(caller: Caller): Promise<AuthenticatorStatus> {
      const { tenantId, id } = ownSession(caller).holder.user;
      const { kinds, smsNumber } = await store.authenticators.findEnrolled(tenantId, id);
      return {
        methods: kinds,
        maskedNumber: smsNumber === undefined ? '' : maskMobile(smsNumber),
        recoveryCodesLeft: await store.recoveryCodes.count(tenantId, id),
        // A provider that the tenant trusts with it may have asked for it.
        required: caller.tenant.policy.requireSecondFactor && !isTrustedWithFactor(ownSession(caller).amr),
        hasPassword: (await store.users.findPasswordHash(tenantId, id)) !== undefined,
        resetReadyAt: (await store.factorResets.find(tenantId, id, deps.clock()))?.readyAt,
        undoReadyAt: await findUndoReady(store, tenantId, id, deps.clock()),
      };
    },

    removeTotp: (caller: Caller, codes: TypedCodes) => remove(caller, 'totp', codes),
    removeSms: (caller: Caller, codes: TypedCodes) => remove(caller, 'sms', codes),

    /** Sends a code to the enrolled number, for a pending sign-in or for this session. Returns the number, masked. */
    async sendSmsCode(caller: Caller): Promise<string> {
      const tenantId = caller.tenant.id;
      const userId = caller.pending?.userId ?? ownSession(caller).userId;
      const slot = caller.pending?.challengeId ?? ownSession(caller).id;
      if (caller.pending !== undefined && !isSecondFactor(caller.pending.progress, 'sms'))
        throw new DomainError('SIGN_IN_METHOD_UNFIT');
      const view = await store.users.findById(tenantId, userId);
      if (view === undefined) throw new DomainError('TOKEN_INVALID');
      const { smsNumber } = await store.authenticators.findEnrolled(tenantId, userId);
      if (smsNumber === undefined)
        throw new DomainError('STEP_MISSING', { missingStep: types.sms.setupStep });
      await chargeRecipient(caller, 'sms-code', smsNumber);
      const masked = maskMobile(smsNumber);
      await store.transaction(async (repositories) => {
        await types.sms.sendCode(repositories, caller, view.user, slot, smsNumber);
        await rememberResult(repositories, caller, masked);
      });
      return masked;
    },

    /** Ten new recovery codes; the old ones become invalid. */
    async regenerateRecoveryCodes(caller: Caller): Promise<string[]> {
      const session = ownSession(caller);
      const { holder: view } = session;
      const { tenantId, id: userId } = view.user;
      return await store.transaction(async (repositories) => {
        await assertMayChange(repositories, deps.clock, { ...caller, session }, view.user);
        if (!hasAuthenticator(await repositories.authenticators.findForUpdate(tenantId, userId)))
          throw new DomainError('STEP_MISSING', { missingStep: types.totp.setupStep });
        const codes = await renewRecoveryCodes(repositories, deps, tenantId, userId);
        await notifyUser(deps, repositories, caller, view, 'two-factor-changed');
        await record(repositories, deps, caller, { type: 'recovery_codes.regenerated' });
        return codes;
      });
    },
  };
}
