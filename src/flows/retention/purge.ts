import type { Clock } from '../../domain/clock.ts';
import { dayMs } from '../../domain/duration.ts';
import type { TenantPolicy } from '../../domain/policy.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import { type Retained, retained } from '../../domain/retention.ts';
import { purgeTimeOf, type Tenant } from '../../domain/tenant.ts';
import { uuidOfTime } from '../../domain/token.ts';
import { record, serviceActor } from '../events/record.ts';
import { everyTenant } from '../every-tenant.ts';
import { deploymentId } from '../manage/manager.ts';

export type PurgeDeps = {
  readonly store: Store<'tenants' | 'leases' | 'retention' | 'events' | 'eventLogs'>;
  /** The days that ended rows are kept. */
  readonly retention: Readonly<Record<Retained, number>>;
  readonly clock: Clock;
  readonly random: Random;
  /** Between two batches: other work comes first. */
  readonly rest: () => Promise<void>;
  /** Whether the service is on its way out: the batch in hand is the last one. */
  readonly isStopping: () => boolean;
  /** Called with where a table could not be purged; the others are. */
  readonly onError: (error: unknown) => void;
};

const batchRows = 500;
const leaseName = 'retention';
const leaseMs = 120_000;

/**
 * Deletes what has expired, in small batches with rests between them, by one
 * instance at a time: the holder of the lease renews it, and if the holder stops, another
 * one continues after it. Counters that still count and rows that may still be asked for stay.
 */
export function createPurge({ store, retention, clock, random, rest, isStopping, onError }: PurgeDeps) {
  const holder = random.uuid();

  async function keepLease(): Promise<boolean> {
    const now = clock();
    return await store.leases.take(leaseName, holder, now, new Date(now.getTime() + leaseMs));
  }

  /** The time before which rows are over. Events end by the day, so that one record a day tells of it. */
  function endOf(what: Retained, policy: TenantPolicy | undefined): Date {
    if (what !== 'events') return new Date(clock().getTime() - retention[what] * dayMs);
    const days = Math.min(retention.events, policy?.eventRetentionDays || retention.events);
    return new Date(Math.floor(clock().getTime() / dayMs - days) * dayMs);
  }

  /**
   * The position before which the events of a tenant are over. What is about to go is recorded first: an event that is gone
   * without such a record was deleted by someone else.
   */
  async function endOfLog(tenantId: string, before: Date): Promise<number> {
    const { eventLogs } = store;
    const oldest = await eventLogs.oldestPosition(tenantId);
    if (oldest === undefined) return 0;
    const [log] = await eventLogs.findCurrent([tenantId]);
    const end = (await eventLogs.positionOf(tenantId, uuidOfTime(before))) ?? (log?.size ?? 0) + 1;
    if (oldest >= end) return 0;
    const actor = serviceActor(tenantId);
    await record(store, { clock, random }, actor, { type: 'events.expired', details: { before: end } });
    return end;
  }

  /** One table of one tenant; undefined where the lease is lost. */
  async function purgeTable(
    what: Retained,
    tenantId: string,
    policy: TenantPolicy | undefined,
  ): Promise<number | undefined> {
    if (isStopping() || !(await keepLease())) return undefined;
    const end = what === 'events' ? await endOfLog(tenantId, endOf(what, policy)) : 0;
    for (let total = 0; ; ) {
      if (isStopping() || !(await keepLease())) return undefined;
      const before = endOf(what, policy);
      const inLog = end === 0 ? 0 : await store.eventLogs.deleteBefore(tenantId, end, batchRows);
      const deleted = inLog + (await store.retention.purge(what, tenantId, before, batchRows));
      total += deleted;
      if (deleted < batchRows) return total;
      await rest();
    }
  }

  /** Every table of one tenant, or of what concerns none; false where the lease is lost. */
  async function purgeTenant(
    tenantId: string,
    policy: TenantPolicy | undefined,
    count: (rows: number) => void,
  ): Promise<boolean> {
    for (const what of retained) {
      const deleted = await purgeTable(what, tenantId, policy).catch((error: unknown) => {
        onError(error);
        return 0;
      });
      if (deleted === undefined) return false;
      count(deleted);
    }
    await rest();
    return true;
  }

  const isOver = ({ status, deletedAt }: Tenant) =>
    status === 'suspended' && deletedAt !== undefined && purgeTimeOf(deletedAt) <= clock();

  /** Everything of a tenant that its owner gave up a month ago; false where the lease is lost. */
  async function purgeWhole({ id, slug }: Tenant, count: (rows: number) => void): Promise<boolean> {
    for (;;) {
      if (isStopping() || !(await keepLease())) return false;
      // An operator may have brought it back meanwhile.
      const tenant = await store.tenants.findById(id);
      if (tenant === undefined || !isOver(tenant)) return true;
      const { users, rows } = await store.tenants.purge(id, batchRows);
      count(users + rows);
      if (users + rows === 0) break;
      await rest();
    }
    await store.transaction(async (repositories) => {
      await repositories.tenants.delete(id);
      const event = { type: 'tenant.deleted', details: { slug } } as const;
      await record(repositories, { clock, random }, serviceActor(deploymentId), event);
    });
    return true;
  }

  /** Purges all tenants once; returns the number of deleted rows, or undefined where another instance holds the lease. */
  return async function purge(): Promise<number | undefined> {
    if (!(await keepLease())) return undefined;
    let total = 0;
    const count = (rows: number) => {
      total += rows;
    };
    if (!(await purgeTenant(deploymentId, undefined, count))) return total;
    for await (const tenant of everyTenant(store)) {
      const goesOn = isOver(tenant)
        ? await purgeWhole(tenant, count)
        : await purgeTenant(tenant.id, tenant.policy, count);
      if (!goesOn) return total;
    }
    return total;
  };
}
