import type { Caller } from '../../domain/caller.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Challenge, IdentifierKind } from '../../domain/model.ts';
import { digestCode } from '../../domain/one-time-code.ts';
import type { Clock, Random, Vault } from '../../domain/ports.ts';
import type { Store } from '../../domain/repositories.ts';
import { parseChallengeToken } from '../../domain/token.ts';
import { auditEvent, auditFailure } from '../audit.ts';
import { rememberResult } from '../idempotency.ts';
import { consumeChallenge } from '../sms-guard.ts';

export type ConfirmDeps = {
  readonly store: Store<'users' | 'challenges' | 'smsUsage' | 'audit' | 'idempotency'>;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

export type ConfirmCommand = { readonly token: string };

const refusal = () => new DomainError('CONFIRMATION_INVALID');

/** Confirms an e-mail address with the token of its message, once. */
export function createConfirmEmail(deps: ConfirmDeps) {
  return async function confirmEmail(caller: Caller, command: ConfirmCommand): Promise<void> {
    const token = parseChallengeToken(command.token);
    if (token === undefined) return await confirm(deps, caller, undefined, 'email');
    const { challengeId, digest } = token;
    const now = deps.clock();
    const challenge = await deps.store.challenges.findLive(
      caller.tenant.id,
      challengeId,
      'confirm-email',
      digest,
      now,
    );
    await confirm(deps, caller, challenge, 'email');
  };
}

/** Confirms a mobile number with the code of its SMS, once. The request names nothing else. */
export function createConfirmSms(deps: ConfirmDeps) {
  return async function confirmSms(caller: Caller, command: ConfirmCommand): Promise<void> {
    const scope = { tenantId: caller.tenant.id, purpose: 'confirm-sms', subject: '' } as const;
    const digest = digestCode(deps.vault, scope, command.token);
    const found = await deps.store.challenges.findLiveByDigest(
      caller.tenant.id,
      'confirm-sms',
      digest,
      deps.clock(),
    );
    // Two users with one code: neither can be told, so neither is confirmed.
    await confirm(deps, caller, found.length === 1 ? found[0] : undefined, 'mobile');
  };
}

function confirm(
  deps: ConfirmDeps,
  caller: Caller,
  challenge: Challenge | undefined,
  kind: IdentifierKind,
): Promise<void> {
  return auditFailure(deps, caller, `confirm-${kind}`, () => confirmOnce(deps, caller, challenge, kind));
}

async function confirmOnce(
  { store, clock, random }: ConfirmDeps,
  caller: Caller,
  challenge: Challenge | undefined,
  kind: IdentifierKind,
): Promise<void> {
  if (challenge === undefined) throw refusal();
  const { tenantId, userId, identifier } = challenge;
  const now = clock();
  await store.transaction(async (repositories) => {
    if (!(await consumeChallenge(repositories, clock, challenge))) throw refusal();
    const canonical = identifier.toLowerCase();
    if (!(await repositories.users.confirmIdentifier(tenantId, userId, { kind, canonical }, now)))
      throw refusal();
    await repositories.audit.add(
      auditEvent({ clock, random }, caller, `confirm-${kind}`, 'success', { userId }),
    );
    await rememberResult(repositories, caller, undefined);
  });
}
