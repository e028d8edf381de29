import { amrOf, type CodeKind, hasAuthenticator } from '../../domain/authenticator.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Challenge, EnrolmentStep } from '../../domain/challenge.ts';
import { parseEmail } from '../../domain/email.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import { assertFresh } from '../../domain/freshness.ts';
import { makeStandaloneCode } from '../../domain/one-time-code.ts';
import { DuplicateError, type Store } from '../../domain/repositories.ts';
import { lacksRequired } from '../../domain/tenant.ts';
import type { UserView } from '../../domain/user.ts';
import { afterChange } from '../after-change.ts';
import { findInSlot, maxAttempts, redeem } from '../challenges/redeem.ts';
import { codeBySms, linkByEmail, type OutOfBand, send, stepChallenge } from '../challenges/send.ts';
import type { RecipientCharge } from '../charges.ts';
import { record, recordingFailure } from '../events/record.ts';
import { rememberResult } from '../idempotency.ts';
import { recipientOf } from '../messages.ts';
import { ownSession } from '../sessions/own-session.ts';
import type { AuthenticatorDeps } from './kind.ts';
import type { AuthenticatorTypes } from './kinds.ts';
import { renewRecoveryCodes } from './recovery-codes.ts';

export type EnrolmentDeps = Omit<AuthenticatorDeps, 'store'> & {
  readonly store: Store<
    | 'authenticators'
    | 'recoveryCodes'
    | 'challenges'
    | 'sessions'
    | 'grants'
    | 'trustedDevices'
    | 'factorResets'
    | 'users'
    | 'smsUsage'
    | 'outbox'
    | 'events'
    | 'idempotency'
  >;
  readonly types: AuthenticatorTypes;
  readonly chargeRecipient: RecipientCharge;
};

const proofLifetimeMs = 600_000;
/** Lifetime of the steps after the proof. */
const setupLifetimeMs = 900_000;

const purposeOf = <S extends EnrolmentStep>(kind: CodeKind, step: S) => `${kind}-${step}` as const;

/**
 * The procedure of every enrolment: a proof to an identifier of the user, the setup of the kind, a first
 * code. Each step is a row of the session, so that none can be skipped, reordered, or begun in
 * one session and ended in another (R30).
 */
