import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { systemRandom } from '../../../src/adapters/random.ts';
import { codeChallengeOf } from '../../../src/domain/pkce.ts';
import type { Store } from '../../../src/domain/repositories.ts';
import { defaultPolicy } from '../../../src/domain/tenant-policy.ts';
import { password, signUp, withServer } from '../accounts.ts';
import {
  authorizationOf,
  callback,
  createForms,
  type Forms,
  openStore,
  type Registered,
  register,
  tokenOf,
} from '../applications.ts';
import { createHttpClient, type HttpClient } from '../calls.ts';
import { atLeast, atMost, type Row } from '../report.ts';
import { type BenchServer, startServer } from '../server.ts';
import { closedLoop, compare, type Side, warmUp } from '../slices.ts';
import type { Scenario } from './scenario.ts';

// The OpenID provider beside oidc-provider on the same MySQL, with JWTs of the same algorithm on both sides.

const sliceMs = 1500;
const verifier = 'a-verifier-of-forty-three-characters-or-more-47';

/** A refresh token of a user who has signed in to an application. */
async function refreshTokenOf(
  server: BenchServer,
  http: HttpClient,
  forms: Forms,
  app: Registered,
  email: string,
) {
  const key = { apieco_key: server.keys.dev };
  const { access_token: token } = JSON.parse(
    (await http.succeed('POST', '/auth/login', key, { email, password })).body,
  ) as { readonly access_token: string };
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: app.clientId,
    redirect_uri: callback,
    scope: 'openid offline_access',
    code_challenge: codeChallengeOf(verifier),
    code_challenge_method: 'S256',
  });
  const begun = await http.send('GET', `/t/dev/oauth/authorize?${query}`, {});
  const handle = new URL(String(begun.headers['location']), server.url).searchParams.get('request');
  const headers = { ...key, authorization: `Bearer ${token}` };
  const { body } = await http.succeed('POST', '/auth/authorizations/continue', headers, { request: handle });
  const { location } = JSON.parse(body) as { readonly location: string };
  const tokens = await forms.post(
    '/t/dev/oauth/token',
    {
      grant_type: 'authorization_code',
      code: new URL(location).searchParams.get('code') ?? '',
      redirect_uri: callback,
      code_verifier: verifier,
    },
    authorizationOf(app),
  );
  return tokens['refresh_token'] ?? '';
}

/** Time for which what has changed is read anew. */
const changedMs = 31_000;

const machineSide = (forms: Forms, concurrency: number, appOf: () => Registered): Side =>
  closedLoop(concurrency, () => async () => void (await tokenOf(forms, appOf())));

/** Callers that each refresh a chain of their own. */
function refreshSide(forms: Forms, path: string, authorization: string, tokens: string[]): Side {
  return closedLoop(tokens.length, (caller) => async () => {
    const form = { grant_type: 'refresh_token', refresh_token: tokens[caller] ?? '' };
    tokens[caller] = (await forms.post(path, form, authorization))['refresh_token'] ?? '';
  });
}

type Peer = { readonly url: string; readonly child: ChildProcess; readonly authorization: string };

async function startPeer(databaseUrl: string): Promise<Peer> {
  const secret = systemRandom.bytes(32).toString('base64url');
  const child = fork(new URL('../openid-peer.ts', import.meta.url), [databaseUrl, secret], { silent: true });
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  return { url, child, authorization: authorizationOf({ clientId: 'bench', secret }) };
}

async function seedTenants(store: Store, count: number): Promise<Registered[]> {
  const made: Registered[] = [];
  for (let number = 0; number < count; number += 1) {
    const slug = `bench-${number}`;
    const tenant = {
      id: systemRandom.uuid(),
      slug,
      name: slug,
      status: 'active' as const,
      policy: defaultPolicy('http://localhost', slug),
      createdAt: new Date(),
    };
    await store.tenants.insert(tenant);
    made.push(await register(store, tenant.id, slug, 'machine'));
  }
  return made;
}

