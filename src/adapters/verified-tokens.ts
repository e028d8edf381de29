import type { CryptoKey, JWTPayload } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../domain/clock.ts';

/** Number of verified tokens to keep: a client presents the same one for minutes. */
const maxVerified = 5000;

/** A token whose signature was right. */
export type VerifiedToken = {
  readonly payload: JWTPayload;
  readonly typ: string;
  readonly issuer: string;
  readonly kid: string;
  readonly key: CryptoKey;
};

export type VerifiedTokens = {
  /** The claims of a token that was verified as one of that type and issuer, as long as neither it nor its key has ended. */
  recall(token: string, kind: Pick<VerifiedToken, 'typ' | 'issuer'>): JWTPayload | undefined;
  keep(token: string, verified: VerifiedToken): void;
};

/** Remembers verified tokens, as a signature that was right stays right. */
export function createVerifiedTokens(
  findKey: (kid: string) => CryptoKey | undefined,
  clock: Clock,
  leewayS: number,
): VerifiedTokens {
  const verified = new LRUCache<string, VerifiedToken>({ max: maxVerified });
  return {
    recall(token, { typ, issuer }) {
      const known = verified.get(token);
      if (known === undefined || known.typ !== typ || known.issuer !== issuer) return undefined;
      if (findKey(known.kid) !== known.key) return undefined;
      const now = Math.floor(clock().getTime() / 1000);
      return Number(known.payload.exp) + leewayS > now ? known.payload : undefined;
    },

    keep: (token, one) => void verified.set(token, one),
  };
}
