import { methodsOf, type SecondFactorMethod } from '../../domain/authenticator.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Challenge } from '../../domain/challenge.ts';
import { DomainError } from '../../domain/errors.ts';
import { maskMobile, parseMobile } from '../../domain/mobile.ts';
import { digestCode, makeDigitCode, normalizeCode } from '../../domain/one-time-code.ts';
import { digestRecoveryCode, makeRecoveryCodes } from '../../domain/recovery-code.ts';
import type { Repositories } from '../../domain/repositories.ts';
import { makeTotpSeed, matchTotp, totpUri } from '../../domain/totp.ts';
import type { UserView } from '../../domain/user.ts';
import type { Vault } from '../../domain/vault.ts';
import { auditFailure } from '../audit.ts';
import { rememberResult } from '../idempotency.ts';
import { codeBySms, sendOutOfBand } from '../out-of-band.ts';
import { ownSession } from '../sessions/own-session.ts';
import { consumeChallenge } from '../sms-guard.ts';
import { createProofs } from './prove.ts';
import { settleChange } from './settle.ts';
import { createSteps, type EnrolDeps, maxAttempts, provenPurpose, setupPurpose } from './steps.ts';

const codeLifetimeMs = 300_000;

const seedPurpose = 'totp-pending-seed';

/**
 * Enrolment, one step after the other: a proof to the user's own address, the setup, a
 * code of the new factor. Where it stands is rows of the session, so that no step can be
 * skipped, reordered or begun in one session and ended in another (R30).
 */
