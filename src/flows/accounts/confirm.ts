import type { Caller } from '../../domain/caller.ts';
import type { Challenge, UnexpiredChallenge } from '../../domain/challenge.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import type { IdentifierKind } from '../../domain/identifier.ts';
import type { Random } from '../../domain/random.ts';
import { DuplicateError, type Repositories, type Store } from '../../domain/repositories.ts';
import type { UserView } from '../../domain/user.ts';
import type { Vault } from '../../domain/vault.ts';
import { findPresented, redeem } from '../challenges/redeem.ts';
import { sendIfRoom } from '../challenges/send.ts';
import { record, recordingFailure } from '../events/record.ts';
import { rememberResult } from '../idempotency.ts';
import { recoveryProof } from '../recovery/recover.ts';

export type ConfirmDeps = {
  readonly store: Store<
    'users' | 'identities' | 'challenges' | 'smsUsage' | 'outbox' | 'events' | 'idempotency'
  >;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

export type ConfirmCommand = { readonly token: string };

/** The result of a confirmation. */
export type Confirmed = {
  /** Whether the account has no way to sign in yet: a message to set a password is on its way. */
  readonly passwordRequired: boolean;
};

const refusal = () => new DomainError('CONFIRMATION_INVALID');

/** Confirms an e-mail address with the token of its message. */
export function createConfirmEmail(deps: ConfirmDeps) {
  return async function confirmEmail(caller: Caller, command: ConfirmCommand): Promise<Confirmed> {
    const found = await findPresented(deps, caller, 'confirm-email', { token: command.token });
    return await confirm(deps, caller, found, 'email');
  };
}

/** Confirms a mobile number with the code of its SMS. The request names nothing else. */
export function createConfirmSms(deps: ConfirmDeps) {
  return async function confirmSms(caller: Caller, command: ConfirmCommand): Promise<Confirmed> {
    const found = await findPresented(deps, caller, 'confirm-sms', { code: command.token });
    return await confirm(deps, caller, found, 'mobile');
  };
}

function confirm(
  deps: ConfirmDeps,
  caller: Caller,
  found: readonly UnexpiredChallenge[],
  kind: IdentifierKind,
): Promise<Confirmed> {
  const failed = { type: 'identifier.confirmation_failed', details: { kind } } as const;
  return recordingFailure(deps, caller, failed, async () => {
    // Two users with one code cannot be distinguished, so neither is confirmed.
    const [challenge, ...others] = found;
    if (challenge === undefined || others.length > 0) throw refusal();
    const confirmed = challenge.isRedeemed ? undefined : await confirmOnce(deps, caller, challenge, kind);
    return confirmed ?? (await confirmAgain(deps, caller, challenge, kind));
  });
}

/** A double click, or a reload: what the same token confirmed is confirmed, and nothing new is proved. */
async function confirmAgain(
  { store }: ConfirmDeps,
  caller: Caller,
  { tenantId, userId, identifier }: Challenge,
  kind: IdentifierKind,
): Promise<Confirmed> {
  const held = await store.users.findIdentifier(tenantId, { kind, canonical: identifier.toLowerCase() });
  if (held?.userId !== userId || held.confirmedAt === undefined) throw refusal();
  const result = { passwordRequired: false };
  await rememberResult(store, caller, result);
  return result;
}

/** Undefined where another call has used the challenge at this moment. */
async function confirmOnce(
  deps: ConfirmDeps,
  caller: Caller,
  challenge: Challenge,
  kind: IdentifierKind,
): Promise<Confirmed | undefined> {
  const { store, clock } = deps;
  const { tenantId, userId } = challenge;
  try {
    return await store.transaction(async (repositories) => {
      if (!(await redeem(repositories, clock, caller, challenge))) return undefined;
      await proveIdentifier(repositories, challenge, kind, clock());
      const view = await repositories.users.findById(tenantId, userId);
      const passwordRequired = view !== undefined && (await lacksSignIn(repositories, view));
      if (passwordRequired) {
        const held = kind === 'email' ? view.email : view.mobile;
        if (held === undefined) throw refusal();
        const proof = recoveryProof(deps, caller, view.user, held);
        await sendIfRoom(repositories, proof, clock());
      }
      await record(repositories, deps, caller, { type: 'identifier.confirmed', userId, details: { kind } });
      const result = { passwordRequired };
      await rememberResult(repositories, caller, result);
      return result;
    });
  } catch (error) {
    // Another user has proved the identifier at this moment.
    throw error instanceof DuplicateError ? refusal() : error;
  }
}

/** Marks the identifier of a challenge confirmed; a proof takes it away from a user who has only claimed it. */
async function proveIdentifier(
  { users }: Pick<Repositories, 'users'>,
  { tenantId, userId, identifier: address }: Challenge,
  kind: IdentifierKind,
  now: Date,
): Promise<void> {
  const identifier = { kind, canonical: address.toLowerCase() };
  if (await users.confirmIdentifier(tenantId, userId, identifier, now)) return;
  const view = await users.findById(tenantId, userId);
  const held = kind === 'email' ? view?.email : view?.mobile;
  // Another message has confirmed it before.
  if (held?.canonical === identifier.canonical && held.confirmedAt !== undefined) return;
  // An identifier that was changed since, or taken away, is not brought back by an old message.
  if (view === undefined || view.email !== undefined || view.mobile !== undefined) throw refusal();
  await users.releaseClaim(tenantId, identifier, userId, 'proved');
  await users.addIdentifier(tenantId, { ...identifier, address, userId, confirmedAt: now, addedAt: now });
  await users.markConfirmed(tenantId, userId, now);
}

/** Whether a user could not sign in: no password is theirs, and no provider knows them (R71). */
async function lacksSignIn(
  { users, identities }: Pick<Repositories, 'users' | 'identities'>,
  { user: { tenantId, id } }: UserView,
): Promise<boolean> {
  if ((await users.findPasswordHash(tenantId, id)) !== undefined) return false;
  return (await identities.listOfUser(tenantId, id)).length === 0;
}
