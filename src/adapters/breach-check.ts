import { createHash } from 'node:crypto';
import type { BreachCheck } from '../domain/password.ts';

/** Length of the digest prefix that the other side learns: it narrows a password down to one in a million. */
const prefixLength = 5;
const timeoutMs = 1500;

/**
 * Looks a password up at a range service in the form of Have I Been Pwned: it is sent
 * five characters of a SHA-1 digest and returns all known digests that begin so
 * (k-anonymity). Where it does not answer in time the password passes, and the log says so.
 */
export function createBreachCheck(url: string, onFailure: (error: unknown) => void): BreachCheck {
  return async (password) => {
    const digest = createHash('sha1').update(password).digest('hex').toUpperCase();
    try {
      const response = await fetch(new URL(digest.slice(0, prefixLength), url), {
        signal: AbortSignal.timeout(timeoutMs),
        headers: { 'add-padding': 'true' },
        redirect: 'error',
      });
      if (!response.ok) throw new Error(`the breach service answered ${response.status}`);
      const rest = digest.slice(prefixLength);
      // A count of 0 is padding.
      return (await response.text()).split(/\r?\n/).some((line) => {
        const [suffix, count] = line.split(':');
        return suffix?.toUpperCase() === rest && Number(count) > 0;
      });
    } catch (error) {
      onFailure(error);
      return false;
    }
  };
}
