/** The head of a log: what it was at a time, in one hash. */
export type LogHead = {
  readonly tenantId: string;
  readonly logId: string;
  /** The position before the first event of the log. */
  readonly start: number;
  /** Number of leaves. */
  readonly size: number;
  readonly root: Buffer;
  readonly at: Date;
  /** The id of the log that takes its place, because a backup was restored; undefined: the log goes on. */
  readonly next?: string;
};

/** Explicit typing: no other kind of token passes for a head (RFC 8725, section 3.11). */
export const logHeadType = 'manam-log-head+jwt';

/** The type of a head that ends its log, so that no other head passes for one. */
export const logEndType = 'manam-log-end+jwt';

/** Signs a head: a JWS, verified with the public keys of the service. */
export type HeadSigner = (head: LogHead) => Promise<string>;
