import type { Caller } from '../../domain/caller.ts';
import { parseEmail } from '../../domain/email.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import { methodsOf, type SecondFactorMethod } from '../../domain/factors.ts';
import { assertFresh } from '../../domain/freshness.ts';
import { maskMobile, parseMobile } from '../../domain/mobile.ts';
import type { Challenge, ChallengePurpose, UserView } from '../../domain/model.ts';
import { digestCode, makeDigitCode, makeStandaloneCode, normalizeCode } from '../../domain/one-time-code.ts';
import type { Clock, QrRenderer, Random, Vault } from '../../domain/ports.ts';
import { digestRecoveryCode, makeRecoveryCodes } from '../../domain/recovery-code.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import { parseChallengeToken } from '../../domain/token.ts';
import { makeTotpSeed, matchTotp, totpUri } from '../../domain/totp.ts';
import { auditEvent, auditFailure } from '../audit.ts';
import { rememberResult } from '../idempotency.ts';
import type { RecipientCharge } from '../limits.ts';
import { codeBySms, linkByEmail, type OutOfBand, sendOutOfBand } from '../out-of-band.ts';
import { ownSession } from '../session/own-session.ts';
import { consumeChallenge } from '../sms-guard.ts';
import { settleChange } from './settle.ts';

export type EnrolDeps = {
  readonly store: Store<
    | 'users'
    | 'factors'
    | 'challenges'
    | 'sessions'
    | 'guesses'
    | 'smsUsage'
    | 'outbox'
    | 'audit'
    | 'idempotency'
  >;
  readonly chargeRecipient: RecipientCharge;
  readonly renderQr: QrRenderer;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

const proofLifetimeMs = 600_000;
/** How long the steps after the proof may take. */
const setupLifetimeMs = 900_000;
const codeLifetimeMs = 300_000;
/** How many guesses a proof, a pending seed or a code survives (R8). */
const maxAttempts = 5;

const proofPurpose = { totp: 'totp-proof', sms: 'sms-proof' } as const satisfies Record<
  SecondFactorMethod,
  ChallengePurpose
>;
const provenPurpose = { totp: 'totp-proven', sms: 'sms-proven' } as const satisfies Record<
  SecondFactorMethod,
  ChallengePurpose
>;
const setupPurpose = { totp: 'totp-setup', sms: 'sms-setup' } as const satisfies Record<
  SecondFactorMethod,
  ChallengePurpose
>;
const seedPurpose = 'totp-pending-seed';
const service = 'manam.v1.TwoFactorService';
const names = { totp: 'Totp', sms: 'Sms' } as const;

/**
 * Enrolment, one step after the other: a proof to the user's own address, the setup, a
 * code of the new factor. Where it stands is rows of the session, so that no step can be
 * skipped, reordered or begun in one session and ended in another (R30).
 */
export function createEnrolment(deps: EnrolDeps) {
  const { store, chargeRecipient, renderQr, vault, clock, random } = deps;

  async function ownView(caller: Caller): Promise<UserView & { sessionId: string }> {
    const { userId, id: sessionId } = ownSession(caller);
    const view = await store.users.findById(caller.tenant.id, userId);
    if (view === undefined) throw new DomainError('TOKEN_INVALID');
    return { ...view, sessionId };
  }

  /** The live challenge of this session and purpose, or STEP_MISSING with the step that makes one. */
  async function stepOf(caller: Caller, purpose: ChallengePurpose, missingStep: string): Promise<Challenge> {
    const found = await store.challenges.findInSlot(
      caller.tenant.id,
      purpose,
      ownSession(caller).id,
      clock(),
    );
    if (found === undefined)
      throw new DomainError('STEP_MISSING', { missingStep: `${service}/${missingStep}` });
    return found;
  }

  /** A step that is done and sent nowhere. */
  function step(caller: Caller, purpose: ChallengePurpose, data?: Buffer): Challenge {
    const { userId, id: slot } = ownSession(caller);
    const expiresAt = new Date(clock().getTime() + setupLifetimeMs);
    const nowhere = { digest: Buffer.alloc(0), identifier: '' };
    return {
      ...nowhere,
      id: random.uuid(),
      tenantId: caller.tenant.id,
      userId,
      purpose,
      slot,
      data,
      expiresAt,
    };
  }

  /** A proof by a link to the user's address, or by a code to the number of one who has none. */
  function makeProof(
    caller: Caller,
    { user, email, mobile }: UserView,
    method: SecondFactorMethod,
  ): OutOfBand {
    const { id: userId, locale: userLocale, senderEmail } = user;
    const order = {
      userId,
      purpose: proofPurpose[method],
      slot: ownSession(caller).id,
      lifetimeMs: proofLifetimeMs,
    };
    if (email?.confirmedAt !== undefined) {
      const to = { kind: 'email', address: email.address, userLocale, senderEmail } as const;
      const page = new URL(caller.tenant.policy.pages.twoFactor);
      // One page confirms both factors, each by a method of its own.
      page.searchParams.set('factor', method);
      return linkByEmail(deps, caller, to, {
        ...order,
        template: 'two-factor-proof',
        page: page.href,
        parameter: 'token',
      });
    }
    const to = { kind: 'mobile', address: mobile?.address ?? '', userLocale, senderEmail } as const;
    const code = makeStandaloneCode(random);
    return codeBySms(deps, caller, to, { ...order, template: 'two-factor-proof-sms', code });
  }

  async function sendProof(caller: Caller, method: SecondFactorMethod, submitted: string): Promise<void> {
    const view = await ownView(caller);
    assertOwnAddress(view, submitted);
    const factors = await store.factors.find(caller.tenant.id, view.user.id);
    if (method === 'totp' ? factors.totp : factors.smsNumber !== undefined) {
      throw new DomainError('STEP_MISSING', { missingStep: `${service}/Remove${names[method]}` });
    }
    // To add a factor beside another takes the level that the other one gives (R20, R30).
    if (factors.totp || factors.smsNumber !== undefined) assertFresh(caller.session, clock());
    // A proof can only go where the user has proved himself before.
    const proved = [view.email, view.mobile].find((held) => held?.confirmedAt !== undefined);
    if (proved === undefined) throw new DomainError('NOT_FOUND');
    const { address } = proved;
    await chargeRecipient(caller, 'two-factor-proof', address);
    const proof = makeProof(caller, view, method);
    await store.transaction(async (repositories) => {
      await sendOutOfBand(repositories, proof);
      await repositories.audit.add(
        auditEvent(deps, caller, 'start-two-factor', 'success', { reason: method }),
      );
      await rememberResult(repositories, caller, undefined);
    });
  }

  async function confirmProof(caller: Caller, method: SecondFactorMethod, text: string): Promise<void> {
    const refusal = () => new DomainError('CONFIRMATION_INVALID');
    const { id: tenantId } = caller.tenant;
    const purpose = proofPurpose[method];
    const slot = ownSession(caller).id;
    const found = await store.challenges.findInSlot(tenantId, purpose, slot, clock());
    if (found === undefined || !(await store.challenges.countAttempt(tenantId, found.id, maxAttempts)))
      throw refusal();
    const token = parseChallengeToken(text);
    const digest = token?.digest ?? digestCode(vault, { tenantId, purpose, subject: slot }, text);
    if (!digest.equals(found.digest)) throw refusal();
    await store.transaction(async (repositories) => {
      if (!(await consumeChallenge(repositories, clock, found))) throw refusal();
      await repositories.challenges.put(step(caller, provenPurpose[method]));
    });
  }

  /** The end of an enrolment, in one transaction: the factor, the codes, and this session at its new level. */
  async function finish(
    caller: Caller,
    method: SecondFactorMethod,
    setup: Challenge,
    insert: (factors: Repositories['factors']) => Promise<void>,
  ): Promise<string[]> {
    const view = await ownView(caller);
    const { tenantId, id: userId } = view.user;
    const now = clock();
    return await store.transaction(async (repositories) => {
      const { factors, sessions } = repositories;
      const isFirst = methodsOf(await factors.hold(tenantId, userId)).length === 0;
      if (!(await consumeChallenge(repositories, clock, setup))) throw new DomainError('CODE_INVALID');
      await insert(factors);
      const codes = isFirst ? makeRecoveryCodes(random) : [];
      if (codes.length > 0) {
        const digests = codes.map((code) => digestRecoveryCode(vault, tenantId, userId, code));
        await factors.replaceRecoveryCodes(tenantId, userId, digests);
      }
      await sessions.raise(tenantId, view.sessionId, method === 'totp' ? 'otp' : 'sms', now);
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

    /** Makes a seed; called again it makes a new one, and the earlier one is dead. */
    async setupTotp(caller: Caller): Promise<{ secret: string; uri: string }> {
      await stepOf(caller, provenPurpose.totp, 'ConfirmTotpEmail');
      const view = await ownView(caller);
      const secret = makeTotpSeed(random);
      const data = vault.seal(seedPurpose, view.sessionId, Buffer.from(secret));
      await store.challenges.put(step(caller, setupPurpose.totp, data));
      return { secret, uri: totpUri(secret, caller.tenant.name, labelOf(view)) };
    },

    async getTotpQr(caller: Caller): Promise<Buffer> {
      const setup = await stepOf(caller, setupPurpose.totp, 'SetupTotp');
      const secret = openSeed(vault, setup);
      return await renderQr(totpUri(secret, caller.tenant.name, labelOf(await ownView(caller))));
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
      const { user, sessionId: slot } = await ownView(caller);
      const to = { kind: 'mobile', address, userLocale: user.locale, senderEmail: '' } as const;
      const order = {
        userId: user.id,
        purpose: setupPurpose.sms,
        slot,
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

/** The page's `code` of this step is an address: it has to be the user's own, and nothing is sent to any other. */
function assertOwnAddress({ email }: UserView, submitted: string): void {
  if (submitted === '' || email === undefined) return;
  if (parseEmail(submitted).canonical !== email.canonical)
    throw invalid({ field: 'email', reason: 'EMAIL_NOT_OWN' });
}
