import type { Deadline } from '../domain/deadline.ts';

/** How long a call may take where the caller set no shorter deadline (R56). */
export const serverDeadlineMs = 10_000;

/** Until when somebody waits for a call that begins now: as long as he says, and never longer than the server works. */
export function createDeadline(signal: AbortSignal, timeoutMs?: () => number | undefined): Deadline {
  const until = performance.now() + serverDeadlineMs;
  return { signal, leftMs: () => Math.min(timeoutMs?.() ?? serverDeadlineMs, until - performance.now()) };
}
