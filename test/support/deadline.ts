import type { Deadline } from '../../src/domain/deadline.ts';

/** The deadline of a caller who waits for that long; its signal comes when `end` is called. */
export function createDeadline(leftMs = 10_000): Deadline & { readonly end: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, leftMs: () => leftMs, end: () => controller.abort() };
}
