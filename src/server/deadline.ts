import type { Deadline } from '../domain/deadline.ts';

/** Deadline of a call where the caller set no shorter one (R56). */
export const serverDeadlineMs = 10_000;

/** The deadline of a call that begins now: the caller's, or the server's where that is shorter. */
export function createDeadline(signal: AbortSignal, timeoutMs?: () => number | undefined): Deadline {
  const until = performance.now() + serverDeadlineMs;
  return { signal, leftMs: () => Math.min(timeoutMs?.() ?? serverDeadlineMs, until - performance.now()) };
}
