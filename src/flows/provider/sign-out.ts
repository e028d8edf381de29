import type { Application } from '../../domain/application.ts';
import { type ApplicationTokens, issuerOf } from '../../domain/application-token.ts';
import type { AuthorizationParameters } from '../../domain/authorization-request.ts';
import type { Caller } from '../../domain/caller.ts';
import type { FindClient } from '../../domain/client.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Tenant } from '../../domain/tenant.ts';
import type { Vault } from '../../domain/vault.ts';
import { withAnswer } from './answer.ts';
import type { RequestHandles, SignOutRequest } from './request-handle.ts';
import { sessionOfSid } from './session-id.ts';

export type SignOutDeps = {
  readonly findClient: FindClient;
  readonly tokens: ApplicationTokens;
  readonly handles: RequestHandles;
  readonly vault: Vault;
  readonly deployment: string;
  readonly clock: Clock;
};

const maxStateLength = 2048;

function textOf(parameters: AuthorizationParameters, name: string): string {
  const value = parameters[name];
  if (typeof value === 'object')
    throw new DomainError('AUTHORIZATION_INVALID', { metadata: { detail: `${name} comes twice` } });
  return value ?? '';
}

/**
 * RP-Initiated Logout 1.0: an application sends the browser here, and the hosted page ends its session; without asking only
 * where an ID token names that very session, so that no other site signs anyone out.
 */
export function createSignOut({ findClient, tokens, handles, vault, deployment, clock }: SignOutDeps) {
  return {
    /** Returns the handle for the page. Throws AUTHORIZATION_INVALID where the request contradicts itself. */
    async begin(tenant: Tenant, parameters: AuthorizationParameters, address: string): Promise<string> {
      const text = (name: string) => textOf(parameters, name);
      const refusal = (detail: string) => new DomainError('AUTHORIZATION_INVALID', { metadata: { detail } });
      const hintText = text('id_token_hint');
      const hint =
        hintText === '' ? undefined : await tokens.readHint(hintText, issuerOf(deployment, tenant.slug));
      const clientId = text('client_id') || (hint?.clientId ?? '');
      if (hint !== undefined && hint.clientId !== clientId)
        throw refusal('client_id is not the one of id_token_hint');
      const client = clientId === '' ? undefined : await findClient(tenant, clientId, address);
      const target = text('post_logout_redirect_uri');
      const state = text('state');
      if (state.length > maxStateLength) throw refusal('state is too long');
      const isRegistered = target !== '' && client?.settings.postLogoutRedirectUris.includes(target) === true;
      if (target !== '' && !isRegistered)
        throw refusal('post_logout_redirect_uri is not one of those that are registered for the application');
      const request: SignOutRequest = {
        clientId: client === undefined ? '' : clientId,
        sessionId: client && hint ? sessionOfSid(vault, client.settings.sector, hint.sessionId) : '',
        location: isRegistered ? withAnswer(target, state === '' ? {} : { state }) : '',
        startedAtMs: clock().getTime(),
      };
      return handles.seal('sign-out', tenant.id, request);
    },

    async describe(
      { tenant, client: { address } }: Caller,
      handle: string,
    ): Promise<SignOutRequest & { readonly application: Application | undefined }> {
      const request = handles.open('sign-out', tenant.id, handle);
      const { clientId } = request;
      return {
        ...request,
        application: clientId === '' ? undefined : await findClient(tenant, clientId, address),
      };
    },
  };
}

export type SignOut = ReturnType<typeof createSignOut>;
