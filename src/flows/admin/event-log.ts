import type { Operator } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import type { EventLog } from '../../domain/event-log.ts';
import type { LogFileHeader, LogFileLine } from '../../domain/log-file.ts';
import type { HeadSigner } from '../../domain/log-head.ts';
import { BrokenTreeError, hashBytes, tileWidth } from '../../domain/merkle.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import { createLogProofs, entryTextOf } from '../events/log-proofs.ts';
import { record } from '../events/record.ts';
import { everyTenant } from '../every-tenant.ts';
import { asActor, deploymentId, findTenant } from '../manage/manager.ts';

export type EventLogAdminDeps = {
  readonly store: Store<'eventLogs' | 'events' | 'webhooks' | 'logoutCursors' | 'tenants'>;
  readonly signHead: HeadSigner;
  readonly clock: Clock;
  readonly random: Random;
};

export type LogExport = {
  readonly header: LogFileHeader;
  readonly lines: readonly LogFileLine[];
  /** The signed head of the current log. */
  readonly head: string;
};

const maxLines = 1000;

/** The logs of events in the hands of operators: a copy that proves itself, and a new log after a restored backup. */
export function createEventLogAdmin({ store, signHead, clock, random }: EventLogAdminDeps) {
  const deps = { store, signHead, clock, random };
  const proofs = createLogProofs(deps);

  async function tenantIdOf(reference: string): Promise<string> {
    return reference === 'deployment' ? deploymentId : (await findTenant(store, reference)).id;
  }

  /** The leaves of positions, from the tiles: they are left where retention has deleted the event. */
  async function leavesOf(
    logs: readonly EventLog[],
    after: number,
    upTo: number,
  ): Promise<Map<number, string>> {
    const leaves = new Map<number, string>();
    for (const { tenantId, number, start, size } of logs) {
      const [first, last] = [Math.max(after, start) - start, Math.min(upTo, size) - start];
      for (let tile = Math.floor(first / tileWidth); tile * tileWidth < last; tile += 1) {
        const hashes = await store.eventLogs.readTile(tenantId, number, 0, tile);
        for (let index = 0; index < hashes.length / hashBytes; index += 1) {
          const leaf = hashes.subarray(index * hashBytes, (index + 1) * hashBytes).toString('base64url');
          leaves.set(start + tile * tileWidth + index + 1, leaf);
        }
      }
    }
    return leaves;
  }

  /** The signed head of a log; empty where its tree is broken, which a comparison with a kept head shows. */
  async function headOf(log: EventLog, nextId?: string): Promise<{ head: string; root: string }> {
    try {
      const { head, root } = await proofs.headOf(log, nextId);
      return { head, root: root.toString('base64url') };
    } catch (error) {
      if (!(error instanceof BrokenTreeError)) throw error;
      return { head: '', root: '' };
    }
  }

  /** Begins a new log of a tenant at the size of the one before, whose signed head it records. */
  async function restart(operator: Operator, tenantId: string): Promise<boolean> {
    return await store.transaction(async (repositories) => {
      const { eventLogs } = repositories;
      // The instance that numbers events is done after this line, and begins anew.
      await eventLogs.seize(random.uuid(), clock());
      const [log] = await eventLogs.findCurrent([tenantId]);
      if (log === undefined) return false;
      const logId = random.uuid();
      const { head, root } = await headOf(log, logId);
      const next = { number: log.number + 1, logId, start: log.size, startedAt: clock() };
      await eventLogs.insert({ ...log, ...next });
      await repositories.webhooks.rewind(tenantId, log.size);
      await repositories.logoutCursors.rewind(tenantId, log.size);
      const details = { log: log.logId, size: log.size - log.start, root, head };
      const actor = asActor(operator, { id: tenantId });
      await record(repositories, deps, actor, { type: 'log.restored', details });
      return true;
    });
  }

  return {
    /** A page of the log of a tenant, from its first position on, with everything that proves it. */
    async exportLog(reference: string, after: number, wanted: number): Promise<LogExport> {
      if (after < 0) throw new DomainError('CURSOR_INVALID');
      const tenantId = await tenantIdOf(reference);
      const logs = await store.eventLogs.list(tenantId);
      const current = logs.at(-1);
      const size = current?.size ?? 0;
      const upTo = Math.min(size, after + (wanted === 0 ? maxLines : wanted));
      const events = new Map(
        (await store.eventLogs.readSealed(tenantId, after, upTo, maxLines)).map((event) => [
          event.position,
          event,
        ]),
      );
      const leaves = await leavesOf(logs, after, upTo);
      const lines = Array.from({ length: Math.max(0, upTo - after) }, (_, index): LogFileLine => {
        const position = after + index + 1;
        const event = events.get(position);
        if (event === undefined) return { position, leaf: leaves.get(position) ?? '' };
        const { salt } = event.seal ?? {};
        const { userId = '', sessionId = '', address } = event;
        // A personal part without its salt was put there by someone else.
        const isErased = salt === undefined && userId === '' && sessionId === '' && address === '';
        return {
          position,
          entry: entryTextOf(event),
          ...(!isErased && { personal: JSON.stringify([userId, sessionId, address]) }),
          ...(salt && { salt: salt.toString('base64url') }),
        };
      });
      const header: LogFileHeader = {
        manam_log: 1,
        tenant: tenantId,
        logs: logs.map(({ number, logId: log, start, size: end }) => ({ number, log, start, size: end })),
      };
      return { header, lines, head: current === undefined ? '' : (await headOf(current)).head };
    },

    /** Begins a new log for a tenant, or with an empty reference for all and the deployment; returns their number. */
    async restartLogs(operator: Operator, reference: string): Promise<number> {
      if (reference !== '') return (await restart(operator, await tenantIdOf(reference))) ? 1 : 0;
      let count = (await restart(operator, deploymentId)) ? 1 : 0;
      for await (const { id } of everyTenant(store)) if (await restart(operator, id)) count += 1;
      return count;
    },
  };
}