export function createEnrolment(deps: EnrolmentDeps) {
  const { store, types, chargeRecipient, clock, random } = deps;

  /** The live step of this session, or STEP_MISSING with the RPC that makes it. */
  async function stepOf(caller: Caller, kind: CodeKind, step: 'proven' | 'setup'): Promise<Challenge> {
    const slot = ownSession(caller).id;
    const found = await store.challenges.findInSlot(caller.tenant.id, purposeOf(kind, step), slot, clock());
    const { proofStep, setupStep } = types[kind];
    if (found === undefined)
      throw new DomainError('STEP_MISSING', { missingStep: step === 'proven' ? proofStep : setupStep });
    return found;
  }

  function newStep(caller: Caller, kind: CodeKind, step: 'proven' | 'setup', data?: Buffer): Challenge {
    const { userId, id: slot } = ownSession(caller);
    const owner = { tenantId: caller.tenant.id, userId };
    const purpose = purposeOf(kind, step);
    return stepChallenge(deps, owner, { purpose, slot, data, lifetimeMs: setupLifetimeMs });
  }

  /** A link to the user's address, or a code to the number of a user without an address. */
  function makeProof(caller: Caller, { user, email, mobile }: UserView, kind: CodeKind): OutOfBand {
    const slot = ownSession(caller).id;
    const order = { userId: user.id, purpose: purposeOf(kind, 'proof'), slot, lifetimeMs: proofLifetimeMs };
    if (email?.confirmedAt !== undefined) {
      const page = new URL(caller.tenant.policy.pages.twoFactor);
      // One page confirms every kind.
      page.searchParams.set('factor', kind);
      const link = { template: 'two-factor-proof', page: page.href, parameter: 'token' } as const;
      return linkByEmail(deps, caller, recipientOf(user, email), { ...order, ...link });
    }
    const to = recipientOf(user, { kind: 'mobile', address: mobile?.address ?? '' });
    const code = { template: 'two-factor-proof-sms', code: makeStandaloneCode(random) } as const;
    return codeBySms(deps, caller, to, { ...order, subject: slot, ...code });
  }

  async function sendProof(caller: Caller, kind: CodeKind, submitted: string): Promise<void> {
    const { holder: view } = ownSession(caller);
    assertOwnAddress(view, submitted);
    const enrolled = await store.authenticators.findEnrolled(caller.tenant.id, view.user.id);
    if (enrolled.kinds.includes(kind))
      throw new DomainError('STEP_MISSING', { missingStep: types[kind].removeStep });
    // Adding an authenticator beside another takes the level of the session that has both (R20, R30).
    if (hasAuthenticator(enrolled)) assertFresh(caller.session, clock());
    // A proof is sent only to a confirmed identifier.
    const proved = [view.email, view.mobile].find((held) => held?.confirmedAt !== undefined);
    if (proved === undefined) throw new DomainError('NOT_FOUND');
    await chargeRecipient(caller, 'two-factor-proof', proved.address);
    const proof = makeProof(caller, view, kind);
    await store.transaction(async (repositories) => {
      await send(repositories, proof);
      await record(repositories, deps, caller, {
        type: 'authenticator.enrolment_started',
        details: { kind },
      });
      await rememberResult(repositories, caller, undefined);
    });
  }

  const recordingFailureOf = <R>(caller: Caller, kind: CodeKind, step: () => Promise<R>) =>
    recordingFailure(deps, caller, { type: 'authenticator.enrolment_failed', details: { kind } }, step);

  const confirmProof = (caller: Caller, kind: CodeKind, text: string) =>
    recordingFailureOf(caller, kind, async () => {
      const slot = ownSession(caller).id;
      const found = await findInSlot(deps, caller, purposeOf(kind, 'proof'), slot, text);
      if (found === undefined) throw new DomainError('CONFIRMATION_INVALID');
      await store.transaction(async (repositories) => {
        if (!(await redeem(repositories, clock, caller, found)))
          throw new DomainError('CONFIRMATION_INVALID');
        await repositories.challenges.put(newStep(caller, kind, 'proven'));
      });
    });

  /** The last step: the authenticator, the first recovery codes, and this session at its new level. */
  async function finish(
    caller: Caller,
    kind: CodeKind,
    setup: Challenge,
    kept: { readonly data: Buffer; readonly counter: number },
  ): Promise<string[]> {
    const { holder: view, id: sessionId } = ownSession(caller);
    const { tenantId, id: userId } = view.user;
    const now = clock();
    const row = {
      tenantId,
      userId,
      id: random.uuid(),
      kind,
      slot: kind,
      label: '',
      flags: 0,
      lookup: undefined,
    };
    return await store.transaction(async (repositories) => {
      const enrolled = await repositories.authenticators.findForUpdate(tenantId, userId);
      const isFirst = !hasAuthenticator(enrolled);
      if (!(await redeem(repositories, clock, caller, setup))) throw new DomainError('CODE_INVALID');
      await repositories.authenticators.insert({ ...row, ...kept, createdAt: now, lastUsedAt: undefined });
      const codes = isFirst ? await renewRecoveryCodes(repositories, deps, tenantId, userId) : [];
      // Another kind may be demanded still.
      const level = lacksRequired(caller.tenant.policy, [...enrolled.kinds, kind])
        ? 'enrol-only'
        : 'signed-in';
      await repositories.sessions.addSecondFactor(tenantId, sessionId, amrOf[kind], now, level);
      const event = { type: 'authenticator.added', details: { kind } } as const;
      await afterChange(deps, repositories, caller, view, { notice: 'two-factor-changed', event });
      await rememberResult(repositories, caller, codes);
      return codes;
    });
  }

  const confirm = (caller: Caller, kind: CodeKind, code: string): Promise<string[]> =>
    recordingFailureOf(caller, kind, async () => {
      const setup = await stepOf(caller, kind, 'setup');
      if (!(await store.challenges.countAttempt(setup.tenantId, setup.id, maxAttempts)))
        throw new DomainError('CODE_INVALID');
      const kept = types[kind].confirm(setup, code);
      if (kept === undefined) throw new DomainError('CODE_INVALID');
      try {
        return await finish(caller, kind, setup, kept);
      } catch (error) {
        // Two sessions of one user enrolled the same kind at this moment.
        throw error instanceof DuplicateError ? new DomainError('CODE_INVALID') : error;
      }
    });

  return { sendProof, confirmProof, confirm, stepOf, newStep };
}

export type Enrolment = ReturnType<typeof createEnrolment>;

/** The page's `code` of this step is an address: it has to be the user's own, and nothing is sent to any other. */
function assertOwnAddress({ email }: UserView, submitted: string): void {
  if (submitted === '' || email === undefined) return;
  if (parseEmail(submitted).canonical !== email.canonical)
    throw invalid({ field: 'email', reason: 'EMAIL_NOT_OWN' });
}
