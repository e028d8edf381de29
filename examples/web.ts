import { randomUUID } from 'node:crypto';
import express from 'express';
import * as client from 'openid-client';
import { discoveryOptions, findApplication } from './application.ts';

// A web application: it sends people to the hosted pages, gets them back signed in, and keeps a session of its own.

const port = Number(process.env['PORT'] ?? 3000);
const origin = `http://localhost:${port}`;
const redirectUri = `${origin}/callback`;
const application = findApplication('web', {
  redirectUris: [redirectUri],
  postLogoutRedirectUris: [`${origin}/`],
  firstParty: true,
});
const config = await client.discovery(
  application.issuer,
  application.clientId,
  undefined,
  client.ClientSecretBasic(application.clientSecret),
  discoveryOptions(application),
);

type Session = {
  /** What the answer has to fit; undefined: no sign-in is under way. */
  pending?: { readonly codeVerifier: string; readonly state: string; readonly nonce: string };
  user?: { readonly name: string; readonly idToken: string };
};
/** Sessions by the id in the cookie. A real application keeps them in a store. */
const sessions = new Map<string, Session>();

function sessionOf(request: express.Request, response: express.Response): Session {
  const id = /(?:^|; )session=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1];
  const known = id === undefined ? undefined : sessions.get(id);
  if (known !== undefined) return known;
  const fresh = randomUUID();
  const session: Session = {};
  sessions.set(fresh, session);
  response.cookie('session', fresh, { httpOnly: true, sameSite: 'lax' });
  return session;
}

const toHtml = (text: string) => text.replaceAll(/[<>&"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

const app = express();

app.get('/', (request, response) => {
  const { user } = sessionOf(request, response);
  response.send(
    user === undefined
      ? '<h1>Shop</h1><a href="/sign-in">Sign in</a>'
      : `<h1>Shop</h1><p>Hello, ${toHtml(user.name)}.</p><a href="/sign-out">Sign out</a>`,
  );
});

app.get('/sign-in', async (request, response) => {
  const codeVerifier = client.randomPKCECodeVerifier();
  const pending = { codeVerifier, state: client.randomState(), nonce: client.randomNonce() };
  sessionOf(request, response).pending = pending;
  const address = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: 'openid profile email',
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: await client.calculatePKCECodeChallenge(codeVerifier),
    code_challenge_method: 'S256',
  });
  response.redirect(address.href);
});

app.get('/callback', async (request, response) => {
  const session = sessionOf(request, response);
  const { pending } = session;
  delete session.pending;
  if (pending === undefined) return response.redirect('/');
  const tokens = await client.authorizationCodeGrant(config, new URL(request.originalUrl, origin), {
    pkceCodeVerifier: pending.codeVerifier,
    expectedState: pending.state,
    expectedNonce: pending.nonce,
    idTokenExpected: true,
  });
  const { sub = '' } = tokens.claims() ?? {};
  const { name, email } = await client.fetchUserInfo(config, tokens.access_token, sub);
  session.user = { name: name ?? email ?? sub, idToken: tokens.id_token ?? '' };
  response.redirect('/');
});

app.get('/sign-out', (request, response) => {
  const session = sessionOf(request, response);
  const { idToken = '' } = session.user ?? {};
  delete session.user;
  // The session of the hosted pages ends too; the browser comes back afterwards.
  const address = client.buildEndSessionUrl(config, {
    id_token_hint: idToken,
    post_logout_redirect_uri: `${origin}/`,
  });
  response.redirect(address.href);
});

app.listen(port, 'localhost', (error) => {
  // For example, a port that is already in use.
  if (error) throw error;
  console.log(`open ${origin}`);
});
