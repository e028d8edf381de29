/** Until when somebody waits for the answer of a call. */
export type Deadline = {
  /** Aborted when the call has ended, or nobody waits for it any more. */
  readonly signal: AbortSignal;
  /** How long the caller still waits, in milliseconds. */
  readonly leftMs: () => number;
};