export const openid: Scenario = async ({ options, database, limits }) => {
  const { seconds, concurrency, workers, tenants } = options;
  const databaseUrl = await database.urlOf('openid');
  const started = await startServer({ databaseUrl, workers });
  const peer = await startPeer(await database.urlOf('openid_peer'));
  const { store, close } = openStore(databaseUrl);
  try {
    return await withServer(started, async (server, http) => {
      const [ours, theirs] = [createForms(server.url), createForms(peer.url)];
      const tenant = await store.tenants.findBySlug('dev');
      const machine = await register(store, tenant?.id ?? '', 'dev', 'machine');
      const web = await register(store, tenant?.id ?? '', 'dev', 'web');
      const rows: Row[] = [];
      const add = async (name: string, against: string, goal: Row['goal'], a: Side, b: Side, of?: 'p95') => {
        // The first calls of a process are slow for longer than those of sessions: there is more of it.
        await warmUp(a, b, a, b);
        const compared = await compare({
          seconds,
          sliceMs,
          a,
          b,
          ...(of === 'p95' && {
            of: ({ latencies }) =>
              [...latencies].sort((x, y) => x - y)[Math.floor(latencies.length * 0.95)] ?? 0,
          }),
        });
        rows.push({ name, against, ...compared, ...(goal && { goal }) });
      };

      const own = machineSide(ours, concurrency, () => machine);
      const peers = closedLoop(
        concurrency,
        () => () =>
          theirs.post('/token', { grant_type: 'client_credentials', scope: 'jobs' }, peer.authorization),
      );
      await add('client credentials', 'oidc-provider', atLeast(1.5), own, peers);
      const bareSign = closedLoop(
        concurrency,
        () => () => theirs.post('/bare', { grant_type: 'client_credentials', scope: 'jobs' }, ''),
      );
      await add('a handler that signs, and no more', 'oidc-provider', undefined, bareSign, peers);

      const email = 'openid@bench.example';
      await signUp(http, { apieco_key: server.keys.dev }, email);
      const mine = await Promise.all(
        Array.from({ length: concurrency }, () => refreshTokenOf(server, http, ours, web, email)),
      );
      const others = await Promise.all(
        Array.from({ length: concurrency }, async () => (await fetch(`${peer.url}/seed`)).text()),
      );
      await add(
        'refresh',
        'oidc-provider',
        atLeast(1),
        refreshSide(ours, '/t/dev/oauth/token', authorizationOf(web), mine),
        refreshSide(theirs, '/token', peer.authorization, others),
      );

      const introspection = (forms: Forms, path: string, authorization: string, token: string) =>
        closedLoop(concurrency, () => () => forms.post(path, { token }, authorization));
      await add(
        'introspection of a refresh token',
        'oidc-provider',
        atLeast(3),
        introspection(ours, '/t/dev/oauth/introspect', authorizationOf(web), mine[0] ?? ''),
        introspection(theirs, '/token/introspection', peer.authorization, others[0] ?? ''),
      );

      const bare = createHttpClient(limits.url);
      for (const [name, path] of [
        ['discovery', '/t/dev/.well-known/openid-configuration'],
        ['keys', '/t/dev/jwks'],
      ] as const)
        await add(
          name,
          'a bare Connect handler',
          atLeast(0.8),
          closedLoop(concurrency, () => () => http.succeed('GET', path, {})),
          closedLoop(
            concurrency,
            () => () => bare.succeed('POST', '/manam.v1.ProfileService/ViewUser', {}, {}),
          ),
        );
      bare.close();

      const many = await seedTenants(store, tenants);
      // As in a service that runs: nothing has just changed, and each tenant has called in the last minutes.
      await pause(changedMs);
      let next = 0;
      const callers = Array.from({ length: concurrency }, async () => {
        for (let app = many[next]; app !== undefined; app = many[next]) {
          next += 1;
          await tokenOf(ours, app);
        }
      });
      await Promise.all(callers);
      const some = () => many[Math.floor(Math.random() * many.length)] ?? machine;
      await add(
        `client credentials of ${tenants} tenants, p95`,
        'of one tenant',
        atMost(1.2),
        machineSide(ours, concurrency, some),
        own,
        'p95',
      );
      ours.close();
      theirs.close();
      return rows;
    });
  } finally {
    peer.child.disconnect();
    await close();
  }
};
