import { ProviderService } from '../../gen/manam/v1/provider_service_pb.js';
import { type EmulatedUser, microsoftDirectory } from '../../src/dev/emulated-providers.ts';
import { emulatedApple } from '../../src/dev/emulators.ts';
import {
  type ConnectionSettings,
  defaultSettings,
  type ForeignKind,
  foreignKinds,
} from '../../src/domain/connection.ts';
import type { TestAppOptions } from './app.ts';
import {
  type FederatedApp,
  freshGoogleUser,
  makePkce,
  redirectUri,
  startFederatedApp,
  type Visit,
  visit,
} from './federation.ts';

/** The client of the test tenant at a provider. */
export const clientOf = (kind: ForeignKind) => `client-of-${kind}`;

/** Makes or changes a connection of the tenant `dev`, named as its kind. */
export async function connect(
  { test, emulators }: FederatedApp,
  kind: ForeignKind,
  changes: Partial<ConnectionSettings> = {},
  name: string = kind,
): Promise<void> {
  const tenant = await test.app.store.tenants.findBySlug('dev');
  if (tenant === undefined) throw new Error('there is a tenant dev');
  const { connections } = test.app.store;
  const issuers: Partial<Record<ForeignKind, string>> = {
    oidc: emulators.of('oidc').issuer,
    microsoft: `https://login.microsoftonline.com/${microsoftDirectory}/v2.0`,
  };
  const settings = {
    ...defaultSettings,
    kind,
    clientId: clientOf(kind),
    issuer: issuers[kind] ?? '',
    ...(kind === 'apple' && emulatedApple),
    ...changes,
  };
  const now = test.now();
  await connections.save({ tenantId: tenant.id, name, settings, createdAt: now, updatedAt: now });
  const secret = kind === 'apple' ? emulators.applePrivateKey : `secret of ${settings.clientId}`;
  await connections.setSecret(tenant.id, name, secret);
}

/** An app whose tenant has a connection with every provider. */
export async function startConnectedApp(options: TestAppOptions = {}): Promise<FederatedApp> {
  const app = await startFederatedApp(options);
  for (const kind of foreignKinds.filter((each) => each !== 'google')) await connect(app, kind);
  return app;
}

/** An account elsewhere that no one has used. */
export function freshUser(changes: Partial<EmulatedUser> = {}): EmulatedUser {
  return freshGoogleUser(changes);
}

/** Goes on from where a browser comes back to: a form is sent, anything else is a link. */
export async function comeBack(
  { emulators }: FederatedApp,
  kind: ForeignKind,
  authorizationUrl: string,
  user: EmulatedUser,
  change: (parameters: URLSearchParams) => void = () => {},
): Promise<Visit> {
  const back = new URL(await emulators.of(kind).approve(authorizationUrl, user));
  change(back.searchParams);
  if (kind !== 'apple') return await visit(back.href);
  const body = new URLSearchParams(back.searchParams);
  back.search = '';
  const response = await fetch(back, { method: 'POST', body, redirect: 'manual' });
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  return {
    status: response.status,
    location: response.headers.get('location') ?? '',
    json: isJson ? ((await response.json()) as Record<string, unknown>) : {},
  };
}

/** A sign-in over the link `/login/{provider}/{key}` that ends at JSON. */
export async function signInAt(
  app: FederatedApp,
  kind: ForeignKind,
  user: EmulatedUser,
  name: string = kind,
): Promise<Visit> {
  const { location, status, json } = await visit(`${app.test.url}/login/${name}/${app.test.dev.publishable}`);
  if (status !== 302) return { status, location, json };
  return await comeBack(app, kind, location, user);
}

/** Connects the account of a session with an account at a provider. */
export async function link(
  app: FederatedApp,
  kind: ForeignKind,
  accessToken: string,
  user: EmulatedUser,
  name: string = kind,
): Promise<void> {
  const { codeVerifier, codeChallenge } = makePkce();
  const mine = app.test.client(ProviderService, { authorization: `Bearer ${accessToken}` });
  const started = await mine.startProviderLink({ provider: name, redirectUri, codeChallenge });
  const { location } = await comeBack(app, kind, started.authorizationUrl, user);
  const parameters = new URL(location).searchParams;
  const code = parameters.get('code');
  if (code === null) throw new Error(`the link ended with ${parameters.get('error')}`);
  await mine.finishProviderLink({ provider: name, code, codeVerifier });
}
