import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { createViolations, DomainError } from '../../domain/errors.ts';
import {
  formatHandle,
  type LoginRequest,
  type LoginRequestData,
  parseHandle,
} from '../../domain/login-request.ts';
import { codeChallengeOf, isCodeChallenge } from '../../domain/pkce.ts';
import type { Random } from '../../domain/random.ts';
import { matchRegisteredUrl } from '../../domain/registered-url.ts';
import type { Store } from '../../domain/repositories.ts';
import { sha256 } from '../../domain/token.ts';

export type LoginRequestDeps = {
  readonly store: Store<'loginRequests'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Counts a start; throws RATE_LIMITED where there were too many. */
  readonly chargeStart: (caller: Caller) => Promise<unknown>;
};

/** Lifetime of a sign-in that was redirected (R47). */
const defaultLifetimeMs = 600_000;

export type BeginRules = {
  /** Default: ten minutes. */
  readonly lifetimeMs?: number;
  /** Whether the network of the caller pays for it. Default: yes. */
  readonly isCharged?: boolean;
};

/** The return of a browser: to a registered page, with a code for the holder of a verifier. */
export type Return = { readonly redirectUri: string; readonly codeChallenge: string };

export type ReturnRules = {
  /** Whether the browser may end here instead, at an answer in JSON. */
  readonly isOptional: boolean;
  /** The hosted page that is always registered. Default: none. */
  readonly hostedPage?: string;
};

/** The page and the challenge of a request, or REQUEST_INVALID. A page without a challenge would hand its code to anyone. */
export function parseReturn(
  { tenant }: Pick<Caller, 'tenant'>,
  asked: Return,
  { isOptional, hostedPage = '' }: ReturnRules,
): Return {
  const violations = createViolations();
  const { collect, add } = violations;
  const registered = [...tenant.policy.redirectUris, ...(hostedPage === '' ? [] : [hostedPage])];
  const redirectUri = collect(() => matchRegisteredUrl(asked.redirectUri, registered, '', 'redirect_uri'));
  if (redirectUri === '' && !isOptional) add('redirect_uri', 'FIELD_REQUIRED');
  const wantsChallenge = asked.redirectUri !== '' || !isOptional || asked.codeChallenge !== '';
  if (wantsChallenge && !isCodeChallenge(asked.codeChallenge))
    add('code_challenge', 'CODE_CHALLENGE_INVALID');
  violations.throwIfAny();
  return { redirectUri: redirectUri ?? '', codeChallenge: asked.codeChallenge };
}

/** Sign-ins that go to another site, each a row that is valid once (R47). */
export function createLoginRequests({ store, clock, random, chargeStart }: LoginRequestDeps) {
  return {
    /** Notes one; returns the handle that it returns with, and what goes along. */
    async begin(
      caller: Caller,
      kind: LoginRequest['kind'],
      fields: Partial<LoginRequestData>,
      rules: BeginRules = {},
    ): Promise<{ readonly handle: string; readonly data: LoginRequestData; readonly challenge: string }> {
      const tenantId = caller.tenant.id;
      if (rules.isCharged !== false) await chargeStart(caller);
      const secret = random.bytes(32);
      const id = random.uuid();
      const handle = formatHandle(tenantId, id, secret);
      const data: LoginRequestData = {
        redirectUri: '',
        codeChallenge: '',
        userId: '',
        sessionId: '',
        provider: '',
        nonce: random.bytes(32).toString('base64url'),
        codeVerifier: random.bytes(32).toString('base64url'),
        ...fields,
      };
      const expiresAt = new Date(clock().getTime() + (rules.lifetimeMs ?? defaultLifetimeMs));
      await store.loginRequests.insert({ tenantId, id, kind, digest: sha256(secret), data, expiresAt });
      return { handle, data, challenge: codeChallengeOf(data.codeVerifier) };
    },

    /** The live request of a handle, which stays. */
    async find(handle: string, kinds: readonly LoginRequest['kind'][]): Promise<LoginRequest> {
      const parsed = parseHandle(handle);
      const found =
        parsed && (await store.loginRequests.findLive(parsed.tenantId, parsed.id, parsed.digest, clock()));
      if (found === undefined || !kinds.includes(found.kind)) throw new DomainError('LOGIN_STATE_INVALID');
      return found;
    },

    /** The request of a handle, even where it is expired or used, to find its redirect URI. */
    async recall(handle: string, kinds: readonly LoginRequest['kind'][]): Promise<LoginRequest> {
      const parsed = parseHandle(handle);
      const found = parsed && (await store.loginRequests.find(parsed.tenantId, parsed.id, parsed.digest));
      if (found === undefined || !kinds.includes(found.kind)) throw new DomainError('LOGIN_STATE_INVALID');
      return found;
    },

    /** Uses a request up; for exactly one of any number of callers. */
    async consume({ tenantId, id }: LoginRequest): Promise<void> {
      if (!(await store.loginRequests.consume(tenantId, id, clock())))
        throw new DomainError('LOGIN_STATE_INVALID');
    },
  };
}

export type LoginRequests = ReturnType<typeof createLoginRequests>;
