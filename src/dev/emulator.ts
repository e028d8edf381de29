import type { IncomingMessage } from 'node:http';
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import type { ForeignKind } from '../domain/connection.ts';
import { escapeHtml } from '../domain/html.ts';
import { codeChallengeOf } from '../domain/pkce.ts';
import { type EmulatedUser, emulatedProviders, emulatedUsers } from './emulated-providers.ts';

/** A simulated failure of an endpoint. */
export type Fault = 'down' | 'slow' | 'refuse' | 'garbage';

/** The endpoints that can fail. */
export type Endpoint = 'token' | 'certs' | 'profile' | 'metadata';

type SigningKey = { readonly kid: string; readonly privateKey: CryptoKey; readonly publicKey: CryptoKey };

/** What stands in for one provider: real keys and the real protocol, where any account signs in without a password. */
export type Emulator = {
  readonly url: string;
  /** The issuer, as its tokens name it; empty: it has none. */
  readonly issuer: string;
  faults: Partial<Record<Endpoint, Fault>>;
  /** Changes the claims of the next tokens. */
  tamper: (claims: JWTPayload) => JWTPayload;
  /** Changes what its interfaces say of a user. */
  tamperProfile: (profile: object) => object;
  /** Makes the next tokens in another way. */
  forge: ((claims: JWTPayload, key: SigningKey) => Promise<string>) | undefined;
  /** Takes back every fault, change and forgery. */
  beHonest(): void;
  /** Signs the next tokens with another key, published or not. */
  rotateKey(isPublished: boolean): Promise<void>;
  /** An ID token for an app on a device. */
  idTokenFor(user: EmulatedUser, audience: string, nonce: string): Promise<string>;
  /** A logout token with further claims. */
  logoutTokenFor(audience: string, claims: JWTPayload, type?: string): Promise<string>;
  /** Signs a user in without a click. Returns the address that the browser goes back to, with the parameters of a form in its query. */
  approve(authorizationUrl: string, user: EmulatedUser): Promise<string>;
  /** Number of requests per endpoint. */
  readonly calls: Record<string, number>;
};

export type EmulatorAnswer = {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
  readonly location?: string;
};

/** The key that a client at the emulated Apple signs its secrets with. */
export type AppleClientKey = { readonly publicKey: CryptoKey; readonly teamId: string };

type Grant = {
  readonly user: EmulatedUser;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly nonce: string;
  readonly challenge: string;
};

const slowMs = 20_000;
const json = (status: number, value: unknown): EmulatorAnswer => ({ status, body: JSON.stringify(value) });
const random = () => crypto.randomUUID().replaceAll('-', '');

