/** Whether this instance wants calls. */
export type Readiness = {
  /** False while the database does not answer or disagrees about the time, and for good once it drains. */
  isReady(): Promise<boolean>;
  /** From now on it is not ready (R65). */
  drain(): void;
  /** Aborts when it drains. */
  readonly drained: AbortSignal;
};

/** Probes that come at the same time share one look at the database: anybody may probe. */
export function createReadiness(look: () => Promise<boolean>): Readiness {
  const draining = new AbortController();
  let running: Promise<boolean> | undefined;
  return {
    async isReady() {
      running ??= look().finally(() => {
        running = undefined;
      });
      return (await running) && !draining.signal.aborted;
    },
    drain: () => draining.abort(),
    drained: draining.signal,
  };
}
