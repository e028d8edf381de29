import type { AuthenticationMethod, SessionLevel } from './authentication.ts';

/** The claims of an access token about its session. */
export type AccessClaims = {
  readonly tenantId: string;
  readonly userId: string;
  readonly sessionId: string;
  readonly level: SessionLevel;
  readonly authTime: Date;
  readonly amr: readonly AuthenticationMethod[];
  /** The thumbprint of the key whose proof the token needs (`cnf.jkt`, RFC 9449, section 6.1); undefined: none. */
  readonly jkt: string | undefined;
  /** The roles of the user when the token was issued; absent: none. */
  readonly roles?: readonly string[];
  /** The member who acts in the user's place (`act.sub`, RFC 8693, section 4.1); absent: the user themselves. */
  readonly actorId?: string;
};

/** The claims of a pending sign-in's token: they name its row, and hold nothing of its content. */
export type PendingClaims = {
  readonly tenantId: string;
  readonly userId: string;
  readonly challengeId: string;
};

export type AccessTokens = {
  /** Lifetime of an access token, in seconds. */
  readonly lifetimeS: number;
  sign(claims: AccessClaims): Promise<string>;
  /** A token that opens the second step of one sign-in and nothing else (R24). */
  signPending(claims: PendingClaims): Promise<string>;
  verifyPending(token: string): Promise<PendingClaims | undefined>;
  /** The claims of a live token of this service, or undefined for any other text. */
  verify(token: string): Promise<(AccessClaims & { issuedAt: Date; expiresAt: Date }) | undefined>;
};
