import { Agent, request } from 'node:http';
import { systemRandom } from '../../src/adapters/random.ts';
import { createVault } from '../../src/adapters/vault.ts';
import { formatApiKey } from '../../src/domain/api-key.ts';
import { defaultApplication } from '../../src/domain/application.ts';
import type { ApplicationKind } from '../../src/domain/application-settings.ts';
import type { Store } from '../../src/domain/repositories.ts';
import { sha256 } from '../../src/domain/token.ts';
import { openDatabase } from '../../src/store/database.ts';
import { createStore } from '../../src/store/store.ts';

/** Where the sign-ins of the bench's applications return to. */
export const callback = 'https://app.example/callback';

/** The store of a database of the bench, for what has nothing sealed: tenants and applications. */
export function openStore(databaseUrl: string) {
  const handle = openDatabase({ url: databaseUrl });
  const store = createStore(handle, createVault([{ id: systemRandom.uuid(), key: Buffer.alloc(32) }]));
  return { store, close: handle.close };
}

export type Registered = { readonly slug: string; readonly clientId: string; readonly secret: string };

export const authorizationOf = ({ clientId, secret }: Pick<Registered, 'clientId' | 'secret'>) =>
  `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`;

/** Posts a form; throws unless it succeeds. */
export function createForms(url: string) {
  const agent = new Agent({ keepAlive: true });
  const { hostname, port } = new URL(url);
  const post = (path: string, form: Record<string, string>, authorization: string) =>
    new Promise<Record<string, string>>((resolve, reject) => {
      const text = new URLSearchParams(form).toString();
      const headers = {
        authorization,
        'content-type': 'application/x-www-form-urlencoded',
        'content-length': Buffer.byteLength(text),
      };
      const call = request({ agent, hostname, port, method: 'POST', path, headers }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('end', () => {
          if (response.statusCode === 200) resolve(JSON.parse(body) as Record<string, string>);
          else reject(new Error(`${path}: ${response.statusCode} ${body}`));
        });
      });
      call.on('error', reject);
      call.end(text);
    });
  return { post, close: () => agent.destroy() };
}

export type Forms = ReturnType<typeof createForms>;

/** Makes an application of a tenant. */
export async function register(
  store: Store,
  tenantId: string,
  slug: string,
  kind: ApplicationKind,
): Promise<Registered> {
  const secret = formatApiKey('application', systemRandom.bytes(32));
  const now = new Date();
  const clientId = systemRandom.uuid();
  const settings = {
    ...defaultApplication(kind),
    name: 'Bench',
    firstParty: true,
    redirectUris: kind === 'machine' ? [] : [callback],
    scopes: kind === 'machine' ? ['jobs'] : ['openid', 'offline_access'],
  };
  await store.applications.insert({ tenantId, clientId, settings, createdAt: now, updatedAt: now });
  await store.applications.insertSecret(tenantId, clientId, {
    id: systemRandom.uuid(),
    digest: sha256(secret),
    createdAt: now,
    expiresAt: undefined,
  });
  return { slug, clientId, secret };
}

/** A token of a machine's own (RFC 6749, section 4.4). */
export const tokenOf = (forms: Forms, app: Registered) =>
  forms.post(
    `/t/${app.slug}/oauth/token`,
    { grant_type: 'client_credentials', scope: 'jobs' },
    authorizationOf(app),
  );
