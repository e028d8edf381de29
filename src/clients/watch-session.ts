import type { EventService } from '../../gen/manam/v1/event_service_pb.js';
import { readFailure } from './failure.ts';
import { locked } from './locked.ts';
import type { WebClient } from './manam.ts';
import { pause } from './pause.ts';

/** Pauses while there is no session, and after a stream that was cut. */
const restMs = 1000;
const longestPauseMs = 30_000;
/** A stream that says nothing for that long is dead: heartbeats come every 20 s. */
const silenceMs = 45_000;

export type SessionWatch = {
  /** The way to the contract, which is needed once there is a session to follow. */
  readonly contract: () => Promise<typeof EventService>;
  /** Called when the session has ended. */
  readonly onEnd?: () => void;
  /** Ends the watch. */
  readonly signal: AbortSignal;
};

/**
 * Follows the session of the pages, for as long as the page lives or until the signal. One tab has the stream, and where it is
 * closed the next one: what it learns, the others hear of it. `name` is that of the session among the pages of an origin.
 */
export function watchSession(
  { session, clientOf }: WebClient,
  name: string,
  { contract, onEnd, signal: closing }: SessionWatch,
): void {
  void locked(`${name} watch`, async () => {
    for (let failures = 0; !closing.aborted; ) {
      const token = await session.get().catch(() => undefined);
      if (token !== undefined) {
        const outcome = await follow(token);
        failures = outcome === 'cut' ? failures + 1 : 0;
      }
      await pause(Math.min(longestPauseMs, restMs * 2 ** failures), closing, true);
    }
  });

  async function follow(token: string): Promise<'ended' | 'cut'> {
    const silent = new AbortController();
    const { signal } = silent;
    closing.addEventListener('abort', () => silent.abort(), { signal });
    let timer: unknown;
    const hear = () => {
      clearTimeout(timer as never);
      timer = setTimeout(() => silent.abort(), silenceMs);
    };
    try {
      hear();
      const events = clientOf(await contract());
      for await (const { ended } of events.watchSession({}, { signal })) {
        if (ended) await end(token);
        // A session that began since has its own stream.
        else if (!(await isCurrent(token))) return 'ended';
        hear();
      }
      return 'ended';
    } catch (error) {
      if (readFailure(error).reason !== 'TOKEN_INVALID') return 'cut';
      // A token can end before its session; where that has ended, this ends it here.
      await session.renew(token).catch(() => undefined);
      return 'ended';
    } finally {
      clearTimeout(timer as never);
      silent.abort();
    }
  }

  async function isCurrent(token: string): Promise<boolean> {
    const current = await session.get().catch(() => undefined);
    return current !== undefined && sessionOf(current) === sessionOf(token);
  }

  /** Forgets a session that has ended; one that began meanwhile is another. */
  async function end(token: string): Promise<void> {
    if (!(await isCurrent(token))) return;
    await session.clear();
    onEnd?.();
  }
}

/** The session of an access token, which is not verified: it is our own. */
function sessionOf(token: string): string {
  const payload = token.split('.')[1] ?? '';
  const text = atob(payload.replaceAll('-', '+').replaceAll('_', '/'));
  return (JSON.parse(text) as { readonly sid: string }).sid;
}
