/** The same work, whose caller stops waiting at the signal; the work goes on. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason as Error);
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

/** Waits that long, or until the signal. In the background it keeps no process of Node alive. */
export function pause(ms: number, signal?: AbortSignal, isBackground = false): Promise<void> {
  return new Promise((resolve) => {
    const timer: unknown = setTimeout(end, ms);
    function end() {
      clearTimeout(timer as number);
      signal?.removeEventListener('abort', end);
      resolve();
    }
    signal?.addEventListener('abort', end);
    if (isBackground) (timer as { readonly unref?: () => void }).unref?.();
  });
}
