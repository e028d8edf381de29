import { Code, ConnectError } from '@connectrpc/connect';
import type { WatchEventsResponse } from '../../gen/manam/v1/event_service_pb.js';
import { readFailure } from './failure.ts';
import type { Manam } from './manam.ts';
import { pause } from './pause.ts';

export type FollowOptions = {
  /** The cursor of the last message that was acted on; empty or absent: only what happens from now on. */
  readonly after?: string;
  /** Types, or beginnings of types such as `session.`; absent: all. */
  readonly types?: readonly string[];
  /** Whether to begin with the oldest event that is kept, where there is no cursor. */
  readonly fromStart?: boolean;
  readonly signal?: AbortSignal;
  /** Called when the stream was cut, before each pause; `retryInMs` is the length of the pause. */
  readonly onCut?: (error: unknown, retryInMs: number) => void;
};

const firstPauseMs = 100;
const longestPauseMs = 5000;
/** A stream that says nothing for that long is dead: heartbeats come every 20 s. */
const silenceMs = 45_000;

/**
 * Follows the events of the tenant for as long as the caller reads, over any number of connections: each begins after the
 * last cursor, so that nothing is lost and nothing comes twice. Yields heartbeats as well, without an event. Throws the
 * first error that another attempt cannot mend, such as CURSOR_EXPIRED, KEY_INVALID or SCOPE_REQUIRED.
 */
export async function* followEvents(
  { events }: Pick<Manam, 'events'>,
  options: FollowOptions = {},
): AsyncGenerator<WatchEventsResponse> {
  const { types = [], fromStart = false, signal } = options;
  let { after = '' } = options;
  let failures = 0;
  while (!signal?.aborted) {
    try {
      const request = { after, types: [...types], fromStart: fromStart && after === '' };
      for await (const message of watch(events, request, signal)) {
        failures = 0;
        after = message.cursor;
        yield message;
      }
      throw new ConnectError('the stream ended', Code.Unavailable);
    } catch (error) {
      if (signal?.aborted) return;
      if (!isOutage(error)) throw error;
      const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** failures) * (0.5 + Math.random());
      failures += 1;
      options.onCut?.(error, pauseMs);
      await pause(pauseMs, signal);
    }
  }
}

/** One stream, ended where it falls silent. */
async function* watch(
  events: Manam['events'],
  request: { readonly after: string; readonly types: string[]; readonly fromStart: boolean },
  signal: AbortSignal | undefined,
): AsyncGenerator<WatchEventsResponse> {
  const silent = new AbortController();
  const signals = signal === undefined ? [silent.signal] : [silent.signal, signal];
  let timer = setTimeout(() => silent.abort(), silenceMs);
  try {
    for await (const message of events.watchEvents(request, { signal: AbortSignal.any(signals) })) {
      clearTimeout(timer);
      yield message;
      timer = setTimeout(() => silent.abort(), silenceMs);
    }
  } finally {
    clearTimeout(timer);
    silent.abort();
  }
}

/** Whether the service or the way to it was out of reach; what it says of the request itself stays. */
function isOutage(error: unknown): boolean {
  const { reason } = readFailure(error);
  if (reason !== undefined) return ['UNAVAILABLE', 'STREAM_LIMIT', 'DEADLINE_EXCEEDED'].includes(reason);
  if (!(error instanceof ConnectError)) return error instanceof TypeError;
  return ![Code.InvalidArgument, Code.Unauthenticated, Code.PermissionDenied, Code.Unimplemented].includes(
    error.code,
  );
}
