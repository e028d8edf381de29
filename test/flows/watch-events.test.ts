import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Caller } from '../../src/domain/caller.ts';
import { BrokenTreeError } from '../../src/domain/merkle.ts';
import { heartbeatMs } from '../../src/domain/stream.ts';
import { createStreams } from '../../src/flows/events/streams.ts';
import { createWatch, type WatchDeps } from '../../src/flows/events/watch.ts';
import { createMemoryStore } from '../support/memory/store.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

const caller = { tenant: { id: 't' }, key: { id: 'k' } } as unknown as Caller;
const limits = {
  perInstance: 9,
  perTenant: 9,
  perKey: 9,
  sessionsPerInstance: 9,
  sessionsPerTenant: 9,
  perSession: 9,
};
const query = { after: '', types: [], fromStart: false };

/** A watch over a log in which something happens every two seconds that its filter leaves out. */
function watching(proofs: WatchDeps['proofs']) {
  let wakes = 0;
  const watch = createWatch({
    streams: createStreams({ store: createMemoryStore(), clock: () => new Date(), limits }),
    tail: {
      current: async () => undefined,
      longerThan: async () => {
        wakes += 1;
        vi.advanceTimersByTime(2000);
      },
    } as unknown as WatchDeps['tail'],
    read: {
      cursorAt: async () => 'c0',
      page: async (_: string, after: number) => ({
        ...{ events: [], position: after + 1, cursor: `c${after + 1}`, hasMore: false, hasGap: false },
      }),
    } as unknown as WatchDeps['read'],
    proofs,
  });
  return { watch, wakes: () => wakes };
}

test('a heartbeat comes also while other events go by, with a cursor that moves', async () => {
  const { watch, wakes } = watching({ head: async () => ({ head: 'h' }) as never });
  const beats: { at: number; cursor: string }[] = [];
  const gone = new AbortController();
  for await (const { cursor, event, head } of watch.events(caller, query, {
    gone: gone.signal,
    cut: () => {},
  })) {
    expect([event, head]).toEqual([undefined, 'h']);
    beats.push({ at: performance.now(), cursor });
    if (beats.length === 4) break;
  }
  const pauses = beats.slice(1).map(({ at }, index) => at - (beats[index]?.at ?? 0));
  for (const each of pauses) expect(each).toBeLessThanOrEqual(heartbeatMs + 2000);
  expect(new Set(beats.map(({ cursor }) => cursor)).size).toBe(4);
  expect(wakes()).toBeGreaterThan(20);
});

test('a damaged tree ends no stream', async () => {
  const { watch } = watching({
    head: async () => {
      throw new BrokenTreeError();
    },
  });
  const gone = new AbortController();
  for await (const message of watch.events(caller, query, { gone: gone.signal, cut: () => {} })) {
    expect(message).toEqual({ cursor: 'c0', head: '' });
    break;
  }
});
