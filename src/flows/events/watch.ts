import { setTimeout as pause } from 'node:timers/promises';
import type { Caller } from '../../domain/caller.ts';
import { DomainError } from '../../domain/errors.ts';
import { BrokenTreeError } from '../../domain/merkle.ts';
import { heartbeatMs } from '../../domain/stream.ts';
import { ownSession } from '../sessions/own-session.ts';
import type { LogProofs } from './log-proofs.ts';
import { type PublishedEvent, parseTypes, type ReadEvents, type TypeFilter } from './read-events.ts';
import type { OpenStream, Streams } from './streams.ts';
import type { EventTail } from './tail.ts';

export type WatchDeps = {
  readonly streams: Streams;
  readonly tail: EventTail;
  readonly read: ReadEvents;
  readonly proofs: Pick<LogProofs, 'head'>;
};

export type WatchQuery = { readonly after: string; readonly types: TypeFilter; readonly fromStart: boolean };

/** A message of a stream; a heartbeat has no event. */
export type Watched = {
  readonly event?: PublishedEvent['event'];
  readonly cursor: string;
  /** The signed head of the log, in heartbeats. */
  readonly head?: string;
};

/** The way to the reader: whether it has gone away, and how to end it. */
export type Line = { readonly gone: AbortSignal; readonly cut: () => void };

const scope = 'events.read';

/** Streams of events: of a tenant for its back ends, of one session for its page. */
export function createWatch({ streams, tail, read, proofs }: WatchDeps) {
  async function positionOf(tenantId: string, { after, fromStart }: WatchQuery): Promise<number> {
    if (after !== '') return await read.positionOf(tenantId, after);
    return fromStart ? await read.start(tenantId) : ((await tail.current(tenantId))?.size ?? 0);
  }

  /** A heartbeat; without a head where the tree of the log is damaged, which must not end the stream. */
  async function heartbeat(tenantId: string, cursor: string): Promise<Watched> {
    const head = await proofs.head(tenantId).catch((error: unknown) => {
      if (error instanceof BrokenTreeError) return { head: '' };
      throw error;
    });
    return { cursor, head: head.head };
  }

  async function* follow(tenantId: string, query: WatchQuery, stream: OpenStream, gone: AbortSignal) {
    const { types } = query;
    const over = AbortSignal.any([stream.signal, gone]);
    let position = await positionOf(tenantId, query);
    let cursor = await read.cursorAt(tenantId, position);
    // Heartbeats: where the filter leaves every event out, the reader still learns that the stream is alive.
    let beatAt = 0;
    for (;;) {
      if (performance.now() >= beatAt) {
        yield await heartbeat(tenantId, cursor);
        beatAt = performance.now() + heartbeatMs;
      }
      const { events, ...page } = await read.page(tenantId, position, types);
      for (const { event, cursor: after } of events) {
        stream.signal.throwIfAborted();
        yield { event, cursor: after } as Watched;
      }
      ({ position, cursor } = page);
      if (!page.hasMore)
        await tail.longerThan(tenantId, position, over, Math.max(0, beatAt - performance.now()));
      stream.signal.throwIfAborted();
      if (gone.aborted) return;
    }
  }

  return {
    /** Follows the events of the caller's tenant, until the caller goes away or loses the right. */
    async *events(caller: Caller, query: WatchQuery, { gone, cut }: Line): AsyncGenerator<Watched> {
      parseTypes(query.types);
      const { tenant, key } = caller;
      if (key === undefined) throw new DomainError('KEY_MISSING');
      const owner = { tenantId: tenant.id, key: { id: key.id, scope }, sessionId: undefined };
      const stream = streams.open(owner, cut);
      try {
        yield* stream.paced(follow(tenant.id, query, stream, gone));
      } finally {
        stream.close();
      }
    },

    /** Follows the caller's session: a heartbeat now and then, and a last message once it has ended. */
    async *session(caller: Caller, { gone, cut }: Line): AsyncGenerator<{ readonly ended: boolean }> {
      const { id: sessionId } = ownSession(caller);
      const stream = streams.open({ tenantId: caller.tenant.id, key: undefined, sessionId }, cut);
      try {
        const over = AbortSignal.any([stream.signal, gone]);
        while (!over.aborted) {
          yield { ended: false };
          await rest(over);
        }
        if (gone.aborted) return;
        if (!isEndOfSession(stream.signal.reason)) stream.signal.throwIfAborted();
        yield { ended: true };
      } finally {
        stream.close();
      }
    },
  };
}

function isEndOfSession(error: unknown): boolean {
  return error instanceof DomainError && error.reason === 'TOKEN_INVALID';
}

/** Waits until the next heartbeat, or until the signal aborts. */
async function rest(signal: AbortSignal): Promise<void> {
  // It rejects where the signal aborts, which is no failure.
  await pause(heartbeatMs, undefined, { signal }).catch(() => undefined);
}
