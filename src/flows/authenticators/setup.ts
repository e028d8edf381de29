import type { Caller } from '../../domain/caller.ts';
import { maskMobile, parseMobile } from '../../domain/mobile.ts';
import type { QrRenderer } from '../../domain/totp.ts';
import { ownSession } from '../sessions/own-session.ts';
import { createEnrolment, type EnrolmentDeps } from './enrol.ts';

export type SetupDeps = EnrolmentDeps & { readonly renderQr: QrRenderer };

/** The steps of TwoFactorService that enrol an authenticator, each kind with its own setup. */
export function createSetup(deps: SetupDeps) {
  const { store, types, chargeRecipient, renderQr, clock } = deps;
  const { totp, sms } = types;
  const { sendProof, confirmProof, confirm, stepOf, newStep } = createEnrolment(deps);

  const pendingSeed = (caller: Caller) =>
    store.challenges.findInSlot(caller.tenant.id, 'totp-setup', ownSession(caller).id, clock());

  return {
    sendTotpProof: (caller: Caller, command: { readonly email: string }) =>
      sendProof(caller, 'totp', command.email),
    sendSmsProof: (caller: Caller, command: { readonly email: string }) =>
      sendProof(caller, 'sms', command.email),
    confirmTotpProof: (caller: Caller, command: { readonly token: string }) =>
      confirmProof(caller, 'totp', command.token),
    confirmSmsProof: (caller: Caller, command: { readonly token: string }) =>
      confirmProof(caller, 'sms', command.token),

    /** Whether a seed is pending. */
    async getTotpSetup(caller: Caller): Promise<boolean> {
      await stepOf(caller, 'totp', 'proven');
      return (await pendingSeed(caller)) !== undefined;
    },

    /** Returns the pending seed, so that a reload keeps the one that was scanned, or makes one. */
    async setupTotp(
      caller: Caller,
      command: { readonly replace: boolean },
    ): Promise<{ secret: string; uri: string }> {
      await stepOf(caller, 'totp', 'proven');
      const { holder, id } = ownSession(caller);
      const pending = command.replace ? undefined : await pendingSeed(caller);
      const setup = pending ?? newStep(caller, 'totp', 'setup', totp.newSeed(id));
      if (pending === undefined) await store.challenges.put(setup);
      return totp.describe(caller.tenant.name, holder, setup);
    },

    async getTotpQr(caller: Caller): Promise<Buffer> {
      const setup = await stepOf(caller, 'totp', 'setup');
      return await renderQr(totp.describe(caller.tenant.name, ownSession(caller).holder, setup).uri);
    },

    /** Sends a code to the number that is being enrolled; returns the number, masked. */
    async setupSms(
      caller: Caller,
      command: { readonly phoneNumber: string; readonly mobileSeed: string },
    ): Promise<string> {
      await stepOf(caller, 'sms', 'proven');
      const { phoneNumber, mobileSeed } = command;
      const { address } = parseMobile(phoneNumber, mobileSeed, caller.tenant.policy, 'phone_number');
      await chargeRecipient(caller, 'sms-setup', address);
      const { holder, id } = ownSession(caller);
      await store.transaction((repositories) =>
        sms.sendSetupCode(repositories, caller, holder.user, id, address),
      );
      return maskMobile(address);
    },

    /** Confirms the pending seed with a code of the new device; returns the recovery codes. */
    confirmTotp: (caller: Caller, command: { readonly code: string }) =>
      confirm(caller, 'totp', command.code),
    /** Confirms the number with the code that was sent to it; returns the recovery codes. */
    confirmSms: (caller: Caller, command: { readonly code: string }) => confirm(caller, 'sms', command.code),
  };
}
