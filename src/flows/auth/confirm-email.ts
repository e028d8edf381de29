import type { Caller } from '../../domain/caller.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Clock, Store } from '../../domain/ports.ts';
import { parseChallengeToken } from '../../domain/token.ts';

export type ConfirmEmailDeps = {
  readonly store: Store<'users' | 'challenges'>;
  readonly clock: Clock;
};

/** Confirms an e-mail address with the token of its message, once. */
export function createConfirmEmail({ store, clock }: ConfirmEmailDeps) {
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

    await store.transaction(async ({ challenges, users }) => {
      if (!(await challenges.consume(tenantId, challenge.id, now))) throw refuse();
      const identifier = { kind: 'email', canonical: challenge.identifier } as const;
      if (!(await users.confirmIdentifier(tenantId, challenge.userId, identifier, now))) throw refuse();
    });
  };
}
