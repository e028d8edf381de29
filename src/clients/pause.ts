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
