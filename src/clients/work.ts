import { base64Decode } from '@bufbuild/protobuf/wire';
import { ConnectError, type Interceptor } from '@connectrpc/connect';
import { encodeJson } from './base64url.ts';
import { readFailure } from './failure.ts';

/** A challenge of the service (ALTCHA): the number below `maxnumber` whose hash with the salt it is. */
export type WorkChallenge = {
  readonly algorithm: string;
  readonly challenge: string;
  readonly maxnumber: number;
  readonly salt: string;
  readonly signature: string;
};

/** Finds the number of a challenge; undefined where there is none. */
export type WorkSolver = (challenge: WorkChallenge) => Promise<number | undefined>;

/** Solves a challenge in this thread, which stays responsive meanwhile: each hash is made elsewhere. */
export const solveWork: WorkSolver = async ({ challenge, salt, algorithm, maxnumber }) => {
  for (let number = 0; number <= maxnumber; number += 1) {
    const text = new TextEncoder().encode(`${salt}${number}`);
    const digest = await globalThis.crypto.subtle.digest(algorithm, text);
    if (toHex(new Uint8Array(digest)) === challenge) return number;
  }
  return undefined;
};

function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** Challenges that one call solves at most. */
const maxRounds = 3;

/** Does the work that the service asks for against bots, and calls again. */
export function workInterceptor(solve: WorkSolver = solveWork): Interceptor {
  return (next) => async (request) => {
    for (let round = 0; ; round += 1) {
      try {
        return await next(request);
      } catch (error) {
        // A response that was lost takes its solution with it, so there may be several rounds.
        const asked = round < maxRounds ? challengeOf(error) : undefined;
        if (asked === undefined || request.stream) throw error;
        const number = await solve(asked);
        request.signal.throwIfAborted();
        if (number === undefined) throw error;
        const { maxnumber: _, ...solved } = asked;
        request.header.set('proof-of-work', encodeJson({ ...solved, number }));
      }
    }
  };
}

function challengeOf(error: unknown): WorkChallenge | undefined {
  if (!(error instanceof ConnectError) || readFailure(error).reason !== 'PROOF_OF_WORK_REQUIRED')
    return undefined;
  const text = error.metadata.get('proof-of-work-challenge');
  if (text === null) return undefined;
  return JSON.parse(new TextDecoder().decode(base64Decode(text))) as WorkChallenge;
}
