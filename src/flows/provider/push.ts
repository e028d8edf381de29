import { isPublicClient, isSelfRegistered } from '../../domain/application.ts';
import {
  AuthorizationError,
  type AuthorizationParameters,
  asFailure,
  redirectUriOf,
} from '../../domain/authorization-request.ts';
import type { Caller } from '../../domain/caller.ts';
import { invalid } from '../../domain/errors.ts';
import type { LoginRequests } from '../federation/login-requests.ts';
import { type Authorize, requestUriPrefix } from './authorize.ts';
import type { ClientCredentials, Clients } from './clients.ts';

export type PushDeps = {
  readonly clients: Clients;
  readonly authorize: Authorize;
  readonly requests: LoginRequests;
};

/** Time from the push to the browser (RFC 9126, section 2.2). */
const lifetimeS = 90;

/** Takes an authorization request from the application itself (RFC 9126). */
export function createPush({ clients, authorize, requests }: PushDeps) {
  return async function push(
    caller: Caller,
    command: ClientCredentials & { readonly parameters: AuthorizationParameters },
  ): Promise<{ readonly requestUri: string; readonly expiresInS: number }> {
    const client = await clients.authenticate(caller, command);
    const { parameters } = command;
    const redirectUri = redirectUriOf(client, parameters);
    if (redirectUri === undefined) throw invalid({ field: 'redirect_uri', reason: 'URL_NOT_REGISTERED' });
    try {
      const authorization = await authorize.parse(caller.tenant, client, redirectUri, parameters);
      const { handle } = await requests.begin(
        caller,
        'pushed',
        { redirectUri, authorization },
        // Callers without credentials of this service may be anyone, and each request is a row.
        {
          lifetimeMs: lifetimeS * 1000,
          isCharged: isPublicClient(client.settings) || isSelfRegistered(client),
        },
      );
      return { requestUri: requestUriPrefix + handle, expiresInS: lifetimeS };
    } catch (error) {
      throw error instanceof AuthorizationError ? asFailure(error) : error;
    }
  };
}

export type Push = ReturnType<typeof createPush>;
