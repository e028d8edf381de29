import { createHash } from 'node:crypto';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Event } from '../../gen/manam/v1/event_service_pb.js';
import { followEvents } from './follow.ts';
import type { Manam } from './manam.ts';
import type { AccessTokenClaims, Revocations } from './verify.ts';

export type RevocationOptions = {
  /** A client with a secret key of the tenant whose tokens are verified, with the scope events.read. */
  readonly manam: Pick<Manam, 'events' | 'auth'>;
  /** How long the stream may be cut before tokens are asked about one by one, in milliseconds. Default 1,000. */
  readonly toleranceMs?: number;
  /** The most ended sessions and users that are remembered. Default 100,000; beyond it tokens are asked about. */
  readonly maxEntries?: number;
  /** Called when the stream was cut or cannot be had. Tokens are asked about meanwhile. */
  readonly onTrouble?: (error: unknown) => void;
};

export type FollowedRevocations = Revocations & {
  /** Resolves once the stream is open for the first time; rejects where the service refuses it, such as for its key. */
  readonly ready: Promise<void>;
  close(): void;
};

/** The longest that an access token is valid, with the skew of clocks: what ended is remembered that long. */
const tokenLifeMs = 11 * 60_000;
/** Sessions that began this near to the end of all others are asked about: clocks of instances differ. */
const skewMs = 2000;
/** A stream without a heartbeat for that long is no news any more; they come every 20 s. */
const silenceMs = 30_000;
/** Pause before the stream is opened again after a refusal, such as one of the key. */
const refusedPauseMs = 5000;
const types = ['session.ended', 'session.reuse_detected', 'sessions.ended', 'user.deleted'];

type EndOfAll = { readonly at: number; readonly keptSessionId: string };

/**
 * Follows the ends of sessions, so that a verifier refuses their tokens within a second, without a call for each token.
 * While the stream is cut, silent, new or closed, and until a first token has shown that the key is of the same tenant, it asks
 * IntrospectToken about each token; where that is out of reach as well the check throws, and the token is not accepted.
 */
export function followRevocations(options: RevocationOptions): FollowedRevocations {
  const { manam, toleranceMs = 1000, maxEntries = 100_000, onTrouble = () => {} } = options;
  const controller = new AbortController();
  // Node 20 has no Promise.withResolvers.
  let setReady = () => {};
  let refuse: (error: unknown) => void = () => {};
  const ready = new Promise<void>((resolve, reject) => {
    setReady = resolve;
    refuse = reject;
  });
  // A caller who does not wait for it hears of a refusal by `onTrouble`.
  ready.catch(() => {});
  const sessions = new Map<string, number>();
  const users = new Map<string, EndOfAll>();
  const deleted = new Map<string, number>();
  /** Tokens of before are asked about: no one has told of their ends. */
  let blindUntil = Number.POSITIVE_INFINITY;
  let cutAt: number | undefined = Date.now();
  let isClosed = false;
  /** Whether the service knows of tokens that are verified here: the key is of the same tenant, and so is the stream. */
  let isProved = false;
  let heardAt = 0;

  /** Forgets what no live token can be about any more, and the oldest beyond the bound. */
  function forget(now: number): void {
    for (const map of [sessions, users, deleted]) {
      for (const [key, value] of map) {
        const at = typeof value === 'number' ? value : value.at;
        const isOver = at + tokenLifeMs < now;
        if (!isOver && map.size <= maxEntries) break;
        map.delete(key);
        // Tokens of before are asked about: an end was forgotten too early.
        if (!isOver) blindUntil = now;
      }
    }
  }

  function set<V>(map: Map<string, V>, key: string, value: V): void {
    map.delete(key);
    map.set(key, value);
  }

  function note({ type, sessionId, userId, details, createTime }: Event): void {
    const at = createTime === undefined ? Date.now() : timestampDate(createTime).getTime();
    if (type === 'sessions.ended') {
      const keptSessionId = details['kept'] === 'false' ? '' : sessionId;
      set(users, userId, { at, keptSessionId });
    } else if (type === 'user.deleted') set(deleted, details['user'] ?? '', at);
    else set(sessions, sessionId, at);
    forget(Date.now());
  }

  async function follow(): Promise<void> {
    const { signal } = controller;
    let after = '';
    while (!signal.aborted) {
      try {
        const onCut = (error: unknown) => {
          cutAt ??= Date.now();
          onTrouble(error);
        };
        for await (const message of followEvents(manam, { after, types, signal, onCut })) {
          if (after === '') blindUntil = Date.now() + skewMs;
          after = message.cursor;
          heardAt = Date.now();
          cutAt = undefined;
          setReady();
          if (message.event !== undefined) note(message.event);
        }
      } catch (error) {
        cutAt ??= Date.now();
        // Without its cursor the stream begins now, and what ended before is not known.
        after = '';
        onTrouble(error);
        refuse(error);
        await new Promise((resolve) => setTimeout(resolve, refusedPauseMs).unref());
      }
    }
  }

  void follow();

  /** Whether the session of a token has ended; undefined: the stream does not say. */
  function judge({ sessionId, userId, issuedAt }: AccessTokenClaims): boolean | undefined {
    if (sessions.has(sessionId)) return true;
    if (deleted.size > 0 && deleted.has(createHash('sha256').update(userId).digest('base64url'))) return true;
    const end = users.get(userId);
    if (end !== undefined && end.keptSessionId !== sessionId) {
      const beganAt = beginningOf(sessionId);
      if (beganAt <= end.at - skewMs) return true;
      if (beganAt <= end.at + skewMs) return undefined;
    }
    const now = Date.now();
    if (isClosed || !isProved) return undefined;
    const isCut = cutAt !== undefined && now - cutAt > toleranceMs;
    if (isCut || now - heardAt > silenceMs || issuedAt.getTime() <= blindUntil) return undefined;
    return false;
  }

  return {
    ready,
    close: () => {
      isClosed = true;
      controller.abort();
    },
    async hasEnded(claims, token) {
      const known = judge(claims);
      if (known !== undefined) return known;
      const { active } = await manam.auth.introspectToken({ token });
      isProved ||= active;
      return !active;
    },
  };
}

/** The time at which a session began: its id is a UUID of version 7, which begins with it (RFC 9562, section 5.7). */
function beginningOf(sessionId: string): number {
  return Number.parseInt(sessionId.replaceAll('-', '').slice(0, 12), 16);
}
