import type { AuthenticationMethod, SessionLevel } from './authentication.ts';

/** What an access token says about its session. */
export type AccessClaims = {
  readonly tenantId: string;
  readonly userId: string;
  readonly sessionId: string;
  readonly level: SessionLevel;
  readonly authTime: Date;
  readonly amr: readonly AuthenticationMethod[];
};

/** What a token of a pending sign-in says: the row that it names, and nothing of what is in it. */
export type PendingClaims = {
  readonly tenantId: string;
  readonly userId: string;
  readonly challengeId: string;
};

export type AccessTokens = {
  /** How long an access token lives, in seconds. */
  readonly lifetimeS: number;
  sign(claims: AccessClaims): Promise<string>;
  /** A token that opens the second step of one sign-in and nothing else (R24). */
  signPending(claims: PendingClaims): Promise<string>;
  verifyPending(token: string): Promise<PendingClaims | undefined>;
  /** The claims of a live token of ours, or undefined for any other text. */
  verify(token: string): Promise<(AccessClaims & { issuedAt: Date; expiresAt: Date }) | undefined>;
};
