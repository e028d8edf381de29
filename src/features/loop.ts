/** Pause of a loop after a failure of this service, such as a database that is away. */
const troubleMs = 5000;

/** Runs some work until it is stopped; at once again as long as there was something to do. */
export function createLoop(
  work: (signal: AbortSignal) => Promise<number>,
  restMs: number,
  signal: AbortSignal,
  onError: (error: unknown) => void,
) {
  let stopped = false;
  let wake = () => {};
  let hurry = () => {};
  let running = Promise.resolve();
  const rest = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  async function run(): Promise<void> {
    while (!stopped) {
      try {
        const done = await work(signal);
        if (done > 0 || stopped) continue;
        const resting = rest(restMs);
        hurry = wake;
        await resting;
      } catch (error) {
        hurry = () => {};
        onError(error);
        if (!stopped) await rest(troubleMs);
      }
    }
  }
  return {
    start: () => {
      running = run();
    },
    /** Ends the rest, where it rests; not the pause after a failure. */
    hurry: () => hurry(),
    stop: async () => {
      stopped = true;
      wake();
      await running;
    },
  };
}
