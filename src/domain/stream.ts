/** A stream that is open: who opened it decides how long it may stay so. */
export type StreamOwner = {
  readonly tenantId: string;
  /** The secret key and the scope that it needs; undefined: a session opened it. */
  readonly key: { readonly id: string; readonly scope: string } | undefined;
  readonly sessionId: string | undefined;
};

/** The most streams at a time. Those of sessions have places of their own, so that users take none from back ends. */
export type StreamLimits = {
  readonly perInstance: number;
  readonly perTenant: number;
  readonly perKey: number;
  readonly sessionsPerInstance: number;
  readonly sessionsPerTenant: number;
  readonly perSession: number;
};

/** Time between two heartbeats. */
export const heartbeatMs = 20_000;
