/** The purpose of a piece of work: its solution is valid for nothing else. */
export type WorkScope = {
  readonly tenantId: string;
  /** The RPC, such as `manam.v1.AuthService/Register`. */
  readonly procedure: string;
};

/** A solution of a challenge, still to be spent. */
export type DoneWork = {
  /** Identifies the challenge, in Base64url. */
  readonly id: string;
  readonly expiresAt: Date;
};

/** Challenges that take a device some work to solve, and the service none to check (as ALTCHA). */
export type ProofOfWork = {
  /** A new challenge, as the header carries it. */
  challenge(scope: WorkScope): Promise<string>;
  /** The work of a solution; undefined where it solves no live challenge of that scope. */
  verify(solution: string, scope: WorkScope): Promise<DoneWork | undefined>;
};
