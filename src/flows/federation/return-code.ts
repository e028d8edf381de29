import { timingSafeEqual } from 'node:crypto';
import type { Caller } from '../../domain/caller.ts';
import type { Challenge } from '../../domain/challenge.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import { codeChallengeOf, isCodeVerifier } from '../../domain/pkce.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import type { AuthenticationMethod } from '../../domain/session.ts';
import { formatChallengeToken, parseChallengeToken, sha256 } from '../../domain/token.ts';

/** How long a code is good: the time of a redirect and a call (R48). */
const lifetimeMs = 60_000;
/** How many verifiers a code survives. */
const maxAttempts = 3;

type CodePurpose = Extract<Challenge['purpose'], 'login-code' | 'google-link'>;

/** What a code stands for beside its user. */
export type CodeContent = {
  readonly codeChallenge: string;
  readonly amr: readonly AuthenticationMethod[];
  /** The session that a connection was begun in; empty for a sign-in. */
  readonly sessionId: string;
  /** The identity that is to be connected; empty for a sign-in. */
  readonly subject: string;
};

/** Makes a one-time code that a browser carries back, in the caller's transaction. Tokens never stand in an address (R48). */
export async function makeLoginCode(
  { challenges }: Pick<Repositories, 'challenges'>,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  user: { readonly tenantId: string; readonly userId: string },
  purpose: CodePurpose,
  content: CodeContent,
): Promise<string> {
  const id = random.uuid();
  const secret = random.bytes(32);
  await challenges.put({
    ...user,
    id,
    purpose,
    slot: id,
    digest: sha256(secret),
    identifier: '',
    channel: undefined,
    data: Buffer.from(JSON.stringify(content)),
    expiresAt: new Date(clock().getTime() + lifetimeMs),
  });
  return formatChallengeToken(id, secret);
}

/**
 * Takes a code back from the holder of its verifier, once. A wrong verifier counts as a
 * guess and leaves the code to its owner for a few more; a stolen code alone opens nothing.
 */
export async function takeLoginCode(
  { store, clock }: { readonly store: Store<'challenges'>; readonly clock: Clock },
  caller: Caller,
  purpose: CodePurpose,
  command: { readonly code: string; readonly codeVerifier: string },
): Promise<{ readonly challenge: Challenge; readonly content: CodeContent }> {
  const refusal = () => new DomainError('CODE_INVALID');
  const token = parseChallengeToken(command.code);
  if (token === undefined || !isCodeVerifier(command.codeVerifier)) throw refusal();
  const tenantId = caller.tenant.id;
  const { challengeId, digest } = token;
  const challenge = await store.challenges.findLive(tenantId, challengeId, purpose, digest, clock());
  if (challenge === undefined) throw refusal();
  if (!(await store.challenges.countAttempt(tenantId, challenge.id, maxAttempts))) throw refusal();
  const content = JSON.parse(challenge.data?.toString() ?? '{}') as CodeContent;
  const [shown, wanted] = [sha256(codeChallengeOf(command.codeVerifier)), sha256(content.codeChallenge)];
  if (!timingSafeEqual(shown, wanted)) throw refusal();
  return { challenge, content };
}
