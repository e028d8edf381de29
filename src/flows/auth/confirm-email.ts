import type { Caller } from '../../domain/caller.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Clock, Random, Store } from '../../domain/ports.ts';
import { parseChallengeToken } from '../../domain/token.ts';
import { auditEvent } from '../audit.ts';
import { rememberResult } from '../idempotency.ts';

export type ConfirmEmailDeps = {
  readonly store: Store<'users' | 'challenges' | 'audit' | 'idempotency'>;
  readonly clock: Clock;
  readonly random: Random;
};

/** Confirms an e-mail address with the token of its message, once. */
export function createConfirmEmail({ store, clock, random }: ConfirmEmailDeps) {
  return async function confirmEmail(caller: Caller, command: { readonly token: string }): Promise<void> {
    const refuse = () => new DomainError('CONFIRMATION_INVALID');
    const tenantId = caller.tenant.id;
    const token = parseChallengeToken(command.token);
    if (token === undefined) throw refuse();
    const now = clock();
    const challenge = await store.challenges.findLive(
      tenantId,
      token.challengeId,
      'confirm-email',
      token.digest,
      now,
    );
    if (challenge === undefined) throw refuse();

    await store.transaction(async (repositories) => {
      const { challenges, users, audit } = repositories;
      if (!(await challenges.consume(tenantId, challenge.id, now))) throw refuse();
      const identifier = { kind: 'email', canonical: challenge.identifier } as const;
      if (!(await users.confirmIdentifier(tenantId, challenge.userId, identifier, now))) throw refuse();
      const { userId } = challenge;
      await audit.add(auditEvent({ clock, random }, caller, 'confirm-email', 'success', { userId }));
      await rememberResult(repositories, caller, undefined);
    });
  };
}
