import type { AccountChange } from '../../domain/account-change.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Challenge } from '../../domain/challenge.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Repositories } from '../../domain/repositories.ts';
import { findByToken, type RedeemDeps } from '../challenges/redeem.ts';
import { undoLinkMs } from './undo-link.ts';

export type ReportedDeps = RedeemDeps & {
  readonly store: Pick<Repositories, 'accountChanges' | 'challenges'>;
};

/** A link of a message about changes, and those that can still be undone, oldest first. */
export type Reported = Challenge & { readonly changes: readonly AccountChange[] };

/** What the link of an undo that waits carries, in milliseconds since 1970. */
export type Wait = { readonly requestedAt: number; readonly readyAt: number };

export const waitOf = ({ data }: Pick<Challenge, 'data'>): Wait => JSON.parse(data?.toString() ?? '') as Wait;

export const refusal = () => new DomainError('RECOVERY_INVALID');

/** Throws where none is left of the changes that a link was made for: later ones of the owner are no matter of it. */
export function assertConcerned(link: Challenge, [oldest]: readonly AccountChange[]): void {
  const madeAt =
    link.purpose === 'account-restore' ? waitOf(link).requestedAt : link.expiresAt.getTime() - undoLinkMs;
  if (oldest === undefined || oldest.changedAt.getTime() > madeAt) throw refusal();
}

/** The changes that a link is about; undefined where it is none of that purpose. Throws where none of them can be undone. */
export async function findReported(
  deps: ReportedDeps,
  caller: Caller,
  purpose: 'account-undo' | 'account-restore',
  token: string,
): Promise<Reported | undefined> {
  const challenge = await findByToken(deps, caller, purpose, token);
  if (challenge === undefined) return undefined;
  const { tenantId, userId } = challenge;
  const changes = await deps.store.accountChanges.list(tenantId, userId, deps.clock());
  assertConcerned(challenge, changes);
  return { ...challenge, changes };
}
