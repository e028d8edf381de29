import { timingSafeEqual } from 'node:crypto';
import { digestApplicationSecret } from '../../domain/api-key.ts';
import { type ApplicationSecret, isSelfRegistered } from '../../domain/application.ts';
import type { ClientAuthentication } from '../../domain/application-settings.ts';
import { issuerOf } from '../../domain/application-token.ts';
import type { Budget } from '../../domain/budget.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Client, FindClient, VerifyAssertion } from '../../domain/client.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import { networkOf } from '../../domain/network.ts';
import type { Store } from '../../domain/repositories.ts';
import { type RecordDeps, record } from '../events/record.ts';
import type { Limiter } from '../limits.ts';

export type ClientDeps = RecordDeps & {
  readonly store: Store<'proofs' | 'events'>;
  readonly findClient: FindClient;
  readonly verifyAssertion: VerifyAssertion;
  readonly limiter: Limiter;
  /** Assertions that one network sends for applications that registered themselves; each is a row. */
  readonly assertionBudget: Budget;
  /** MANAM_ISSUER. */
  readonly deployment: string;
  /** The client id that an assertion names, before it is verified. */
  readonly subjectOfAssertion: (assertion: string) => string;
};

/** How an application presents itself in the body of a call (RFC 6749, section 2.3.1; RFC 7521, section 4.2). */
export type ClientCredentials = {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly clientAssertionType: string;
  readonly clientAssertion: string;
};

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

type Presented = {
  readonly clientId: string;
  readonly method: ClientAuthentication;
  readonly secret: string;
};

/** `invalid_client`, with the challenge of RFC 6749, section 5.2. */
export function clientRefusal(detail: string): DomainError {
  return new DomainError('INVALID_CLIENT', {
    metadata: { detail },
    headers: { 'www-authenticate': 'Basic realm="manam"' },
  });
}

/** The id and the secret of HTTP Basic, each form-encoded in itself; undefined where the header is none. */
function readBasic(authorization: string): { readonly id: string; readonly secret: string } | undefined {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization)?.[1];
  const text = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  if (colon < 0) return undefined;
  try {
    const decode = (part: string) => decodeURIComponent(part.replaceAll('+', ' '));
    return { id: decode(text.slice(0, colon)), secret: decode(text.slice(colon + 1)) };
  } catch {
    return undefined;
  }
}

/** Authenticates the applications that call, each by the one method that it is registered with. */
export function createClients(deps: ClientDeps) {
  const { store, findClient, verifyAssertion, subjectOfAssertion, deployment, limiter, assertionBudget } =
    deps;

  function read({ application }: Caller, body: ClientCredentials): Presented {
    const { authorization } = application ?? {};
    const { clientId, clientSecret, clientAssertion, clientAssertionType } = body;
    const ways = [authorization, clientSecret || undefined, clientAssertion || undefined];
    if (ways.filter((way) => way !== undefined).length > 1)
      throw invalid({
        field: 'client_secret',
        reason: 'FIELD_INVALID',
        description: 'an application authenticates in one way at a time',
      });
    if (authorization !== undefined) {
      const basic = readBasic(authorization);
      if (basic === undefined) throw clientRefusal('the authorization header is not HTTP Basic');
      if (clientId !== '' && clientId !== basic.id)
        throw clientRefusal('client_id differs from that of the authorization header');
      return { clientId: basic.id, method: 'client_secret_basic', secret: basic.secret };
    }
    if (clientAssertion !== '') {
      if (clientAssertionType !== assertionType)
        throw clientRefusal(`client_assertion_type must be ${assertionType}`);
      const named = clientId === '' ? subjectOfAssertion(clientAssertion) : clientId;
      return { clientId: named, method: 'private_key_jwt', secret: clientAssertion };
    }
    if (clientSecret !== '') return { clientId, method: 'client_secret_post', secret: clientSecret };
    return { clientId, method: 'none', secret: '' };
  }

  async function prove(caller: Caller, client: Client, { method, secret }: Presented): Promise<boolean> {
    const { tenant } = caller;
    if (method === 'none') return true;
    if (method === 'private_key_jwt') {
      if (isSelfRegistered(client))
        await limiter.charge(tenant.id, assertionBudget, networkOf(caller.client.address));
      const proof = await verifyAssertion(client, secret, issuerOf(deployment, tenant.slug));
      return proof !== undefined && (await store.proofs.spend(tenant.id, proof));
    }
    const digest = digestApplicationSecret(secret);
    const now = deps.clock();
    const isLive = ({ expiresAt }: ApplicationSecret) => expiresAt === undefined || expiresAt > now;
    // Every secret is compared, so that the time tells nothing of which one it was.
    return (
      digest !== undefined &&
      client.secrets.filter((each) => isLive(each) && timingSafeEqual(each.digest, digest)).length > 0
    );
  }

  /** The application as it is now, where a secret is good that was made since this instance has read it. */
  async function proveNewSecret(caller: Caller, presented: Presented): Promise<Client | undefined> {
    const { tenant, client } = caller;
    // Text without the form of a secret needs no query.
    if (
      !presented.method.startsWith('client_secret') ||
      digestApplicationSecret(presented.secret) === undefined
    )
      return undefined;
    const found = await findClient(tenant, presented.clientId, client.address, { afresh: true });
    const isRight = found !== undefined && found.settings.authentication === presented.method;
    return isRight && (await prove(caller, found, presented)) ? found : undefined;
  }

  return {
    find: findClient,

    /** The application that calls. Throws INVALID_CLIENT, with what a developer can do about it. */
    async authenticate(caller: Caller, body: ClientCredentials): Promise<Client> {
      const presented = read(caller, body);
      const {
        tenant,
        client: { address },
        application,
      } = caller;
      if (presented.clientId === '') throw clientRefusal('client_id is missing');
      const client = await findClient(tenant, presented.clientId, address);
      if (client === undefined) throw clientRefusal('there is no such application');
      const { authentication, origins } = client.settings;
      const origin = application?.origin;
      if (origin !== undefined && !origins.includes(origin)) throw new DomainError('ORIGIN_DENIED');
      const isRight = presented.method === authentication && (await prove(caller, client, presented));
      if (isRight) return client;
      const renewed =
        presented.method === authentication ? await proveNewSecret(caller, presented) : undefined;
      if (renewed !== undefined) return renewed;
      const event = {
        type: 'application.authentication_failed',
        details: { application: client.clientId },
      } as const;
      await record(store, deps, caller, event, 'INVALID_CLIENT');
      throw clientRefusal(
        presented.method === authentication
          ? 'the credentials are wrong, expired or used'
          : `this application authenticates with ${authentication}`,
      );
    },
  };
}

export type Clients = ReturnType<typeof createClients>;
