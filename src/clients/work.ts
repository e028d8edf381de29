import { ConnectError, type Interceptor } from '@connectrpc/connect';
import { solveChallenge } from 'altcha-lib/v1';
import { base64url } from 'jose';
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

/** Solves a challenge in this thread, which stays responsive meanwhile. */
export const solveWork: WorkSolver = async ({ challenge, salt, algorithm, maxnumber }) =>
  (await solveChallenge(challenge, salt, algorithm, maxnumber).promise)?.number;

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
        const solution = new TextEncoder().encode(JSON.stringify({ ...solved, number }));
        request.header.set('proof-of-work', base64url.encode(solution));
      }
    }
  };
}

function challengeOf(error: unknown): WorkChallenge | undefined {
  if (!(error instanceof ConnectError) || readFailure(error).reason !== 'PROOF_OF_WORK_REQUIRED')
    return undefined;
  const text = error.metadata.get('proof-of-work-challenge');
  if (text === null) return undefined;
  return JSON.parse(new TextDecoder().decode(base64url.decode(text))) as WorkChallenge;
}
