import { type HeadSigner, logEndType, logHeadType } from '../domain/log-head.ts';
import { signJws } from './jws.ts';
import type { KeyRing } from './key-ring.ts';

/** Heads of logs, signed by the ring. */
export function createHeadSigner(ring: Pick<KeyRing, 'signer'>, issuer: string): HeadSigner {
  return async ({ tenantId, logId, start, size, root, at, next }) =>
    signJws(ring.signer(), next === undefined ? logHeadType : logEndType, {
      iss: issuer,
      aud: `urn:manam:log:${tenantId}`,
      iat: Math.floor(at.getTime() / 1000),
      log: logId,
      start,
      size,
      root: root.toString('base64url'),
      next,
    });
}
