import * as openid from 'openid-client';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import type {
  IdentityProviders,
  ProviderAccount,
  ProviderAnswer,
  ProviderClient,
  ProviderExpectation,
} from '../../domain/identity-provider.ts';
import type { OutgoingFetch } from '../../domain/outgoing.ts';
import { exchangeFailure, outage } from './failure.ts';
import { createTokenVerifier, leewayS } from './id-token.ts';
import {
  addressClaims,
  type Claims,
  describe,
  isSubject,
  type OpenIdPreset,
  type ReadJson,
} from './preset.ts';
import { presets } from './presets.ts';
import { createTransport, type Emulated, type Fetch } from './transport.ts';

export type ProvidersOptions = {
  readonly outgoingFetch: OutgoingFetch;
  readonly emulated: Emulated;
  readonly clock: Clock;
  /** Called where a provider failed, or what it tells beyond the claims could not be had. */
  readonly onFailure: (client: ProviderClient, error: unknown) => void;
};

const timeoutS = 4;
/** Deadline of all requests of a call together, but for keys: the caller waits no longer than 10 seconds (R56). */
const callMs = 6000;
const userAgent = 'manam';

/** The identity providers: the protocol by openid-client, signatures by jose, and what each of them does in its own way by its preset. */
export function createIdentityProviders(options: ProvidersOptions): IdentityProviders {
  const { outgoingFetch, emulated, clock, onFailure } = options;
  const transport = createTransport(outgoingFetch, emulated);
  const verifier = createTokenVerifier(clock);

  /** Runs a call to a provider within its deadline and logs failures of the provider. */
  async function calling<T>(client: ProviderClient, call: (fetch: Fetch) => Promise<T>): Promise<T> {
    try {
      return await call(transport.fetchOf(client.kind, AbortSignal.timeout(callMs)));
    } catch (error) {
      const failure = exchangeFailure(error);
      if (failure.reason === 'UNAVAILABLE') onFailure(client, failure.cause);
      throw failure;
    }
  }

  /** The metadata of a provider: fixed by its preset, or discovered. Who only verifies tokens needs no client there. */
  async function configure(
    client: ProviderClient,
    fetch: Fetch,
    authentication: openid.ClientAuth,
  ): Promise<openid.Configuration> {
    const { server, issuer } = presets[client.kind];
    // One clock decides about tokens, wherever they are read.
    const skewS = Math.round((clock().getTime() - Date.now()) / 1000);
    const metadata = { [openid.clockSkew]: skewS, [openid.clockTolerance]: leewayS };
    const clientId = client.clientId || 'none';
    if (server !== undefined)
      return prepare(new openid.Configuration(server, clientId, metadata, authentication), fetch);
    try {
      const url = new URL(client.issuer || issuer);
      const options = {
        [openid.customFetch]: fetch,
        timeout: timeoutS,
        execute: [openid.allowInsecureRequests],
      };
      return prepare(await openid.discovery(url, clientId, metadata, authentication, options), fetch);
    } catch (error) {
      throw outage(error);
    }
  }

  /** The same for a client that proves itself. */
  const configureClient = (client: ProviderClient, fetch: Fetch) => {
    const { authenticate } = presets[client.kind];
    return configure(client, fetch, authenticate?.(client, clock()) ?? usualAuthentication(client));
  };

  const rulesOf = (preset: OpenIdPreset, client: ProviderClient, config: openid.Configuration) => ({
    preset,
    metadata: config.serverMetadata(),
    // Keys outlive the call that they are fetched for.
    fetch: transport.fetchOf(client.kind),
    audiences: [client.clientId, ...client.audiences].filter((id) => id !== ''),
  });

  function openIdOf(client: ProviderClient): OpenIdPreset {
    const preset = presets[client.kind];
    if (!preset.isOpenId) throw new DomainError('PROVIDER_TOKEN_INVALID');
    return preset;
  }

  function accountOf(
    preset: OpenIdPreset,
    client: ProviderClient,
    config: openid.Configuration,
    claims: Claims & { readonly iss: string; readonly sub: string },
  ): ProviderAccount {
    const { iss, sub, sid } = claims;
    // One form of the issuer, where a provider has several.
    const issuer = preset.server?.issuer ?? preset.knownAs?.(iss) ?? iss;
    return {
      ...describe(issuer, sub, claims, client, preset.trustOf(claims, client, config.serverMetadata())),
      sid: isSubject(sid) ? sid : '',
    };
  }

  /** The claims of the userinfo endpoint as well, where the ID token lacks some (OpenID Connect Core 1.0, section 5.3). */
  async function completeClaims(
    config: openid.Configuration,
    client: ProviderClient,
    claims: Claims & { readonly iss: string; readonly sub: string },
    accessToken: string,
  ): Promise<Claims & { readonly iss: string; readonly sub: string }> {
    const [address, verifying] = addressClaims(client);
    const wanted = [address, verifying, 'name', ...Object.values(client.claims)];
    const hasAll = wanted.every((name) => claims[name] !== undefined);
    if (hasAll || config.serverMetadata().userinfo_endpoint === undefined) return claims;
    const { iss, sub } = claims;
    const told: Claims = await openid.fetchUserInfo(config, accessToken, sub);
    // An address and whether it is verified come from one document: that which names the address.
    const source = told[address] === undefined ? claims : told;
    const addressed = { [address]: source[address], [verifying]: source[verifying] };
    return { ...claims, ...told, ...addressed, iss, sub };
  }

  async function arriveWithIdToken(
    preset: OpenIdPreset,
    client: ProviderClient,
    fetch: Fetch,
    config: openid.Configuration,
    answer: ProviderAnswer,
    tokens: Awaited<ReturnType<typeof openid.authorizationCodeGrant>>,
  ): Promise<ProviderAccount> {
    const { id_token = '', access_token } = tokens;
    const verified = await verifier.verifyIdToken(id_token, rulesOf(preset, client, config));
    const claims = { ...preset.claimsOf?.(answer), ...verified };
    const whole = preset.hasUserInfo ? await completeClaims(config, client, claims, access_token) : claims;
    const account = accountOf(preset, client, config, whole);
    if (preset.profileOf === undefined) return account;
    try {
      return { ...account, profile: await preset.profileOf(readerOf(fetch, access_token), client) };
    } catch (error) {
      // The sign-in does not hang on it: the profile comes with a later one.
      onFailure(client, outage(error).cause);
      return account;
    }
  }

  async function exchange(
    client: ProviderClient,
    fetch: Fetch,
    answer: ProviderAnswer,
    { state, nonce, codeVerifier }: ProviderExpectation,
  ): Promise<ProviderAccount> {
    const preset = presets[client.kind];
    const config = await configureClient(client, fetch);
    const url = new URL(client.callbackUrl);
    for (const name of ['code', 'state', 'iss'] as const)
      if (answer[name] !== undefined) url.searchParams.set(name, answer[name]);
    const tokens = await openid.authorizationCodeGrant(config, url, {
      expectedState: state,
      pkceCodeVerifier: codeVerifier,
      ...(preset.isOpenId && { expectedNonce: nonce, idTokenExpected: true }),
    });
    if (preset.isOpenId) return await arriveWithIdToken(preset, client, fetch, config, answer, tokens);
    const { access_token: accessToken } = tokens;
    const described = await preset.describe(readerOf(fetch, accessToken), client, accessToken);
    if (!isSubject(described.claims.subject)) throw new Error('no subject');
    return { ...described, sid: '' };
  }

  return {
    authorizationUrl: (client, { state, nonce, codeChallenge }) =>
      calling(client, async (fetch) => {
        const { scopes, parameters, isOpenId } = presets[client.kind];
        const config = await configureClient(client, fetch);
        const url = openid.buildAuthorizationUrl(config, {
          ...parameters,
          redirect_uri: client.callbackUrl,
          scope: [...new Set([...scopes, ...client.scopes])].join(' '),
          state,
          ...(isOpenId && { nonce }),
          code_challenge: codeChallenge,
          code_challenge_method: 'S256',
        });
        const issuer = new URL(config.serverMetadata().issuer);
        // http is for a provider on this machine or beside it, which the fetcher has let pass.
        if (url.protocol !== 'https:' && url.origin !== issuer.origin) throw outage(new Error('not https'));
        return transport.addressOf(client.kind, url);
      }),

    failed(client, error) {
      const failure = outage({ error });
      onFailure(client, failure.cause);
      return failure;
    },

    arrive: (client, answer, expected) =>
      calling(client, (fetch) => exchange(client, fetch, answer, expected)),

    verifyIdToken: (client, idToken) =>
      calling(client, async (fetch) => {
        const preset = openIdOf(client);
        const config = await configure(client, fetch, openid.None());
        const claims = await verifier.verifyIdToken(idToken, rulesOf(preset, client, config));
        return { ...accountOf(preset, client, config, claims), nonce: claims.nonce };
      }),

    verifyLogoutToken: (client, logoutToken) =>
      calling(client, async (fetch) => {
        const preset = openIdOf(client);
        const config = await configure(client, fetch, openid.None());
        return await verifier.verifyLogoutToken(logoutToken, rulesOf(preset, client, config));
      }),
  };
}

