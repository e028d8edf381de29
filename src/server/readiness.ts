/** Whether this instance wants calls. */
export type Readiness = {
  /** False while the database does not answer or disagrees about the time, and for valid once it drains. */
  isReady(): Promise<boolean>;
  /** The channels whose gateway fails: messages wait, and calls are served. */
  failing(): readonly string[];
  /** From now on it is not ready (R65). */
  drain(): void;
  /** Aborts when it drains. */
  readonly drained: AbortSignal;
};

/** Probes that come at the same time share one look at the database: anyone may probe. */
export function createReadiness(
  look: () => Promise<boolean>,
  failing: Readiness['failing'] = () => [],
): Readiness {
  const draining = new AbortController();
  let running: Promise<boolean> | undefined;
  return {
    async isReady() {
      running ??= look().finally(() => {
        running = undefined;
      });
      return (await running) && !draining.signal.aborted;
    },
    failing,
    drain: () => draining.abort(),
    drained: draining.signal,
  };
}