export function createEnrolment(deps: EnrolDeps) {
  const { store, chargeRecipient, renderQr, vault, clock, random } = deps;
  const steps = createSteps(deps);
  const { stepOf, step } = steps;
  const { sendProof, confirmProof } = createProofs(deps, steps);

  /** The end of an enrolment, in one transaction: the factor, the codes, and this session at its new level. */
  async function finish(
    caller: Caller,
    method: SecondFactorMethod,
    setup: Challenge,
    insert: (factors: Repositories['factors']) => Promise<void>,
  ): Promise<string[]> {
    const { holder: view, id: sessionId } = ownSession(caller);
    const { tenantId, id: userId } = view.user;
    const now = clock();
    return await store.transaction(async (repositories) => {
      const { factors, sessions } = repositories;
      const isFirst = methodsOf(await factors.hold(tenantId, userId)).length === 0;
      if (!(await consumeChallenge(repositories, clock, caller, setup)))
        throw new DomainError('CODE_INVALID');
      await insert(factors);
      const codes = isFirst ? makeRecoveryCodes(random) : [];
      if (codes.length > 0) {
        const digests = codes.map((code) => digestRecoveryCode(vault, tenantId, userId, code));
        await factors.replaceRecoveryCodes(tenantId, userId, digests);
      }
      await sessions.raise(tenantId, sessionId, method === 'totp' ? 'otp' : 'sms', now);
      await settleChange(deps, repositories, caller, view, 'add-two-factor');
      await rememberResult(repositories, caller, codes);
      return codes;
    });
  }

  return {
    sendTotpProof: (caller: Caller, command: { readonly email: string }) =>
      sendProof(caller, 'totp', command.email),
    sendSmsProof: (caller: Caller, command: { readonly email: string }) =>
      sendProof(caller, 'sms', command.email),
    confirmTotpProof: (caller: Caller, command: { readonly token: string }) =>
      auditFailure(deps, caller, 'start-two-factor', () => confirmProof(caller, 'totp', command.token)),
    confirmSmsProof: (caller: Caller, command: { readonly token: string }) =>
      auditFailure(deps, caller, 'start-two-factor', () => confirmProof(caller, 'sms', command.token)),

    /** Whether a seed waits to be confirmed. */
    async getTotpSetup(caller: Caller): Promise<boolean> {
      await stepOf(caller, provenPurpose.totp, 'ConfirmTotpEmail');
      const slot = ownSession(caller).id;
      return (
        (await store.challenges.findInSlot(caller.tenant.id, setupPurpose.totp, slot, clock())) !== undefined
      );
    },

    /** Returns the pending seed, so that a reload does not kill the one that was scanned, or makes one. */
    async setupTotp(
      caller: Caller,
      command: { readonly replace: boolean },
    ): Promise<{ secret: string; uri: string }> {
      await stepOf(caller, provenPurpose.totp, 'ConfirmTotpEmail');
      const { holder: view, id: sessionId } = ownSession(caller);
      const pending = await store.challenges.findInSlot(
        caller.tenant.id,
        setupPurpose.totp,
        sessionId,
        clock(),
      );
      const isKept = pending !== undefined && !command.replace;
      const secret = isKept ? openSeed(vault, pending) : makeTotpSeed(random);
      if (!isKept) {
        const data = vault.seal(seedPurpose, sessionId, Buffer.from(secret));
        await store.challenges.put(step(caller, setupPurpose.totp, data));
      }
      return { secret, uri: totpUri(secret, caller.tenant.name, labelOf(view)) };
    },

    async getTotpQr(caller: Caller): Promise<Buffer> {
      const setup = await stepOf(caller, setupPurpose.totp, 'SetupTotp');
      const secret = openSeed(vault, setup);
      return await renderQr(totpUri(secret, caller.tenant.name, labelOf(ownSession(caller).holder)));
    },

    /** Confirms the seed with a code of the new device; answers the recovery codes. */
    confirmTotp: (caller: Caller, command: { readonly code: string }): Promise<string[]> =>
      auditFailure(deps, caller, 'add-two-factor', async () => {
        const setup = await stepOf(caller, setupPurpose.totp, 'SetupTotp');
        const { tenantId, userId } = setup;
        if (!(await store.challenges.countAttempt(tenantId, setup.id, maxAttempts)))
          throw new DomainError('CODE_INVALID');
        const seed = openSeed(vault, setup);
        const now = clock();
        const step = matchTotp(seed, normalizeCode(command.code), now);
        if (step === undefined) throw new DomainError('CODE_INVALID');
        // The step of this code counts as used (R27).
        return await finish(caller, 'totp', setup, (factors) =>
          factors.insertTotp(tenantId, userId, seed, step, now),
        );
      }),

    /** Names the number and sends a code to it; answers the number, masked. */
    async setupSms(
      caller: Caller,
      command: { readonly phoneNumber: string; readonly mobileSeed: string },
    ): Promise<string> {
      await stepOf(caller, provenPurpose.sms, 'ConfirmSmsEmail');
      const { tenant } = caller;
      const { address } = parseMobile(command.phoneNumber, command.mobileSeed, tenant.policy, 'phone_number');
      await chargeRecipient(caller, 'sms-setup', address);
      const { holder, id: slot } = ownSession(caller);
      const to = { kind: 'mobile', address, userLocale: holder.user.locale, senderEmail: '' } as const;
      const order = {
        userId: holder.user.id,
        purpose: setupPurpose.sms,
        slot,
        subject: slot,
        template: 'two-factor-setup-sms',
        code: makeDigitCode(random),
        lifetimeMs: codeLifetimeMs,
      } as const;
      const setup = codeBySms(deps, caller, to, order);
      await store.transaction((repositories) => sendOutOfBand(repositories, setup));
      return maskMobile(address);
    },

    /** Confirms the number with its code; answers the recovery codes. */
    confirmSms: (caller: Caller, command: { readonly code: string }): Promise<string[]> =>
      auditFailure(deps, caller, 'add-two-factor', async () => {
        const setup = await stepOf(caller, setupPurpose.sms, 'SetupSms');
        const { tenantId, userId, slot, identifier } = setup;
        if (!(await store.challenges.countAttempt(tenantId, setup.id, maxAttempts)))
          throw new DomainError('CODE_INVALID');
        const digest = digestCode(
          vault,
          { tenantId, purpose: setupPurpose.sms, subject: slot },
          command.code,
        );
        if (!digest.equals(setup.digest)) throw new DomainError('CODE_INVALID');
        return await finish(caller, 'sms', setup, (factors) =>
          factors.insertSms(tenantId, userId, identifier, clock()),
        );
      }),
  };
}

function openSeed(vault: Vault, { slot, data }: Challenge): string {
  if (data === undefined) throw new DomainError('INTERNAL');
  return vault.open(seedPurpose, slot, data).toString();
}

function labelOf({ email, mobile, user }: UserView): string {
  return email?.address ?? mobile?.address ?? user.id;
}
