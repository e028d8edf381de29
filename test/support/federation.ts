import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemRandom } from '../../src/adapters/random.ts';
import type { EmulatedUser } from '../../src/dev/emulated-providers.ts';
import type { Emulator } from '../../src/dev/emulator.ts';
import { type Emulators, startEmulators } from '../../src/dev/emulators.ts';
import { codeChallengeOf } from '../../src/domain/pkce.ts';
import type { TenantPolicy } from '../../src/domain/policy.ts';
import { startTestApp, type TestApp, type TestAppOptions } from './app.ts';

/** A port that no one listens on now: addresses of callbacks are known before the server is. */
export async function freePort(): Promise<number> {
  const holder = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => holder.once('listening', resolve));
  const { port } = holder.address() as AddressInfo;
  await new Promise((resolve) => holder.close(resolve));
  return port;
}

export const redirectUri = 'https://tenant.com/signed-in';

/** Changes the policy of the tenant `dev`. */
export async function changePolicy(
  test: TestApp,
  change: (policy: TenantPolicy) => TenantPolicy,
): Promise<void> {
  const tenant = await test.app.store.tenants.findBySlug('dev');
  if (tenant === undefined) throw new Error('there is a tenant dev');
  await test.app.store.tenants.update(tenant.id, { policy: change(tenant.policy) });
}

export type FederatedApp = {
  readonly test: TestApp;
  readonly google: Emulator;
  readonly emulators: Emulators;
  close(): Promise<void>;
};

/** An app whose Google is the emulator, at its own address or the one that is asked for, with a page to return to. */
export async function startFederatedApp(options: TestAppOptions = {}): Promise<FederatedApp> {
  const port = options.config?.port ?? (await freePort());
  let now = () => new Date();
  const emulators = await startEmulators(0, () => now());
  const test = await startTestApp({
    ...options,
    config: {
      ...options.config,
      port,
      issuer: options.config?.issuer ?? `http://127.0.0.1:${port}`,
      google: { clientId: 'client-1', clientSecret: 'secret of client-1' },
      providerEmulatorUrl: emulators.url,
    },
  });
  now = test.now;
  await changePolicy(test, (policy) => ({
    ...policy,
    redirectUris: [redirectUri],
    google: { ...policy.google, enabled: true, scopes: ['birthday', 'age-range', 'language'] },
    manam: { enabled: true },
  }));
  return {
    test,
    google: emulators.of('google'),
    emulators,
    close: async () => {
      await test.close();
      await emulators.close();
    },
  };
}

/** A verifier and its challenge. */
export function makePkce(): { codeVerifier: string; codeChallenge: string } {
  const codeVerifier = systemRandom.bytes(32).toString('base64url');
  return { codeVerifier, codeChallenge: codeChallengeOf(codeVerifier) };
}

export type Visit = {
  readonly status: number;
  readonly location: string;
  readonly json: Record<string, unknown>;
};

/** The response at an address as a browser sees it, without following redirects. */
export async function visit(url: string, headers: Record<string, string> = {}): Promise<Visit> {
  const response = await fetch(url, { redirect: 'manual', headers });
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  return {
    status: response.status,
    location: response.headers.get('location') ?? '',
    json: isJson ? ((await response.json()) as Record<string, unknown>) : {},
  };
}

/** The page's link, up to the moment when the browser stands at the callback. */
export async function beginAtGoogle(
  { test, google }: FederatedApp,
  user: EmulatedUser,
  query: Record<string, string> = {},
): Promise<string> {
  const link = new URL(`${test.url}/googlelogin/${test.dev.publishable}`);
  for (const [name, value] of Object.entries(query)) link.searchParams.set(name, value);
  const { location, json, status } = await visit(link.href);
  if (status !== 302) throw new Error(`the link answered ${status} ${JSON.stringify(json)}`);
  return await google.approve(location, user);
}

/** A sign-in with Google that returns with JSON. */
export async function signInWithGoogle(app: FederatedApp, user: EmulatedUser): Promise<Visit> {
  return await visit(await beginAtGoogle(app, user));
}

let accounts = 0;

/** A Google account that no one has used. */
export function freshGoogleUser(changes: Partial<EmulatedUser> = {}): EmulatedUser {
  accounts += 1;
  const name = `user${accounts}.${Date.now().toString(36)}`;
  return {
    sub: `sub-${name}`,
    email: `${name}@gmail.com`,
    email_verified: true,
    given_name: 'Sara',
    family_name: 'Ahmadi',
    ...changes,
  };
}
