import type { SecondFactorMethod } from '../../domain/authenticator.ts';
import type { Caller } from '../../domain/caller.ts';
import { parseEmail } from '../../domain/email.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import { assertFresh } from '../../domain/freshness.ts';
import { digestCode, makeStandaloneCode } from '../../domain/one-time-code.ts';
import { parseChallengeToken } from '../../domain/token.ts';
import type { UserView } from '../../domain/user.ts';
import { auditEvent } from '../audit.ts';
import { rememberResult } from '../idempotency.ts';
import { codeBySms, linkByEmail, type OutOfBand, sendOutOfBand } from '../out-of-band.ts';
import { ownSession } from '../sessions/own-session.ts';
import { consumeChallenge } from '../sms-guard.ts';
import {
  type EnrolDeps,
  maxAttempts,
  names,
  proofPurpose,
  provenPurpose,
  type Steps,
  service,
} from './steps.ts';

const proofLifetimeMs = 600_000;

/** The first step of an enrolment: a proof to the user's own address or number. */
export function createProofs(deps: EnrolDeps, { step }: Steps) {
  const { store, chargeRecipient, vault, clock, random } = deps;

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
    const message = { template: 'two-factor-proof-sms', code } as const;
    return codeBySms(deps, caller, to, { ...order, subject: order.slot, ...message });
  }

  async function sendProof(caller: Caller, method: SecondFactorMethod, submitted: string): Promise<void> {
    const { holder: view } = ownSession(caller);
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
      if (!(await consumeChallenge(repositories, clock, caller, found))) throw refusal();
      await repositories.challenges.put(step(caller, provenPurpose[method]));
    });
  }

  return { sendProof, confirmProof };
}

/** The page's `code` of this step is an address: it has to be the user's own, and nothing is sent to any other. */
function assertOwnAddress({ email }: UserView, submitted: string): void {
  if (submitted === '' || email === undefined) return;
  if (parseEmail(submitted).canonical !== email.canonical)
    throw invalid({ field: 'email', reason: 'EMAIL_NOT_OWN' });
}
