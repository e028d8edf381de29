import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Store } from '../../domain/repositories.ts';
import type { StreamLimits, StreamOwner } from '../../domain/stream.ts';

export type StreamsDeps = {
  readonly store: Pick<Store<'tenants' | 'sessions'>, 'tenants' | 'sessions'>;
  readonly clock: Clock;
  readonly limits: StreamLimits;
};

/** An open stream. */
export type OpenStream = {
  /** Aborts with the DomainError that ends the stream. */
  readonly signal: AbortSignal;
  /** The same messages; the connection of a reader that takes none for a minute is cut. */
  paced<T>(messages: AsyncIterable<T>): AsyncGenerator<T>;
  close(): void;
};

type Entry = StreamOwner & { readonly controller: AbortController };

/** Streams end where nobody could tell for that long whether they still may be open. */
const unsureMs = 5000;
const retryAfterMs = 5000;
/** Time that a stream has to say why it ends. */
const farewellMs = 500;
/** Time in which a reader has to take a message. */
const stallMs = 60_000;

/** The open streams of this instance: bounded, ended with the right that opened them, and all closed at a drain. */
export function createStreams({ store, clock, limits }: StreamsDeps) {
  const open = new Set<Entry>();
  let sureAt = performance.now();
  let isDraining = false;

  function assertRoom(owner: StreamOwner): void {
    const isSession = owner.key === undefined;
    const alike = [...open].filter(({ key }) => (key === undefined) === isSession);
    const ofTenant = alike.filter(({ tenantId }) => tenantId === owner.tenantId);
    const own = ofTenant.filter(({ key, sessionId }) =>
      isSession ? sessionId === owner.sessionId : key?.id === owner.key?.id,
    );
    const most = isSession
      ? [limits.sessionsPerInstance, limits.sessionsPerTenant, limits.perSession]
      : [limits.perInstance, limits.perTenant, limits.perKey];
    if ([alike, ofTenant, own].some(({ length }, index) => length >= (most[index] ?? 0)))
      throw new DomainError('STREAM_LIMIT', { retryAfterMs });
  }

  /** Ends the streams of keys that are revoked, lost their scope, or whose tenant is suspended. */
  async function checkKeys(): Promise<void> {
    const entries = [...open].filter(({ key }) => key !== undefined);
    if (entries.length === 0) return;
    const ids = [...new Set(entries.map(({ key }) => key?.id ?? ''))];
    const live = new Map(
      (await store.tenants.listLiveKeys(ids, clock())).map(({ id, scopes }) => [
        id,
        scopes as readonly string[],
      ]),
    );
    for (const { key, controller } of entries) {
      const scopes = live.get(key?.id ?? '');
      const scope = key?.scope ?? '';
      if (scopes === undefined) controller.abort(new DomainError('KEY_INVALID'));
      else if (!scopes.includes(scope))
        controller.abort(new DomainError('SCOPE_REQUIRED', { metadata: { scope } }));
    }
  }

  async function checkSessions(): Promise<void> {
    const entries = [...open].filter(({ key }) => key === undefined);
    if (entries.length === 0) return;
    const ids = entries.map(({ tenantId, sessionId = '' }) => ({ tenantId, id: sessionId }));
    const live = new Set(await store.sessions.filterLive(ids, clock()));
    for (const { tenantId, sessionId, controller } of entries) {
      if (live.has(sessionId ?? '')) continue;
      // A suspension ends the stream and not the session.
      const tenant = await store.tenants.findById(tenantId);
      controller.abort(new DomainError(tenant?.status === 'active' ? 'TOKEN_INVALID' : 'KEY_INVALID'));
    }
  }

  return {
    /** `cut` ends the connection. Throws STREAM_LIMIT where there is no room, and UNAVAILABLE at a drain. */
    open(owner: StreamOwner, cut: () => void): OpenStream {
      if (isDraining) throw new DomainError('UNAVAILABLE', { retryAfterMs });
      assertRoom(owner);
      const entry = { ...owner, controller: new AbortController() };
      const { signal } = entry.controller;
      open.add(entry);
      let timer: NodeJS.Timeout | undefined;
      // A reader that does not read would keep the stream from saying that it ends.
      const endSoon = () => {
        timer = setTimeout(cut, farewellMs);
      };
      signal.addEventListener('abort', endSoon, { once: true });
      return {
        signal,
        async *paced(messages) {
          for await (const message of messages) {
            const stalled = setTimeout(cut, stallMs);
            try {
              yield message;
            } finally {
              clearTimeout(stalled);
            }
          }
        },
        close: () => {
          signal.removeEventListener('abort', endSoon);
          clearTimeout(timer);
          open.delete(entry);
        },
      };
    },

    /** Ends every stream that may not be open any more; returns 0. */
    async check(): Promise<number> {
      try {
        await checkKeys();
        await checkSessions();
        sureAt = performance.now();
      } catch (error) {
        if (performance.now() - sureAt < unsureMs) throw error;
        for (const { controller } of open) controller.abort(new DomainError('UNAVAILABLE', { retryAfterMs }));
      }
      return 0;
    },

    /** Closes all streams; their readers go on at another instance, from their cursors. */
    drain(): void {
      isDraining = true;
      for (const { controller } of open) controller.abort(new DomainError('UNAVAILABLE', { retryAfterMs }));
    },
  };
}

export type Streams = ReturnType<typeof createStreams>;
