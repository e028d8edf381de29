/** The caller's deadline. */
export type Deadline = {
  /** Aborted when the call has ended, or no one waits for it any more. */
  readonly signal: AbortSignal;
  /** The time left, in milliseconds. */
  readonly leftMs: () => number;
};
