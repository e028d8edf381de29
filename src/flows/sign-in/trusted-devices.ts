import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { dayMs } from '../../domain/duration.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import { isUuid } from '../../domain/token.ts';
import type { TrustedDevice } from '../../domain/trusted-device.ts';
import type { User } from '../../domain/user.ts';
import { type RecordDeps, record } from '../events/record.ts';
import { ownSession } from '../sessions/own-session.ts';

type Owner = Pick<User, 'tenantId' | 'id'>;

/**
 * Trusts the device of a call after a second factor, where the tenant's policy has that and the device
 * proves a key, so that nothing that is copied from it is trusted.
 */
export async function trustDevice(
  deps: { readonly clock: Clock; readonly random: Random },
  repositories: Pick<Repositories, 'trustedDevices' | 'events'>,
  caller: Caller,
  { tenantId, id: userId }: Owner,
): Promise<void> {
  const { rememberDeviceDays } = caller.tenant.policy;
  if (rememberDeviceDays === 0 || caller.binding === undefined) return;
  const now = deps.clock();
  const { jkt } = caller.binding;
  const expiresAt = new Date(now.getTime() + rememberDeviceDays * dayMs);
  const times = { createdAt: now, lastUsedAt: now, expiresAt };
  const device = { tenantId, userId, id: deps.random.uuid(), jkt, client: caller.client, ...times };
  await repositories.trustedDevices.put(device);
  await record(repositories, deps, caller, { type: 'device.trusted', userId });
}

/** The trusted device that stands for the second factor of a sign-in, and of nothing else (R25); undefined: none. */
export async function standIn(
  { trustedDevices }: Pick<Repositories, 'trustedDevices'>,
  clock: Clock,
  { tenant, binding }: Caller,
  { tenantId, id }: Owner,
): Promise<TrustedDevice | undefined> {
  const { rememberDeviceDays } = tenant.policy;
  if (rememberDeviceDays === 0 || binding === undefined) return undefined;
  const now = clock();
  // The policy may have become stricter since.
  const since = new Date(now.getTime() - rememberDeviceDays * dayMs);
  return await trustedDevices.use(tenantId, id, binding.jkt, since, now);
}

export type TrustedDeviceDeps = RecordDeps & {
  readonly store: Store<'trustedDevices' | 'sessions' | 'events'>;
};

/** A user's own list of trusted devices. */
export function createTrustedDevices(deps: TrustedDeviceDeps) {
  const { store, clock } = deps;
  return {
    async list(caller: Caller): Promise<TrustedDevice[]> {
      return await store.trustedDevices.list(caller.tenant.id, ownSession(caller).userId, clock());
    },

    /** Trusts a device no longer, and ends the sessions that it stood in for. NOT_FOUND for what is not the user's. */
    async remove(caller: Caller, { deviceId }: { readonly deviceId: string }): Promise<void> {
      const { userId } = ownSession(caller);
      const tenantId = caller.tenant.id;
      if (!isUuid(deviceId)) throw new DomainError('NOT_FOUND');
      await store.transaction(async (repositories) => {
        if (!(await repositories.trustedDevices.remove(tenantId, userId, deviceId)))
          throw new DomainError('NOT_FOUND');
        for (const sessionId of await repositories.sessions.revokeOfDevice(
          tenantId,
          userId,
          deviceId,
          clock(),
        ))
          await record(repositories, deps, caller, {
            type: 'session.ended',
            sessionId,
            details: { cause: 'device-removed' },
          });
        await record(repositories, deps, caller, { type: 'device.removed' });
      });
    },
  };
}
