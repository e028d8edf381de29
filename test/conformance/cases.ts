import { decodeJwt, decodeProtectedHeader } from 'jose';
import { api, callback, type Party, s256, verifier } from './parties.ts';

/** One case: what happens, in words that are the same for every provider. */
export type Case = {
  readonly source: string;
  readonly what: string;
  readonly run: (party: Party) => Promise<string>;
  /** Why the two differ; absent: they do not. */
  readonly difference?: string;
};

type Changes = Readonly<Record<string, string | undefined>>;

function addressOf(party: Party, endpoint: string, changes: Changes = {}): string {
  const parameters = {
    response_type: 'code',
    client_id: party.web.id,
    redirect_uri: callback,
    scope: 'openid email',
    state: 'a-state',
    nonce: 'a-nonce',
    code_challenge: s256,
    code_challenge_method: 'S256',
    ...changes,
  };
  const given = Object.entries(parameters).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return `${endpoint}?${new URLSearchParams(given)}`;
}

const endpointOf = async (party: Party, name: string) => String((await party.metadata())[`${name}_endpoint`]);

async function visit(party: Party, changes: Changes = {}, method: 'GET' | 'POST' = 'GET'): Promise<string> {
  return await party.browse(addressOf(party, await endpointOf(party, 'authorization'), changes), method);
}

/** The end of an authorization in words. */
async function outcome(party: Party, changes: Changes = {}, method: 'GET' | 'POST' = 'GET'): Promise<string> {
  const end = await visit(party, changes, method);
  if (!URL.canParse(end)) return `a page, ${end}`;
  const { searchParams, hash } = new URL(end);
  // Answers of the implicit flow, its failures too, come in the fragment.
  const error = searchParams.get('error') ?? new URLSearchParams(hash.slice(1)).get('error');
  return error === null ? (searchParams.has('code') ? 'a code' : 'neither') : error;
}

const basic = ({ id, secret }: { readonly id: string; readonly secret: string }) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
});

type Answer = { readonly status: number; readonly headers: Headers; readonly body: Record<string, unknown> };

async function post(
  party: Party,
  endpoint: string,
  form: Readonly<Record<string, string>>,
  headers: Record<string, string> = basic(party.web),
): Promise<Answer> {
  const response = await fetch(await endpointOf(party, endpoint), {
    method: 'POST',
    body: new URLSearchParams(form),
    headers,
  });
  const text = await response.text();
  const body = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {};
  return { status: response.status, headers: response.headers, body };
}

const inWords = ({ status, body }: Answer) =>
  body['error'] === undefined ? String(status) : `${status} ${body['error']}`;

async function codeOf(party: Party, changes: Changes = {}): Promise<string> {
  return new URL(await visit(party, changes)).searchParams.get('code') ?? '';
}

const redeem = async (party: Party, changes: Readonly<Record<string, string>> = {}, code?: string) =>
  await post(party, 'token', {
    grant_type: 'authorization_code',
    code: code ?? (await codeOf(party)),
    redirect_uri: callback,
    code_verifier: verifier,
    ...changes,
  });

async function tokensOf(party: Party, changes: Changes = {}): Promise<Record<string, string>> {
  return (await redeem(party, {}, await codeOf(party, changes))).body as Record<string, string>;
}

const refresh = (party: Party, token: string, more: Readonly<Record<string, string>> = {}) =>
  post(party, 'token', { grant_type: 'refresh_token', refresh_token: token, ...more });

const userInfo = async (party: Party, token: string | undefined, method = 'GET') =>
  await fetch(await endpointOf(party, 'userinfo'), {
    method,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });

const assertionForm = async (party: Party, changes = {}) => ({
  grant_type: 'client_credentials',
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  client_assertion: await party.assertion(changes),
});

const asSigner = async (party: Party, changes = {}) =>
  inWords(await post(party, 'token', await assertionForm(party, changes), {}));

const device = async (party: Party) =>
  (await post(party, 'device_authorization', { client_id: party.native.id, scope: 'openid' }, {})).body;

const askDevice = async (party: Party, code: unknown) =>
  inWords(
    await post(
      party,
      'token',
      {
        grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
        client_id: party.native.id,
        device_code: String(code),
      },
      {},
    ),
  );

const now = () => Math.floor(Date.now() / 1000);

