import { createRemoteJWKSet, errors, type JWTVerifyGetKey } from 'jose';

/** Keys of that age are read again, as the service's cache-control has it. A new key is published longer ahead. */
const freshMs = 60_000;
/** Pause before they are read again after a failure. */
const retryMs = 5000;
/** For so long the keys at hand are good while they cannot be read again: the service publishes a retired key for longer. */
const staleMs = 60 * 60_000;

/**
 * The public keys at an address, kept in memory: an outage of the service is none of those who verify its tokens. Rejects
 * with an error that names the address, and is none of jose's, where there are no keys that are good.
 */
export function createKeySource(url: URL): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(url, {
    cacheMaxAge: Number.POSITIVE_INFINITY,
    cooldownDuration: retryMs,
  });
  let readAt = 0;
  let nextAt = 0;

  async function refresh(now: number): Promise<void> {
    // Of those who come meanwhile none waits for it.
    nextAt = now + retryMs;
    try {
      await remote.reload();
      readAt = Date.now();
      nextAt = readAt + freshMs;
    } catch (error) {
      if (now - readAt > staleMs) throw error;
    }
  }

  return async (header, token) => {
    const now = Date.now();
    try {
      if (remote.jwks() !== undefined && (now >= nextAt || now - readAt > staleMs)) await refresh(now);
      const key = await remote(header, token);
      if (readAt === 0) {
        readAt = now;
        nextAt = now + freshMs;
      }
      return key;
    } catch (error) {
      if (!isOutage(error)) throw error;
      throw new Error(`the keys at ${url.href} cannot be read: ${(error as Error).message}`, {
        cause: error,
      });
    }
  };
}

/** Whether an error is about the way to the keys, and not about a token. */
function isOutage(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return true;
  // jose throws its plain base class where the response is not 200.
  const isPlain = error.code === 'ERR_JOSE_GENERIC';
  return isPlain || error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid;
}