/** Reads JSON with an access token. */
function readerOf(fetch: Fetch, accessToken: string): ReadJson {
  return async (url, headers = {}) => {
    const authorization = `Bearer ${accessToken}`;
    const response = await fetch(url, {
      headers: { accept: 'application/json', 'user-agent': userAgent, ...headers, authorization },
    });
    if (response.status !== 200) throw Object.assign(new Error('no profile'), { status: response.status });
    return await response.json();
  };
}

/** The fetcher refuses http wherever the operator does not allow it, so the library need not. */
function prepare(config: openid.Configuration, fetch: Fetch): openid.Configuration {
  config[openid.customFetch] = fetch;
  config.timeout = timeoutS;
  openid.allowInsecureRequests(config);
  return config;
}

/** `client_secret_basic` unless the provider takes something else alone (OpenID Connect Discovery 1.0, section 3). */
function usualAuthentication({ secret }: ProviderClient): openid.ClientAuth {
  if (secret === '') return openid.None();
  const [byBasic, byPost] = [openid.ClientSecretBasic(secret), openid.ClientSecretPost(secret)];
  return (server, client, body, headers) => {
    const methods = server.token_endpoint_auth_methods_supported;
    const takesBasic = methods === undefined || methods.includes('client_secret_basic');
    return (takesBasic ? byBasic : byPost)(server, client, body, headers);
  };
}
