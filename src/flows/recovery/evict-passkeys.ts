import { recentMs } from '../../domain/account-change.ts';
import type { Clock } from '../../domain/clock.ts';
import type { Repositories } from '../../domain/repositories.ts';
import { requiresSecondFactor, type Tenant } from '../../domain/tenant.ts';

export type EvictStores = 'authenticators' | 'recoveryCodes' | 'users';

/** Removes the passkeys of a user that came since a time; with the last authenticator go the recovery codes. */
export async function removePasskeysSince(
  { authenticators, recoveryCodes }: Pick<Repositories, EvictStores>,
  tenantId: string,
  userId: string,
  since: Date,
): Promise<void> {
  const rows = await authenticators.list(tenantId, userId);
  const recent = rows.filter(({ kind, createdAt }) => kind === 'passkey' && createdAt >= since);
  for (const { slot } of recent) await authenticators.remove(tenantId, userId, slot);
  if (recent.length > 0 && recent.length === rows.length) await recoveryCodes.replace(tenantId, userId, []);
}

/**
 * Removes the passkeys that an intruder may have added since a time. Where passkeys are the account's second factor and there is
 * no older one they stay: a mailbox alone lowers no account (R36).
 */
export async function evictPasskeysSince(
  repositories: Pick<Repositories, EvictStores>,
  { id: tenantId, policy }: Tenant,
  userId: string,
  since: Date,
): Promise<void> {
  const { isPasskeyOnly } = await repositories.authenticators.findForUpdate(tenantId, userId);
  if (isPasskeyOnly || requiresSecondFactor(policy)) {
    const rows = await repositories.authenticators.list(tenantId, userId);
    if (!rows.some(({ kind, createdAt }) => kind === 'passkey' && createdAt < since)) return;
  }
  await removePasskeysSince(repositories, tenantId, userId, since);
}

/** The same with those of the last 72 hours. */
export const evictRecentPasskeys = (
  repositories: Pick<Repositories, EvictStores>,
  clock: Clock,
  tenant: Tenant,
  userId: string,
): Promise<void> => evictPasskeysSince(repositories, tenant, userId, new Date(clock().getTime() - recentMs));