/** Creates what stands in for a provider at an address, with the answers to its requests. */
export async function createEmulator(
  kind: ForeignKind,
  url: string,
  now: () => Date,
  appleKey: AppleClientKey,
) {
  const provider = emulatedProviders[kind];
  const issuer = provider.issuer?.(url) ?? '';
  const published: JWK[] = [];
  let key: SigningKey;
  let made = 0;
  const makeKey = async (isPublished: boolean) => {
    made += 1;
    const pair = await generateKeyPair('RS256', { extractable: true });
    key = { kid: String(made), ...pair };
    if (isPublished)
      published.push({ ...(await exportJWK(pair.publicKey)), kid: key.kid, alg: 'RS256', use: 'sig' });
  };
  await makeKey(true);
  const grants = new Map<string, Grant>();
  const tokens = new Map<string, EmulatedUser>();
  /** Those whose name Apple has told: it does so once. */
  const named = new Set<string>();

  async function sign(claims: JWTPayload, type?: string): Promise<string> {
    const changed = emulator.tamper(claims);
    if (emulator.forge !== undefined) return await emulator.forge(changed, key);
    const header = { alg: 'RS256', kid: key.kid, ...(type !== undefined && { typ: type }) };
    return await new SignJWT(changed).setProtectedHeader(header).sign(key.privateKey);
  }

  function idToken(user: EmulatedUser, audience: string, nonce: string): Promise<string> {
    const iat = Math.floor(now().getTime() / 1000);
    const nonceClaim = nonce === '' ? {} : { nonce };
    const base = {
      iss: issuer,
      aud: audience,
      azp: audience,
      sub: user.sub,
      ...nonceClaim,
      iat,
      exp: iat + 3600,
    };
    return sign({ ...base, ...provider.claims?.(user) });
  }

  /** Where the browser goes back to, and what it brings. */
  function grantOf(query: URLSearchParams, user: EmulatedUser): URL {
    const text = (name: string) => query.get(name) ?? '';
    const isForm = provider.isFormPost === true;
    if (
      text('response_type') !== 'code' ||
      text('code_challenge_method') !== 'S256' ||
      text('state') === '' ||
      (isForm && text('response_mode') !== 'form_post')
    )
      throw new Error(`a request that ${provider.title} would refuse`);
    const code = random();
    const [clientId, redirectUri] = [text('client_id'), text('redirect_uri')];
    grants.set(code, {
      user,
      clientId,
      redirectUri,
      nonce: text('nonce'),
      challenge: text('code_challenge'),
    });
    const back = new URL(redirectUri);
    back.searchParams.set('state', text('state'));
    back.searchParams.set('code', code);
    const namedIssuer = provider.answersAs ?? (kind === 'oidc' ? issuer : undefined);
    if (namedIssuer !== undefined) back.searchParams.set('iss', namedIssuer);
    if (isForm && !named.has(user.sub)) {
      named.add(user.sub);
      const { given_name: firstName, family_name: lastName, email } = user;
      back.searchParams.set('user', JSON.stringify({ name: { firstName, lastName }, email }));
    }
    return back;
  }

  /** Whether the client proves itself: by its secret, or at Apple by a token that it has signed. */
  async function isClient(form: URLSearchParams, authorization: string, clientId: string): Promise<boolean> {
    const secret = `secret of ${clientId}`;
    if (authorization.startsWith('Basic ')) {
      // RFC 6749, section 2.3.1: both are encoded as in a form.
      const [id, given] = Buffer.from(authorization.slice(6), 'base64')
        .toString()
        .split(':')
        .map((part) => new URLSearchParams(`x=${part}`).get('x'));
      return id === clientId && given === secret;
    }
    if (form.get('client_id') !== clientId) return false;
    const given = form.get('client_secret') ?? '';
    if (kind !== 'apple') return given === secret;
    const options = { issuer: appleKey.teamId, audience: issuer, subject: clientId, currentDate: now() };
    return await jwtVerify(given, appleKey.publicKey, { ...options, requiredClaims: ['exp', 'iat'] }).then(
      () => true,
      () => false,
    );
  }

  async function exchange(form: URLSearchParams, authorization: string): Promise<EmulatorAnswer> {
    const grant = grants.get(form.get('code') ?? '');
    grants.delete(form.get('code') ?? '');
    const isRight =
      grant !== undefined &&
      form.get('redirect_uri') === grant.redirectUri &&
      codeChallengeOf(form.get('code_verifier') ?? '') === grant.challenge;
    if (!isRight) {
      const { status, body } = provider.refusal ?? { status: 400, body: { error: 'invalid_grant' } };
      return json(status, body);
    }
    if (!(await isClient(form, authorization, grant.clientId))) {
      const { status, body } = provider.clientRefusal ?? { status: 401, body: { error: 'invalid_client' } };
      return json(status, body);
    }
    const access = random();
    tokens.set(access, grant.user);
    const signed = issuer === '' ? {} : { id_token: await idToken(grant.user, grant.clientId, grant.nonce) };
    return json(200, { access_token: access, ...signed, expires_in: 3599, token_type: 'Bearer' });
  }

  function profileOf(path: string, authorization: string): EmulatorAnswer | undefined {
    const found = provider.profiles?.find((each) => each.path.test(path));
    if (found === undefined) return undefined;
    const user = tokens.get(authorization.replace('Bearer ', ''));
    return user === undefined ? json(401, {}) : json(200, emulator.tamperProfile(found.of(user)));
  }

  function endpointOf(path: string): Endpoint | undefined {
    if (provider.token.test(path)) return 'token';
    if (provider.keys?.test(path)) return 'certs';
    if (provider.metadata?.path.test(path)) return 'metadata';
    return provider.profiles?.some((each) => each.path.test(path)) ? 'profile' : undefined;
  }

  function choose(location: URL): EmulatorAnswer {
    const query = location.searchParams;
    const chosen = emulatedUsers.find(({ sub }) => sub === query.get('user'));
    if (chosen === undefined) {
      const links = emulatedUsers.map(({ sub, email }) => {
        location.searchParams.set('user', sub);
        return `<p><a href="${escapeHtml(location.href)}">${escapeHtml(email)}</a></p>`;
      });
      const denied = new URL(query.get('redirect_uri') ?? '');
      denied.searchParams.set('state', query.get('state') ?? '');
      denied.searchParams.set('error', 'access_denied');
      const refuse = `<p><a href="${escapeHtml(denied.href)}">Cancel</a></p>`;
      return htmlPage(`Not ${provider.title}: choose an account`, `${links.join('')}${refuse}`);
    }
    const back = grantOf(query, chosen);
    if (provider.isFormPost !== true) return { status: 302, body: '', location: back.href };
    const fields = [...back.searchParams].map(
      ([name, value]) => `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`,
    );
    back.search = '';
    const form = `<form method="post" action="${escapeHtml(back.href)}">${fields.join('')}<button>Continue</button></form>`;
    return htmlPage(`Not ${provider.title}`, `${form}<script>document.forms[0].submit()</script>`);
  }

  const emulator: Emulator = {
    url,
    issuer,
    faults: {},
    tamper: (claims) => claims,
    tamperProfile: (profile) => profile,
    forge: undefined,
    beHonest: () => {
      emulator.faults = {};
      emulator.tamper = (claims) => claims;
      emulator.tamperProfile = (profile) => profile;
      emulator.forge = undefined;
    },
    rotateKey: makeKey,
    idTokenFor: idToken,
    logoutTokenFor: (audience, claims, type = 'logout+jwt') => {
      const iat = Math.floor(now().getTime() / 1000);
      const events = { 'http://schemas.openid.net/event/backchannel-logout': {} };
      return sign(
        { iss: issuer, aud: audience, iat, exp: iat + 120, jti: random(), events, ...claims },
        type,
      );
    },
    approve: async (authorizationUrl, user) => grantOf(new URL(authorizationUrl).searchParams, user).href,
    calls: {},
  };

  async function answer(request: IncomingMessage, location: URL, body: string): Promise<EmulatorAnswer> {
    const path = location.pathname.slice(new URL(url).pathname.length);
    const endpoint = endpointOf(path);
    emulator.calls[endpoint ?? path] = (emulator.calls[endpoint ?? path] ?? 0) + 1;
    const fault = endpoint && emulator.faults[endpoint];
    if (fault === 'slow') await new Promise((resolve) => setTimeout(resolve, slowMs).unref());
    if (fault === 'refuse') return json(400, { error: 'invalid_grant' });
    if (fault === 'garbage') return { status: 200, body: '<html>' };
    if (fault === 'down') return json(503, {});
    const authorization = request.headers.authorization ?? '';
    if (endpoint === 'token') return await exchange(new URLSearchParams(body), authorization);
    if (endpoint === 'certs') return json(200, { keys: published });
    const metadata = path.match(provider.metadata?.path ?? /^$/);
    if (endpoint === 'metadata' && metadata !== null) return json(200, provider.metadata?.of(url, metadata));
    return (
      profileOf(path, authorization) ?? (provider.authorize.test(path) ? choose(location) : json(404, {}))
    );
  }

  return { emulator, answer };
}

function htmlPage(title: string, body: string): EmulatorAnswer {
  const text = `<!doctype html><meta charset="utf-8"><title>${title}</title><h1>${title}</h1>${body}`;
  return { status: 200, type: 'text/html; charset=utf-8', body: text };
}
