import type { Caller } from '../../domain/caller.ts';
import type { Challenge } from '../../domain/challenge.ts';
import type { Clock } from '../../domain/clock.ts';
import { dayMs } from '../../domain/duration.ts';
import { DomainError } from '../../domain/errors.ts';
import { type IdentifierKind, type ParsedIdentifier, parseIdentifier } from '../../domain/identifier.ts';
import { makeDigitCode } from '../../domain/one-time-code.ts';
import type { Random } from '../../domain/random.ts';
import { DuplicateError, type Store } from '../../domain/repositories.ts';
import type { UserView } from '../../domain/user.ts';
import type { Vault } from '../../domain/vault.ts';
import { afterUndoableChange, type UndoableChangeStores } from '../after-change.ts';
import { findByToken, findInSlot, redeem } from '../challenges/redeem.ts';
import { codeBySms, linkByEmail, type OutOfBand, send } from '../challenges/send.ts';
import type { RecipientCharge } from '../charges.ts';
import { record, recordingFailure } from '../events/record.ts';
import { rememberResult } from '../idempotency.ts';
import { composeNotice, type Recipient, recipientOf } from '../messages.ts';
import type { UndoLinkDeps } from '../recovery/undo-link.ts';
import { ownSession } from '../sessions/own-session.ts';

export type ChangeIdentifierDeps = {
  readonly store: Store<UndoableChangeStores | 'smsUsage' | 'idempotency'>;
  readonly chargeRecipient: RecipientCharge;
  readonly undoPage: UndoLinkDeps['undoPage'];
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

/** Sends the proof for a new identifier of the caller's user. */
export type StartChange = (caller: Caller, view: UserView, identifier: ParsedIdentifier) => Promise<void>;

const linkLifetimeMs = dayMs;
const codeLifetimeMs = 300_000;

const purposes = { email: 'change-email', mobile: 'change-mobile' } as const;

/**
 * Starts a change: the new address gets a link, the new number a code. One that has an
 * account already gets a notice instead, and the caller sees the same answer (R33).
 */
export function createStartChange(deps: ChangeIdentifierDeps): StartChange {
  const { store, chargeRecipient } = deps;
  return async (caller, view, identifier) => {
    const { id: tenantId } = caller.tenant;
    const { id: userId } = view.user;
    await chargeRecipient(caller, purposes[identifier.kind], identifier.canonical);
    const taken = await store.users.findIdentifier(tenantId, identifier);
    const recipient = recipientOf(view.user, identifier);

    await store.transaction(async (repositories) => {
      // An unproved claim does not stop another user from proving it.
      if (taken?.confirmedAt === undefined) {
        await send(repositories, proofOf(deps, caller, userId, recipient));
      } else if (taken.userId !== userId) {
        // To the owner as they are stored, and not as the caller has written them (R39).
        const owner = recipientOf(taken, taken);
        await repositories.outbox.add(composeNotice(deps, caller, owner, 'account-exists'));
      }
      const details = { kind: identifier.kind };
      await record(repositories, deps, caller, { type: 'identifier.change_started', details });
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
  const startChange = createStartChange(deps);

  const confirming = (
    caller: Caller,
    kind: IdentifierKind,
    find: () => Promise<Challenge | undefined>,
  ): Promise<void> => {
    const failed = { type: 'identifier.change_failed', details: { kind } } as const;
    return recordingFailure(deps, caller, failed, async () => {
      const refusal = () => new DomainError(kind === 'email' ? 'CONFIRMATION_INVALID' : 'CODE_INVALID');
      const found = await find();
      if (found?.userId !== ownSession(caller).userId) throw refusal();
      await finish(deps, caller, found, kind, refusal);
    });
  };

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
      confirming(caller, 'email', () => findByToken(deps, caller, purposes.email, command.token)),

    confirmMobileChange: (caller: Caller, command: { readonly code: string }) =>
      confirming(caller, 'mobile', () =>
        findInSlot(deps, caller, purposes.mobile, ownSession(caller).userId, command.code),
      ),
  };
}

/** Puts the new identifier instead of the old one, which gets a notice; other sessions end (R19). */
async function finish(
  deps: ChangeIdentifierDeps,
  caller: Caller,
  challenge: Challenge,
  kind: IdentifierKind,
  refusal: () => DomainError,
): Promise<void> {
  const { store, clock } = deps;
  const { tenantId, userId, identifier: address } = challenge;
  const now = clock();
  const view = await store.users.findById(tenantId, userId);
  if (view === undefined) throw refusal();
  const identifier = { kind, canonical: address.toLowerCase() };
  try {
    await store.transaction(async (repositories) => {
      const { users } = repositories;
      if (!(await redeem(repositories, clock, caller, challenge))) throw refusal();
      await users.releaseClaim(tenantId, identifier, userId, 'proved');
      const held = { ...identifier, address, userId, confirmedAt: now, addedAt: now };
      await users.replaceIdentifier(tenantId, held);
      // The identifiers of before get the notice: the caller may be an intruder.
      const event = { type: 'identifier.changed', details: { kind } } as const;
      const former = { kind, identifier: kind === 'email' ? view.email : view.mobile };
      await afterUndoableChange(deps, repositories, caller, view, {
        notice: 'identifier-changed',
        event,
        former,
      });
    });
  } catch (error) {
    // Another user has taken the identifier since the change began.
    throw error instanceof DuplicateError ? refusal() : error;
  }
}
