import type { Caller } from '../../domain/caller.ts';
import { digestCode, makeDigitCode } from '../../domain/one-time-code.ts';
import type { Repositories } from '../../domain/repositories.ts';
import type { User } from '../../domain/user.ts';
import { findInSlot, redeem } from '../challenges/redeem.ts';
import { codeBySms, type OutOfBand, send } from '../challenges/send.ts';
import { recipientOf } from '../messages.ts';
import type { AuthenticatorDeps, AuthenticatorType } from './kind.ts';

/** Lifetime of an SMS code (R28). */
const codeLifetimeMs = 300_000;

/** Codes by SMS to an enrolled number. */
export function createSms(deps: AuthenticatorDeps) {
  const { store, vault, clock, random } = deps;

  const type = {
    kind: 'sms',
    setupStep: 'manam.v1.TwoFactorService/SetupSms',
    proofStep: 'manam.v1.TwoFactorService/ConfirmSmsEmail',
    removeStep: 'manam.v1.TwoFactorService/RemoveSms',

    async verify(caller, _userId, slot, code) {
      const found = await findInSlot(deps, caller, 'sms-code', slot, code, Number.POSITIVE_INFINITY);
      return (
        found !== undefined &&
        (await store.transaction((repositories) => redeem(repositories, clock, caller, found)))
      );
    },

    confirm({ tenantId, slot, digest, identifier }, code) {
      const typed = digestCode(vault, { tenantId, purpose: 'sms-setup', subject: slot }, code);
      return typed.equals(digest) ? { data: Buffer.from(identifier), counter: 0 } : undefined;
    },
  } as const satisfies AuthenticatorType;

  function codeFor(
    caller: Caller,
    user: Pick<User, 'id' | 'locale'>,
    number: string,
    order: {
      readonly purpose: 'sms-code' | 'sms-setup';
      readonly template: 'sign-in-sms' | 'two-factor-setup-sms';
      readonly slot: string;
    },
  ): OutOfBand {
    const to = recipientOf({ ...user, senderEmail: '' }, { kind: 'mobile', address: number });
    const code = makeDigitCode(random);
    const bound = { userId: user.id, subject: order.slot, code, lifetimeMs: codeLifetimeMs };
    return codeBySms(deps, caller, to, { ...order, ...bound });
  }

  return {
    ...type,

    /** Sends a code for a sign-in or a session to the enrolled number; an earlier code becomes invalid. */
    async sendCode(
      repositories: Pick<Repositories, 'challenges' | 'outbox'>,
      caller: Caller,
      user: Pick<User, 'id' | 'locale'>,
      slot: string,
      number: string,
    ): Promise<void> {
      const order = { purpose: 'sms-code', template: 'sign-in-sms', slot } as const;
      await send(repositories, codeFor(caller, user, number, order));
    },

    /** Sends the code that confirms a number which is being enrolled. */
    async sendSetupCode(
      repositories: Pick<Repositories, 'challenges' | 'outbox'>,
      caller: Caller,
      user: Pick<User, 'id' | 'locale'>,
      slot: string,
      number: string,
    ): Promise<void> {
      const order = { purpose: 'sms-setup', template: 'two-factor-setup-sms', slot } as const;
      await send(repositories, codeFor(caller, user, number, order));
    },
  };
}

export type SmsAuthenticator = ReturnType<typeof createSms>;
