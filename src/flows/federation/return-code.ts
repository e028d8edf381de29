import { timingSafeEqual } from 'node:crypto';
import type { AuthenticationMethod } from '../../domain/authentication.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Challenge } from '../../domain/challenge.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import type { ProviderOrigin } from '../../domain/external-identity.ts';
import { codeChallengeOf, isCodeVerifier } from '../../domain/pkce.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import { formatChallengeToken, sha256 } from '../../domain/token.ts';
import { findByToken, type RedeemDeps } from '../challenges/redeem.ts';
import { stepChallenge } from '../challenges/send.ts';

/** Lifetime of a code: the time of a redirect and a call (R48). */
const lifetimeMs = 60_000;
/** The verifiers that a code survives. */
const maxVerifiers = 3;

export type CodePurpose = Extract<Challenge['purpose'], 'login-code' | 'provider-link'>;

/** The content of a code beside its user. */
export type CodeContent = {
  readonly codeChallenge: string;
  readonly amr: readonly AuthenticationMethod[];
  /** Where a sign-in comes from; absent: Manam itself, or a link. */
  readonly origin?: ProviderOrigin;
  /** The session that a link was begun in, and the identity to link; absent for a sign-in. */
  readonly sessionId?: string;
  readonly provider?: string;
  readonly issuer?: string;
  readonly subject?: string;
  readonly email?: string;
};

/** Makes a one-time code that a browser carries back, in the caller's transaction. Tokens never stand in an address (R48). */
export async function makeLoginCode(
  { challenges }: Pick<Repositories, 'challenges'>,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  user: { readonly tenantId: string; readonly userId: string },
  purpose: CodePurpose,
  content: CodeContent,
): Promise<string> {
  const secret = random.bytes(32);
  const data = Buffer.from(JSON.stringify(content));
  const challenge = stepChallenge({ clock, random }, user, {
    purpose,
    digest: sha256(secret),
    data,
    lifetimeMs,
  });
  await challenges.put(challenge);
  return formatChallengeToken(challenge.id, secret);
}

export type TakeCodeDeps = RedeemDeps & { readonly store: Store<'challenges'> };

/**
 * Takes a code back from the holder of its verifier, once. A wrong verifier counts as a
 * guess and leaves the code to its owner for a few more; a stolen code alone opens nothing.
 */
export async function takeLoginCode(
  deps: TakeCodeDeps,
  caller: Caller,
  purpose: CodePurpose,
  command: { readonly code: string; readonly codeVerifier: string },
): Promise<{ readonly challenge: Challenge; readonly content: CodeContent }> {
  const refusal = () => new DomainError('CODE_INVALID');
  if (!isCodeVerifier(command.codeVerifier)) throw refusal();
  const challenge = await findByToken(deps, caller, purpose, command.code);
  if (challenge === undefined) throw refusal();
  const { tenantId, id } = challenge;
  if (!(await deps.store.challenges.countAttempt(tenantId, id, maxVerifiers))) throw refusal();
  const content = JSON.parse(challenge.data?.toString() ?? '{}') as CodeContent;
  const [shown, wanted] = [sha256(codeChallengeOf(command.codeVerifier)), sha256(content.codeChallenge)];
  if (!timingSafeEqual(shown, wanted)) throw refusal();
  return { challenge, content };
}
