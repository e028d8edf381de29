import type { Clock } from '../../domain/clock.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import { type EventLog, entryOf, type SealedEvent } from '../../domain/event-log.ts';
import type { HeadSigner } from '../../domain/log-head.ts';
import { createTree } from '../../domain/merkle.ts';
import type { Store } from '../../domain/repositories.ts';
import { isUuid } from '../../domain/token.ts';

export type LogProofsDeps = {
  readonly store: Store<'eventLogs' | 'events'>;
  readonly signHead: HeadSigner;
  readonly clock: Clock;
};

export type SignedHead = {
  /** The JWS. */
  readonly head: string;
  readonly logId: string;
  /** Number of leaves. */
  readonly size: number;
  readonly root: Buffer;
};

const noLog = '00000000-0000-0000-0000-000000000000';

/** Heads and proofs of the logs (RFC 9162, section 2.1). */
export function createLogProofs({ store, signHead, clock }: LogProofsDeps) {
  const treeOf = ({ tenantId, number }: Pick<EventLog, 'tenantId' | 'number'>) =>
    createTree((level, tile) => store.eventLogs.readTile(tenantId, number, level, tile));
  const leavesOf = ({ start, size }: Pick<EventLog, 'start' | 'size'>) => size - start;

  async function currentOf(tenantId: string): Promise<EventLog | undefined> {
    return (await store.eventLogs.findCurrent([tenantId]))[0];
  }

  /** The signed head of a log; `next`: the log that takes its place. */
  async function headOf(log: Omit<EventLog, 'startedAt'>, next?: string): Promise<SignedHead> {
    const { tenantId, logId, start } = log;
    const size = leavesOf(log);
    const root = await treeOf(log).root(size);
    const head = { tenantId, logId, start, size, root, at: clock(), ...(next !== undefined && { next }) };
    return { head: await signHead(head), logId, size, root };
  }

  /** A size of a log that a caller names; 0 stands for all of it. */
  function sizeOf(field: string, given: number, least: number, log: EventLog | undefined): number {
    const size = given === 0 ? (log === undefined ? 0 : leavesOf(log)) : given;
    if (size < least || log === undefined || size > leavesOf(log))
      throw invalid({ field, reason: 'FIELD_INVALID' });
    return size;
  }

  return {
    /** The signed head of the current log. */
    head: async (tenantId: string): Promise<SignedHead> =>
      await headOf((await currentOf(tenantId)) ?? { tenantId, number: 1, logId: noLog, start: 0, size: 0 }),

    headOf,

    /** Proves an event of the tenant. Throws NOT_FOUND for one that the log does not have or no longer has. */
    async inclusion(tenantId: string, eventId: string, wantedSize: number) {
      const found = isUuid(eventId) ? await store.eventLogs.findSealed(tenantId, eventId) : undefined;
      const logs = await store.eventLogs.list(tenantId);
      const log = logs.findLast(
        ({ start, size }) => (found?.position ?? 0) > start && (found?.position ?? 0) <= size,
      );
      if (found === undefined || log === undefined) throw new DomainError('NOT_FOUND');
      const index = found.position - log.start - 1;
      const size = sizeOf('size', wantedSize, index + 1, log);
      const tree = treeOf(log);
      const entry = entryTextOf(found);
      return { entry, index, size, proof: await tree.inclusion(index, size), root: await tree.root(size) };
    },

    /** Proves that the current log of one size is a beginning of that of another. */
    async consistency(tenantId: string, fromSize: number, wantedSize: number) {
      const log = await currentOf(tenantId);
      const toSize = sizeOf('to_size', wantedSize, 0, log);
      if (fromSize < 0 || fromSize > toSize || log === undefined)
        throw invalid({ field: 'from_size', reason: 'FIELD_INVALID' });
      const tree = treeOf(log);
      return {
        proof: await tree.consistency(fromSize, toSize),
        fromRoot: await tree.root(fromSize),
        toSize,
        toRoot: await tree.root(toSize),
      };
    },
  };
}

/** The entry of an event as it was hashed. */
export function entryTextOf(event: SealedEvent): string {
  const { commitment, mac } = event.seal ?? { commitment: Buffer.alloc(0), mac: undefined };
  return entryOf(event, commitment, mac === undefined ? 'unproved' : 'proved').toString();
}

export type LogProofs = ReturnType<typeof createLogProofs>;
