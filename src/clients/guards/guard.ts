import { MissingRoleError } from '../roles.ts';
import type { AccessTokenError } from '../token-verdict.ts';
import type { BoundRequest } from '../verify.ts';

/** A verifier of either kind: `createAccessTokenVerifier` or `createApiTokenVerifier`. */
export type TokenVerifier<Claims> = (token: string, request?: BoundRequest) => Promise<Claims>;

/** The claims that a guard checks. */
type AnyClaims = { readonly roles: readonly string[]; readonly scopes?: readonly string[] };

export type GuardOptions = {
  /** Roles of which a user needs one; not an empty list. Default: any user passes. */
  readonly roles?: readonly string[];
  /** Scopes that the token of an application needs, all of them; not an empty list. Default: none. */
  readonly scopes?: readonly string[];
  /**
   * The origin under which clients call this server, such as `https://api.example.com`: a token that is bound to a key is
   * proved for it (RFC 9449). Default: bound tokens are refused.
   */
  readonly origin?: string;
  /** Called with each refusal. Its `cause` has the reason: log it, and never send it to the caller. */
  readonly onRefusal?: (refusal: GuardError) => void;
};

const algorithms = 'algs="ES256 EdDSA"';

type HeaderMap = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The parts of a request that a guard checks. */
export type GuardedRequest = {
  readonly headers: Headers | HeaderMap;
  /** The HTTP method. */
  readonly method: string;
  /** The path with its query, or the whole URL. */
  readonly url: string;
};

/** Lets requests with a good access token pass. */
export type Guard<Claims> = {
  /** Verifies the token of a request; throws GuardError where it does not pass. */
  check(request: GuardedRequest): Promise<Claims>;
  /** The claims of a request that passed, by the object that its framework hands out. Throws where the guard did not run. */
  claimsOf(request: object): Claims;
  /** Notes what a request passed with; adapters call it. */
  note(request: object, claims: Claims): void;
};

/** The request does not pass (RFC 6750, section 3): what to answer. */
export class GuardError extends Error {
  /** 401: no good token; 403: it does not permit this; 503: the keys are out of reach. */
  readonly status: 401 | 403 | 503;
  /** The headers of the answer. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: GuardError['status'],
    message: string,
    headers: Readonly<Record<string, string>>,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'GuardError';
    this.status = status;
    this.headers = { 'cache-control': 'no-store', ...headers };
  }

  /** The body of the answer, in JSON. */
  get body(): string {
    return JSON.stringify({ error: this.message });
  }
}

/**
 * A guard of a server's own calls. The adapters `expressGuard`, `fastifyGuard`, `honoGuard`, `withGuard` and `connectGuard`, and
 * `grpcGuard` of `@manam/client/grpc`, put it before handlers, which read who calls with `guard.claimsOf(request)`. Throws
 * TypeError for options that it does not know, or that would let everyone pass.
 */
export function createGuard<Claims extends AnyClaims>(
  verify: TokenVerifier<Claims>,
  options: GuardOptions = {},
): Guard<Claims> {
  assertOptions(options);
  const { roles = [], scopes = [], onRefusal = () => {} } = options;
  const origin = options.origin && new URL(options.origin).origin;
  const passed = new WeakMap<object, Claims>();
  async function judge(request: GuardedRequest): Promise<Claims> {
    const { token, bound } = readToken(request, origin);
    const claims = await verify(token, bound).catch((error: unknown) => {
      throw refusalOf(error, bound === undefined ? 'Bearer' : 'DPoP');
    });
    const missing = scopes.filter((scope) => !claims.scopes?.includes(scope));
    if (missing.length > 0) throw insufficient(`the token lacks the scope ${missing.join(' ')}`, scopes);
    if (roles.length > 0 && !roles.some((role) => claims.roles.includes(role)))
      throw insufficient(new MissingRoleError(roles).message);
    return claims;
  }

  return {
    async check(request) {
      try {
        return await judge(request);
      } catch (error) {
        if (error instanceof GuardError) onRefusal(error);
        throw error;
      }
    },
    claimsOf(request) {
      const claims = passed.get(request);
      if (claims === undefined) throw new Error('no guard has let this request pass');
      return claims;
    },
    note: (request, claims) => void passed.set(request, claims),
  };
}

const known = new Set(['roles', 'scopes', 'origin', 'onRefusal']);

/** A list that came out empty, as of a variable that is not set, or an option with another name would switch a check off. */
function assertOptions(options: GuardOptions): void {
  const unknown = Object.keys(options).find((name) => !known.has(name));
  if (unknown !== undefined) throw new TypeError(`a guard has no option ${unknown}`);
  for (const name of ['roles', 'scopes'] as const) {
    const list: unknown = options[name];
    const isGood =
      list === undefined ||
      (Array.isArray(list) &&
        list.length > 0 &&
        list.every((each) => typeof each === 'string' && each !== ''));
    if (!isGood) throw new TypeError(`${name} must be a list that names at least one, or be left out`);
  }
  const { origin } = options;
  if (origin !== undefined && !(URL.canParse(origin) && /^https?:\/\/[^/?#]+\/?$/.test(origin)))
    throw new TypeError('origin must be one such as https://api.example.com');
}

/** The token of a request, and what proves that it is its owner's who sends it. */
function readToken({ headers, method, url }: GuardedRequest, origin: string | undefined) {
  const read = (name: string) => {
    const value =
      typeof headers.get === 'function' ? (headers as Headers).get(name) : (headers as HeaderMap)[name];
    return typeof value === 'string' ? value : undefined;
  };
  const [, scheme = '', token = ''] = /^(Bearer|DPoP) +([^\s,]+)$/i.exec(read('authorization') ?? '') ?? [];
  if (token === '')
    throw new GuardError(401, 'this call needs an access token', { 'www-authenticate': 'Bearer' });
  // As a bearer's a bound token is refused by the verifier.
  if (scheme.toLowerCase() === 'bearer') return { token };
  const proof = read('dpop');
  // A path that begins with two slashes is a path, and not another host.
  const at = url.startsWith('/') ? `${origin}${url}` : url;
  if (origin === undefined || proof === undefined || !URL.canParse(at))
    throw new GuardError(401, 'the proof of the key is missing, or this server takes none', {
      'www-authenticate': `DPoP error="invalid_dpop_proof", ${algorithms}`,
    });
  return { token, bound: { proof, method, url: `${origin}${new URL(at).pathname}` } };
}

function refusalOf(cause: unknown, scheme: 'Bearer' | 'DPoP'): GuardError {
  // By its name: a verifier of another copy of this package has another class.
  const { name, code = 'invalid_token' } = cause as Partial<AccessTokenError>;
  if (name === 'AccessTokenError')
    return new GuardError(
      401,
      'the access token is not good, or no longer',
      { 'www-authenticate': `${scheme} error="${code}"${scheme === 'DPoP' ? `, ${algorithms}` : ''}` },
      { cause },
    );
  // An outage is no verdict.
  return new GuardError(503, 'the token cannot be verified now', { 'retry-after': '5' }, { cause });
}

function insufficient(message: string, scopes: readonly string[] = []): GuardError {
  const scope = scopes.length === 0 ? '' : `, scope="${scopes.join(' ')}"`;
  return new GuardError(403, message, {
    'www-authenticate': `Bearer error="insufficient_scope"${scope}`,
  });
}
