import { type AccountChange, formerState } from '../../domain/account-change.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Challenge, ChallengePurpose } from '../../domain/challenge.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Repositories } from '../../domain/repositories.ts';
import { findByToken, type RedeemDeps } from '../challenges/redeem.ts';

export type ReportedDeps = RedeemDeps & {
  readonly store: Pick<Repositories, 'users' | 'accountChanges' | 'authenticators' | 'challenges'>;
};

/** A link that its reader has from a message about changes, and those that can still be undone, oldest first. */
export type Reported = Challenge & { readonly changes: readonly AccountChange[] };

export const refusal = () => new DomainError('RECOVERY_INVALID');

/** The changes that a link is about; undefined where it is none of that purpose, or none of them can be undone. */
export async function findReported(
  deps: ReportedDeps,
  caller: Caller,
  purpose: ChallengePurpose,
  token: string,
): Promise<Reported | undefined> {
  const challenge = await findByToken(deps, caller, purpose, token);
  if (challenge === undefined) return undefined;
  const { tenantId, userId } = challenge;
  const changes = await deps.store.accountChanges.list(tenantId, userId, deps.clock());
  return changes.length === 0 ? undefined : { ...challenge, changes };
}

/** What an account had before the oldest change that shows who its owner is. */
export async function proofsBefore(
  { store }: Pick<ReportedDeps, 'store'>,
  { tenantId, userId, changes }: Reported,
): Promise<{ readonly passwordHash: string | undefined; readonly hasApp: boolean }> {
  const former = formerState(changes).find((each) => each.kind === 'password');
  const passwordHash =
    former === undefined ? await store.users.findPasswordHash(tenantId, userId) : former.passwordHash;
  const app = await store.authenticators.findInSlot(tenantId, userId, 'totp');
  const [oldest] = changes;
  return {
    passwordHash,
    hasApp: app !== undefined && oldest !== undefined && app.createdAt < oldest.changedAt,
  };
}
