import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ProviderService } from '../../gen/manam/v1/provider_service_pb.js';
import { type FederatedApp, freePort, visit } from '../support/federation.ts';
import { bearer } from '../support/journey.ts';
import { connect, startConnectedApp } from '../support/providers.ts';

// A provider of strangers, certified by the OpenID Foundation, as a tenant's provider: discovery, PKCE, `iss`, claims that
// only its userinfo endpoint tells, and back-channel logout.

let app: FederatedApp;
let issuer = '';
let server: ReturnType<typeof createServer>;
const clientId = 'manam';
const person = {
  email: 'leila@certified.example',
  email_verified: true,
  given_name: 'Leila',
  family_name: 'Amini',
};

beforeAll(async () => {
  app = await startConnectedApp();
  const port = await freePort();
  issuer = `http://127.0.0.1:${port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: clientId,
        client_secret: 'a secret with : and % in it',
        redirect_uris: [`${app.test.url}/login/callback/dev/certified`],
        backchannel_logout_uri: `${app.test.url}/login/logout/dev/certified`,
        backchannel_logout_session_required: true,
      },
    ],
    claims: {
      email: ['email', 'email_verified'],
      profile: ['given_name', 'family_name'],
      openid: ['sub', 'sid'],
    },
    features: { backchannelLogout: { enabled: true }, devInteractions: { enabled: false } },
    findAccount: (_, sub) => ({ accountId: sub, claims: async () => ({ sub, ...person }) }),
    interactions: { url: () => '/interact' },
    cookies: { keys: ['a key of the test'] },
    // Its own reaches no address of this machine.
    fetch: (url, options) => {
      const { dispatcher: _, ...init } = options as RequestInit & { readonly dispatcher?: unknown };
      return fetch(url, init);
    },
  });
  const callback = provider.callback();
  server = createServer(async (request, response) => {
    if (request.url !== '/interact') return callback(request, response);
    // Everyone is Leila, and consents to everything.
    const { prompt, params, session } = await provider.interactionDetails(request, response);
    if (prompt.name === 'login')
      return await provider.interactionFinished(request, response, { login: { accountId: 'leila' } });
    const grant = new provider.Grant({
      accountId: session?.accountId ?? '',
      clientId: String(params['client_id']),
    });
    grant.addOIDCScope(String(params['scope']));
    return await provider.interactionFinished(
      request,
      response,
      { consent: { grantId: await grant.save() } },
      { mergeWithLastSubmission: true },
    );
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await connect(app, 'oidc', { issuer, clientId, domains: ['certified.example'] }, 'certified');
  const tenant = await app.test.app.store.tenants.findBySlug('dev');
  await app.test.app.store.connections.setSecret(
    tenant?.id ?? '',
    'certified',
    'a secret with : and % in it',
  );
}, 60_000);
afterAll(async () => {
  server?.closeAllConnections();
  server?.close();
  await app.close();
});

/** Follows redirects at the provider with its cookies, up to an address of ours. */
async function throughProvider(start: string, jar: Map<string, string>): Promise<string> {
  let url = start;
  for (let hop = 0; hop < 12 && url.startsWith(issuer); hop += 1) {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { redirect: 'manual', headers: { cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      const [name = '', ...value] = pair.split('=');
      jar.set(name, value.join('='));
    }
    const location = response.headers.get('location');
    if (location === null) throw new Error(`${response.status} at ${url}: ${await response.text()}`);
    url = new URL(location, url).href;
  }
  return url;
}

async function signIn(jar = new Map<string, string>()) {
  const { location } = await visit(`${app.test.url}/login/certified/${app.test.dev.publishable}`);
  return await visit(await throughProvider(location, jar));
}

test('a certified provider signs a person in, with the claims of its userinfo endpoint, as the same user again', async () => {
  const first = await signIn();
  expect([first.status, first.json]).toMatchObject([200, { email: person.email, fullname: 'Leila Amini' }]);
  expect((await signIn()).json['user_id']).toBe(first.json['user_id']);
});

test('signing out there ends the session here', async () => {
  const jar = new Map<string, string>();
  const { json } = await signIn(jar);
  const mine = app.test.client(ProviderService, bearer(String(json['access_token'])));
  expect((await mine.listLinkedProviders({})).linked).toHaveLength(1);
  // The provider asks first, by a form of its own.
  const cookies = () => [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
  const asked = await fetch(`${issuer}/session/end?client_id=${clientId}`, {
    headers: { cookie: cookies() },
  });
  for (const line of asked.headers.getSetCookie())
    jar.set(line.split('=')[0] ?? '', line.split(/[=;]/)[1] ?? '');
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(await asked.text())?.[1] ?? '';
  await fetch(`${issuer}/session/end/confirm`, {
    method: 'POST',
    redirect: 'manual',
    headers: { cookie: cookies() },
    body: new URLSearchParams({ xsrf, logout: 'yes' }),
  });
  await expect
    .poll(
      async () =>
        await mine.listLinkedProviders({}).then(
          () => 'live',
          () => 'ended',
        ),
      { timeout: 20_000 },
    )
    .toBe('ended');
});
