import { issuerOf } from '../../domain/application-token.ts';
import { type Connection, type ConnectionSettings, defaultSettings } from '../../domain/connection.ts';
import { DomainError } from '../../domain/errors.ts';
import { googleProvider } from '../../domain/google.ts';
import type { ProviderClient } from '../../domain/identity-provider.ts';
import type { GoogleScope } from '../../domain/policy.ts';
import type { Store } from '../../domain/repositories.ts';
import { manamSlug, type Tenant } from '../../domain/tenant.ts';

/** The client that the deployment has at Google, for tenants that have none. */
export type SharedGoogle = {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Whether it opens anything: in development the way to Google is there before a client is. */
  readonly isUsable: boolean;
};

export type ConnectionDeps = {
  readonly store: Store<'tenants' | 'connections'>;
  readonly sharedGoogle: SharedGoogle | undefined;
  /** The scopes of Google's data beside name, address and picture. */
  readonly googleScopes: Readonly<Record<GoogleScope, string>>;
  /** The origin of this service, where browsers come back to. */
  readonly origin: string;
  /** MANAM_ISSUER. */
  readonly deployment: string;
};

export type ListedConnection = Pick<Connection, 'name' | 'settings'>;

const googleSecret = 'google_client_secret';

/**
 * The connections of a tenant that are on. Google may be one of them, or what the policy says of it: with the
 * tenant's own client, or the deployment's.
 */
export function createConnections(deps: ConnectionDeps) {
  const { store, sharedGoogle, googleScopes, origin, deployment } = deps;

  function fromPolicy({ policy }: Tenant): ConnectionSettings {
    const { enabled, clientId, audiences, scopes } = policy.google;
    return {
      ...defaultSettings,
      kind: 'google',
      enabled,
      clientId: clientId === '' ? (sharedGoogle?.clientId ?? '') : clientId,
      audiences,
      scopes: scopes.map((scope) => googleScopes[scope]),
    };
  }

  async function secretOfPolicy({ id, policy }: Tenant): Promise<string | undefined> {
    return policy.google.clientId === ''
      ? sharedGoogle?.clientSecret
      : await store.tenants.findSecret(id, googleSecret);
  }

  /** Google as the policy has it, where it opens anything. */
  async function listedGoogle(tenant: Tenant): Promise<ListedConnection | undefined> {
    const { enabled, clientId } = tenant.policy.google;
    if (!enabled || (clientId === '' && sharedGoogle?.isUsable !== true)) return undefined;
    if ((await secretOfPolicy(tenant)) === undefined) return undefined;
    return { name: googleProvider, settings: fromPolicy(tenant) };
  }

  async function findClient(tenant: Tenant, name: string): Promise<ProviderClient | undefined> {
    const found = await store.connections.find(tenant.id, name);
    const settings = found?.settings ?? (name === googleProvider ? fromPolicy(tenant) : undefined);
    if (settings === undefined) return undefined;
    const secret =
      found === undefined
        ? await secretOfPolicy(tenant)
        : await store.connections.findSecret(tenant.id, name);
    const callbackUrl =
      found === undefined ? `${origin}/googlelogin/callback` : callbackOf(origin, tenant, name);
    return {
      ...settings,
      ...(settings.kind === 'manam' && { issuer: issuerOf(deployment, manamSlug) }),
      name,
      secret: secret ?? '',
      isForBrowsers: isForBrowsers({ settings, hasSecret: secret !== undefined }),
      callbackUrl,
    };
  }

  return {
    /** The client of a tenant at a provider; PROVIDER_DISABLED where it has none, or has switched it off (R52). */
    async clientOf(tenant: Tenant, name: string): Promise<ProviderClient> {
      const client = await findClient(tenant, name);
      if (client?.enabled !== true) throw new DomainError('PROVIDER_DISABLED');
      return client;
    },

    /** The same, also where it is switched off: what began there may have to end. */
    async formerClientOf(tenant: Tenant, name: string): Promise<ProviderClient> {
      const client = await findClient(tenant, name);
      if (client === undefined) throw new DomainError('PROVIDER_DISABLED');
      return client;
    },

    /** What the tenant's users may sign in with in a browser, in the order of its policy. */
    async list(tenant: Tenant): Promise<ListedConnection[]> {
      const own = await store.connections.list(tenant.id);
      const google = own.some(({ name }) => name === googleProvider) ? undefined : await listedGoogle(tenant);
      const { providerOrder } = tenant.policy;
      const rankOf = ({ name }: ListedConnection) => {
        const rank = providerOrder.indexOf(name);
        return rank < 0 ? providerOrder.length : rank;
      };
      return [...(google === undefined ? [] : [google]), ...own.filter(isForBrowsers)]
        .filter(({ settings }) => settings.enabled)
        .sort((a, b) => rankOf(a) - rankOf(b) || (a.name < b.name ? -1 : 1));
    },
  };
}

/** Browsers need a client with a secret, or a public one; apps need neither. */
function isForBrowsers({ settings, hasSecret }: Pick<Connection, 'settings' | 'hasSecret'>): boolean {
  return hasSecret || settings.kind === 'oidc';
}

export type Connections = ReturnType<typeof createConnections>;

/** The address that browsers return to from a provider: one for each connection, so that no provider gets the code of another (RFC 9700, section 4.4.2.2). */
export function callbackOf(origin: string, { slug }: Pick<Tenant, 'slug'>, name: string): string {
  return `${origin}/login/callback/${slug}/${name}`;
}

/** The address that a provider sends logout tokens to. */
export function logoutOf(origin: string, { slug }: Pick<Tenant, 'slug'>, name: string): string {
  return `${origin}/login/logout/${slug}/${name}`;
}
