import type { Caller } from '../../domain/caller.ts';
import type { Challenge } from '../../domain/challenge.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import { type IdentifierKind, type ParsedIdentifier, parseIdentifier } from '../../domain/identifier.ts';
import { digestCode, makeDigitCode } from '../../domain/one-time-code.ts';
import type { Random } from '../../domain/random.ts';
import { DuplicateError, type Store } from '../../domain/repositories.ts';
import { parseChallengeToken } from '../../domain/token.ts';
import type { UserView } from '../../domain/user.ts';
import type { Vault } from '../../domain/vault.ts';
import { auditEvent, auditFailure } from '../audit.ts';
import { rememberResult } from '../idempotency.ts';
import type { RecipientCharge } from '../limits.ts';
import { composeNotice, type Recipient, tellUser } from '../messages.ts';
import { codeBySms, linkByEmail, type OutOfBand, sendOutOfBand } from '../out-of-band.ts';
import { ownSession } from '../sessions/own-session.ts';
import { consumeChallenge } from '../sms-guard.ts';

export type ChangeIdentifierDeps = {
  readonly store: Store<
    'users' | 'challenges' | 'sessions' | 'smsUsage' | 'outbox' | 'audit' | 'idempotency'
  >;
  readonly chargeRecipient: RecipientCharge;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

/** Sends the proof for a new identifier of the caller's user. */
export type StartChange = (caller: Caller, view: UserView, identifier: ParsedIdentifier) => Promise<void>;

const linkLifetimeMs = 86_400_000;
const codeLifetimeMs = 300_000;
/** How many guesses a code survives (R8). */
const maxAttempts = 5;

const purposes = { email: 'change-email', mobile: 'change-mobile' } as const;

/**
 * Starts a change: the new address gets a link, the new number a code. One that has an
 * account already gets a notice instead, and the caller sees the same answer (R33).
 */
export function createStartChange(deps: ChangeIdentifierDeps): StartChange {
  const { store, chargeRecipient, clock, random } = deps;
  return async (caller, view, identifier) => {
    const { id: tenantId } = caller.tenant;
    const { id: userId, locale: userLocale, senderEmail } = view.user;
    await chargeRecipient(caller, purposes[identifier.kind], identifier.canonical);
    const taken = await store.users.findIdentifier(tenantId, identifier);
    const recipient = { kind: identifier.kind, address: identifier.address, userLocale, senderEmail };

    await store.transaction(async (repositories) => {
      // An unproved claim does not stop another user from proving it.
      if (taken?.confirmedAt === undefined) {
        await sendOutOfBand(repositories, proofOf(deps, caller, userId, recipient));
      } else if (taken.userId !== userId) {
        await repositories.outbox.add(composeNotice(deps, caller, recipient, 'account-exists'));
      }
      await repositories.audit.add(
        auditEvent({ clock, random }, caller, 'start-identifier-change', 'success'),
      );
      await rememberResult(repositories, caller, undefined);
    });
  };
}

function proofOf(deps: ChangeIdentifierDeps, caller: Caller, userId: string, to: Recipient): OutOfBand {
  if (to.kind === 'email') {
    return linkByEmail(deps, caller, to, {
      userId,
      purpose: purposes.email,
      slot: userId,
      template: 'change-email',
      page: caller.tenant.policy.pages.confirm,
      parameter: 'token',
      lifetimeMs: linkLifetimeMs,
    });
  }
  return codeBySms(deps, caller, to, {
    userId,
    purpose: purposes.mobile,
    slot: userId,
    subject: userId,
    template: 'change-mobile',
    code: makeDigitCode(deps.random),
    lifetimeMs: codeLifetimeMs,
  });
}

export type StartChangeCommand = {
  readonly email: string;
  readonly mobile: string;
  readonly mobileSeed: string;
};

/** The four RPCs of a change: two that start it and two that finish it. */
export function createChangeIdentifier(deps: ChangeIdentifierDeps) {
  const { store, vault, clock } = deps;
  const startChange = createStartChange(deps);

  async function start(caller: Caller, type: IdentifierKind, command: StartChangeCommand): Promise<void> {
    const identifier = parseIdentifier({ ...command, type }, caller.tenant.policy);
    await startChange(caller, ownSession(caller).holder, identifier);
  }

  return {
    startEmailChange: (caller: Caller, command: { readonly email: string }) =>
      start(caller, 'email', { ...command, mobile: '', mobileSeed: '' }),

    startMobileChange: (caller: Caller, command: { readonly mobile: string; readonly mobileSeed: string }) =>
      start(caller, 'mobile', { ...command, email: '' }),

    confirmEmailChange: (caller: Caller, command: { readonly token: string }) =>
      auditFailure(deps, caller, 'change-identifier', async () => {
        const { userId } = ownSession(caller);
        const refusal = () => new DomainError('CONFIRMATION_INVALID');
        const token = parseChallengeToken(command.token);
        if (token === undefined) throw refusal();
        const { challengeId, digest } = token;
        const found = await store.challenges.findLive(
          caller.tenant.id,
          challengeId,
          purposes.email,
          digest,
          clock(),
        );
        if (found === undefined || found.userId !== userId) throw refusal();
        await finish(deps, caller, found, refusal);
      }),

    confirmMobileChange: (caller: Caller, command: { readonly code: string }) =>
      auditFailure(deps, caller, 'change-identifier', async () => {
        const { userId } = ownSession(caller);
        const refusal = () => new DomainError('CODE_INVALID');
        const { id: tenantId } = caller.tenant;
        const found = await store.challenges.findInSlot(tenantId, purposes.mobile, userId, clock());
        if (found === undefined) throw refusal();
        if (!(await store.challenges.countAttempt(tenantId, found.id, maxAttempts))) throw refusal();
        const scope = { tenantId, purpose: purposes.mobile, subject: userId };
        if (!digestCode(vault, scope, command.code).equals(found.digest)) throw refusal();
        await finish(deps, caller, found, refusal);
      }),
  };
}

/** Takes the new identifier over; the old one gets a notice, other sessions and all that is outstanding die (R19). */
async function finish(
  { store, clock, random }: ChangeIdentifierDeps,
  caller: Caller,
  challenge: Challenge,
  refusal: () => DomainError,
): Promise<void> {
  const { tenantId, userId, identifier, purpose } = challenge;
  const kind: IdentifierKind = purpose === purposes.email ? 'email' : 'mobile';
  const now = clock();
  const view = await store.users.findById(tenantId, userId);
  if (view === undefined) throw refusal();
  const canonical = identifier.toLowerCase();
  try {
    await store.transaction(async (repositories) => {
      const { challenges, users, sessions, outbox, audit } = repositories;
      if (!(await consumeChallenge(repositories, clock, caller, challenge))) throw refusal();
      await users.releaseClaim(tenantId, { kind, canonical }, userId, 'proved');
      await users.replaceIdentifier(tenantId, {
        kind,
        canonical,
        address: identifier,
        userId,
        confirmedAt: now,
        addedAt: now,
      });
      await challenges.killAll(tenantId, userId);
      await sessions.revokeOthers(tenantId, userId, caller.session?.id, now);
      // Everything that the user had before hears of it: the caller may be an intruder.
      await tellUser({ clock, random }, { outbox }, caller, view, 'identifier-changed');
      await audit.add(auditEvent({ clock, random }, caller, 'change-identifier', 'success'));
    });
  } catch (error) {
    // Someone else has taken the identifier since the change began.
    throw error instanceof DuplicateError ? refusal() : error;
  }
}