export const cases: readonly Case[] = [
  {
    source: 'Discovery §4.3',
    what: 'the issuer in the metadata is the one that was asked',
    run: async (party) => String((await party.metadata())['issuer'] === party.issuer),
  },
  {
    source: 'Discovery §3',
    what: 'RS256 is among the algorithms of ID tokens',
    run: async (party) =>
      String(
        ((await party.metadata())['id_token_signing_alg_values_supported'] as string[]).includes('RS256'),
      ),
  },
  {
    source: 'RFC 9700 §2.1.1',
    what: 'PKCE methods',
    run: async (party) => String((await party.metadata())['code_challenge_methods_supported']),
  },
  { source: 'Core §3.1.2.1', what: 'a sound request', run: (party) => outcome(party) },
  { source: 'Core §3.1.2.1', what: 'the same by POST', run: (party) => outcome(party, {}, 'POST') },
  {
    source: 'RFC 6749 §4.1.1',
    what: 'no response_type',
    run: (party) => outcome(party, { response_type: undefined }),
  },
  {
    source: 'RFC 9700 §2.1.2',
    what: 'the implicit flow',
    run: (party) => outcome(party, { response_type: 'token' }),
  },
  {
    source: 'RFC 9700 §2.1',
    what: 'a redirect URI with an added query',
    run: (party) => outcome(party, { redirect_uri: `${callback}?x=1` }),
  },
  {
    source: 'RFC 9700 §2.1',
    what: 'a redirect URI with an encoded letter',
    run: (party) => outcome(party, { redirect_uri: callback.replace('callback', '%63allback') }),
  },
  {
    source: 'RFC 6749 §3.1.2.3',
    what: 'no redirect URI where one is registered',
    run: (party) => outcome(party, { redirect_uri: undefined }),
    difference:
      'OpenID Connect requires the parameter (Core §3.1.2.1); the other one allows OAuth’s shortcut.',
  },
  {
    source: 'RFC 8252 §7.3',
    what: 'a native application on another port of the loopback interface',
    run: (party) =>
      outcome(party, { client_id: party.native.id, redirect_uri: 'http://127.0.0.1:4711/callback' }),
  },
  {
    source: 'RFC 8252 §8.4',
    what: 'the same on localhost',
    run: (party) =>
      outcome(party, { client_id: party.native.id, redirect_uri: 'http://localhost:4711/callback' }),
  },
  {
    source: 'RFC 6749 §4.1.2.1',
    what: 'an unknown client',
    run: (party) => outcome(party, { client_id: 'nobody' }),
  },
  {
    source: 'RFC 7636 §4.4.1',
    what: 'no challenge',
    run: (party) => outcome(party, { code_challenge: undefined, code_challenge_method: undefined }),
  },
  {
    source: 'RFC 9700 §2.1.1',
    what: 'a plain challenge',
    run: (party) => outcome(party, { code_challenge_method: 'plain' }),
  },
  {
    source: 'RFC 7636 §4.3',
    what: 'a challenge without a method',
    run: (party) => outcome(party, { code_challenge_method: undefined }),
  },
  {
    source: 'Core §3.1.2.1',
    what: 'prompt=none beside login',
    run: (party) => outcome(party, { prompt: 'none login' }),
  },
  {
    source: 'Core §3.1.2.1',
    what: 'prompt=none with a session',
    run: (party) => outcome(party, { prompt: 'none' }),
  },
  { source: 'Core §6.1', what: 'a request object', run: (party) => outcome(party, { request: 'e30.e30.' }) },
  {
    source: 'RFC 8707 §2',
    what: 'a resource that is not registered',
    run: (party) => outcome(party, { resource: 'https://evil.example' }),
  },
  {
    source: 'RFC 6749 §3.3',
    what: 'a scope that does not exist beside one that does',
    run: (party) => outcome(party, { scope: 'openid everything' }),
  },
  {
    source: 'RFC 9207 §2',
    what: '`iss` in a good and in a bad answer',
    run: async (party) =>
      [await visit(party), await visit(party, { scope: 'openid', prompt: 'none login' })]
        .map((end) => String(new URL(end).searchParams.get('iss') === party.issuer))
        .join(' '),
  },
  {
    source: 'RFC 6749 §4.1.2',
    what: '`state` comes back',
    run: async (party) => new URL(await visit(party)).searchParams.get('state') ?? '',
  },
  {
    source: 'RFC 6749 §5.1',
    what: 'a code is exchanged',
    run: async (party) => inWords(await redeem(party)),
  },
  {
    source: 'Core §3.1.3.4',
    what: 'the answer is not kept',
    run: async (party) => (await redeem(party)).headers.get('cache-control') ?? '',
  },
  {
    source: 'RFC 6749 §4.1.2',
    what: 'a code that is used twice',
    run: async (party) => {
      const code = await codeOf(party);
      await redeem(party, {}, code);
      return inWords(await redeem(party, {}, code));
    },
  },
  {
    source: 'RFC 6749 §4.1.2',
    what: 'the tokens of its first use after that',
    run: async (party) => {
      const code = await codeOf(party);
      const { body } = await redeem(party, {}, code);
      await redeem(party, {}, code);
      return String((await userInfo(party, String(body['access_token']))).status);
    },
  },
  {
    source: 'RFC 6749 §4.1.3',
    what: 'a code with another redirect URI',
    run: async (party) => inWords(await redeem(party, { redirect_uri: `${callback}/x` })),
  },
  {
    source: 'RFC 7636 §4.6',
    what: 'a code with another verifier',
    run: async (party) => inWords(await redeem(party, { code_verifier: verifier.replace('47', '48') })),
  },
  {
    source: 'RFC 6749 §5.2',
    what: 'a code with a wrong secret',
    run: async (party) =>
      inWords(
        await post(
          party,
          'token',
          {
            grant_type: 'authorization_code',
            code: await codeOf(party),
            redirect_uri: callback,
            code_verifier: verifier,
          },
          basic({ ...party.web, secret: 'wrong' }),
        ),
      ),
  },
  {
    source: 'RFC 6749 §5.2',
    what: 'the challenge of that answer',
    run: async (party) =>
      (
        (
          await post(
            party,
            'token',
            { grant_type: 'client_credentials' },
            basic({ ...party.web, secret: 'wrong' }),
          )
        ).headers.get('www-authenticate') ?? ''
      ).split(' ')[0] ?? '',
  },
  {
    source: 'RFC 6749 §2.3',
    what: 'two ways to authenticate at once',
    run: async (party) =>
      inWords(
        await post(party, 'token', {
          grant_type: 'client_credentials',
          client_id: party.web.id,
          client_secret: party.web.secret,
        }),
      ),
  },
  {
    source: 'RFC 9700 §2.4',
    what: 'the password grant',
    run: async (party) =>
      inWords(await post(party, 'token', { grant_type: 'password', username: 'a', password: 'b' })),
  },
  {
    source: 'Core §2',
    what: 'claims of an ID token',
    run: async (party) => {
      const claims = decodeJwt((await tokensOf(party))['id_token'] ?? '');
      return ['iss', 'sub', 'aud', 'exp', 'iat', 'nonce', 'at_hash']
        .filter((name) => claims[name] !== undefined)
        .join(' ');
    },
    difference: '`at_hash` may be left out of a code flow (Core §3.1.3.6); the other one leaves it out.',
  },
  {
    source: 'Core §2',
    what: '`auth_time` where max_age was asked for',
    run: async (party) =>
      String(typeof decodeJwt((await tokensOf(party, { max_age: '3600' }))['id_token'] ?? '')['auth_time']),
  },
  {
    source: 'Core §5.3.2',
    what: 'UserInfo by GET and by POST',
    run: async (party) => {
      const { access_token: token } = await tokensOf(party);
      return `${(await userInfo(party, token)).status} ${(await userInfo(party, token, 'POST')).status}`;
    },
  },
  {
    source: 'Core §5.3.2',
    what: '`sub` of UserInfo and of the ID token agree',
    run: async (party) => {
      const { access_token: token, id_token: id = '' } = await tokensOf(party);
      return String(
        ((await (await userInfo(party, token)).json()) as { sub: string }).sub === decodeJwt(id).sub,
      );
    },
  },
  {
    source: 'RFC 6750 §3',
    what: 'UserInfo without a token',
    run: async (party) => {
      const response = await userInfo(party, undefined);
      return `${response.status} ${(response.headers.get('www-authenticate') ?? '').split(' ')[0]}`;
    },
  },
  {
    source: 'RFC 6750 §3.1',
    what: 'UserInfo with a bad token',
    run: async (party) => {
      const response = await userInfo(party, 'x.y.z');
      return `${response.status} ${/error="(\w+)"/.exec(response.headers.get('www-authenticate') ?? '')?.[1]}`;
    },
  },
  {
    source: 'RFC 6749 §6',
    what: 'a refresh',
    run: async (party) => inWords(await refresh(party, (await tokensOf(party))['refresh_token'] ?? '')),
  },
  {
    source: 'Core §12.2',
    what: 'the ID token of a refresh has the same `sub` and `auth_time`',
    run: async (party) => {
      const tokens = await tokensOf(party, { max_age: '3600' });
      const again = (await refresh(party, tokens['refresh_token'] ?? '')).body;
      const [a, b] = [decodeJwt(tokens['id_token'] ?? ''), decodeJwt(String(again['id_token']))];
      return String(a.sub === b.sub && a['auth_time'] === b['auth_time']);
    },
  },
  {
    source: 'RFC 6749 §6',
    what: 'a refresh with a wider scope',
    run: async (party) =>
      inWords(
        await refresh(party, (await tokensOf(party, { scope: 'openid' }))['refresh_token'] ?? '', {
          scope: 'openid email',
        }),
      ),
  },
  {
    source: 'RFC 6749 §6',
    what: 'a refresh with a narrower scope',
    run: async (party) =>
      String(
        (await refresh(party, (await tokensOf(party))['refresh_token'] ?? '', { scope: 'openid' })).body[
          'scope'
        ],
      ),
  },
  {
    source: 'RFC 6749 §4.4',
    what: 'client credentials, without a refresh token',
    run: async (party) => {
      const answer = await post(
        party,
        'token',
        { grant_type: 'client_credentials', scope: 'jobs' },
        basic(party.machine),
      );
      return `${inWords(answer)} ${answer.body['refresh_token'] === undefined}`;
    },
  },
  {
    source: 'RFC 6749 §4.4',
    what: 'client credentials with a scope that is not registered',
    run: async (party) =>
      inWords(
        await post(
          party,
          'token',
          { grant_type: 'client_credentials', scope: 'everything' },
          basic(party.machine),
        ),
      ),
    difference: 'The scope is refused; the other one leaves unknown scopes out.',
  },
  {
    source: 'RFC 6749 §2.1',
    what: 'client credentials of a public client',
    run: async (party) =>
      inWords(
        await post(party, 'token', { grant_type: 'client_credentials', client_id: party.native.id }, {}),
      ),
    difference: 'RFC 6749 §5.2 names unauthorized_client for a grant that a client may not use.',
  },
  {
    source: 'RFC 9068 §2.1',
    what: 'an access token for a resource',
    run: async (party) => {
      const { access_token: token = '' } = (
        await redeem(party, { resource: api }, await codeOf(party, { resource: api }))
      ).body as Record<string, string>;
      return `${decodeProtectedHeader(token).typ} ${decodeJwt(token).aud}`;
    },
  },
  {
    source: 'RFC 7662 §2.2',
    what: 'introspection of one’s own token',
    run: async (party) =>
      String(
        (await post(party, 'introspection', { token: (await tokensOf(party))['access_token'] ?? '' })).body[
          'active'
        ],
      ),
  },
  {
    source: 'RFC 7662 §2.2',
    what: 'introspection of another’s token',
    run: async (party) =>
      JSON.stringify(
        (
          await post(
            party,
            'introspection',
            { token: (await tokensOf(party))['access_token'] ?? '' },
            basic(party.machine),
          )
        ).body,
      ),
  },
  {
    source: 'RFC 7662 §2.2',
    what: 'introspection of nonsense',
    run: async (party) => JSON.stringify((await post(party, 'introspection', { token: 'nonsense' })).body),
  },
  {
    source: 'RFC 7662 §2.1',
    what: 'introspection without credentials',
    run: async (party) => inWords(await post(party, 'introspection', { token: 'x' }, {})),
    difference:
      'RFC 6749 §5.2 names 401 invalid_client for no client authentication; the other one answers 400.',
  },
  {
    source: 'RFC 7009 §2.2',
    what: 'revocation of nonsense',
    run: async (party) => inWords(await post(party, 'revocation', { token: 'nonsense' })),
  },
  {
    source: 'RFC 7009 §2.1',
    what: 'an access token after the revocation of its refresh token',
    run: async (party) => {
      const tokens = await tokensOf(party);
      await post(party, 'revocation', { token: tokens['refresh_token'] ?? '' });
      return String((await userInfo(party, tokens['access_token'])).status);
    },
  },
  {
    source: 'RFC 7009 §2.1',
    what: 'another’s token after its revocation',
    run: async (party) => {
      const tokens = await tokensOf(party);
      await post(party, 'revocation', { token: tokens['access_token'] ?? '' }, basic(party.machine));
      return String((await userInfo(party, tokens['access_token'])).status);
    },
  },
  { source: 'RFC 7523 §3', what: 'private_key_jwt', run: (party) => asSigner(party) },
  {
    source: 'RFC 7523 §3',
    what: 'an assertion that is used twice',
    run: async (party) => {
      const form = await assertionForm(party);
      await post(party, 'token', form, {});
      return inWords(await post(party, 'token', form, {}));
    },
  },
  {
    source: 'RFC 7523 §3',
    what: 'an assertion for another audience',
    run: (party) => asSigner(party, { aud: 'https://other.example' }),
  },
  {
    source: 'RFC 7523 §3',
    what: 'an assertion without an expiry',
    run: (party) => asSigner(party, { exp: undefined }),
  },
  {
    source: 'RFC 7523 §3',
    what: 'an assertion without an id',
    run: (party) => asSigner(party, { jti: undefined }),
  },
  {
    source: 'RFC 7523 §3',
    what: 'the assertion of a clock that is 8 s ahead',
    run: (party) => asSigner(party, { iat: now() + 8, nbf: now() + 8 }),
  },
  {
    source: 'RFC 7523 §3',
    what: 'the assertion of a clock that is 60 s ahead',
    run: (party) => asSigner(party, { iat: now() + 60, nbf: now() + 60 }),
  },
  {
    source: 'RFC 9126 §2.2',
    what: 'a pushed request',
    run: async (party) =>
      inWords(
        await post(
          party,
          'pushed_authorization_request',
          Object.fromEntries(new URL(addressOf(party, 'https://x.example')).searchParams),
        ),
      ),
  },
  {
    source: 'RFC 9126 §2.1',
    what: 'a pushed request without credentials',
    run: async (party) =>
      inWords(
        await post(
          party,
          'pushed_authorization_request',
          Object.fromEntries(new URL(addressOf(party, 'https://x.example')).searchParams),
          {},
        ),
      ),
  },
  {
    source: 'RFC 9126 §2.1',
    what: 'a pushed request that names a request_uri',
    run: async (party) =>
      inWords(
        await post(party, 'pushed_authorization_request', {
          ...Object.fromEntries(new URL(addressOf(party, 'https://x.example')).searchParams),
          request_uri: 'urn:x',
        }),
      ),
    difference:
      'RFC 9126 §2.1 has it rejected with the codes of the token endpoint, where request_uri_not_supported is none.',
  },
  {
    source: 'RFC 9126 §4',
    what: 'the request_uri leads to a code',
    run: async (party) => {
      const { body } = await post(
        party,
        'pushed_authorization_request',
        Object.fromEntries(new URL(addressOf(party, 'https://x.example')).searchParams),
      );
      const end = await party.browse(
        `${await endpointOf(party, 'authorization')}?${new URLSearchParams({ client_id: party.web.id, request_uri: String(body['request_uri']) })}`,
      );
      return new URL(end).searchParams.has('code') ? 'a code' : end;
    },
  },
  {
    source: 'RFC 8628 §3.2',
    what: 'a device begins',
    run: async (party) => {
      const body = await device(party);
      return ['device_code', 'user_code', 'verification_uri', 'expires_in'].every(
        (name) => body[name] !== undefined,
      )
        ? 'whole'
        : JSON.stringify(body);
    },
  },
  {
    source: 'RFC 8628 §3.5',
    what: 'a device asks before its user has decided',
    run: async (party) => askDevice(party, (await device(party))['device_code']),
  },
  {
    source: 'RFC 8628 §3.5',
    what: 'a device asks again at once',
    run: async (party) => {
      const { device_code: code } = await device(party);
      await askDevice(party, code);
      return askDevice(party, code);
    },
    difference: 'RFC 8628 §3.5 has slow_down for it; the other one does not count.',
  },
  {
    source: 'RFC 8628 §3.5',
    what: 'a device code that does not exist',
    run: (party) => askDevice(party, 'nonsense'),
  },
];
