import { issuerOf, issuerPaths } from '../../domain/application-token.ts';
import type { AuthorizationRequest } from '../../domain/authorization-request.ts';
import type { Clock } from '../../domain/clock.ts';
import type { Tenant } from '../../domain/tenant.ts';
import type { RequestHandles } from './request-handle.ts';

/** What goes back to an application by way of the browser. */
export type AuthorizationAnswer = Pick<AuthorizationRequest, 'redirectUri' | 'responseMode'> & {
  readonly parameters: Readonly<Record<string, string>>;
};

/** A failure for the application, with `iss` as in every answer (RFC 9207, section 2). */
export function answerWithError(
  iss: string,
  { redirectUri, responseMode, state }: Pick<AuthorizationRequest, 'redirectUri' | 'responseMode' | 'state'>,
  error: string,
  description: string,
): AuthorizationAnswer {
  const parameters = {
    error,
    error_description: description,
    ...(state !== undefined && { state }),
    iss,
  };
  return { redirectUri, responseMode, parameters };
}

export type AnswerDeps = {
  readonly handles: RequestHandles;
  readonly deployment: string;
  readonly clock: Clock;
};

/** The address that takes an answer to its application. */
export type LocationOf = (tenant: Tenant, answer: AuthorizationAnswer) => string;

/** Parameters go in the query, or for `form_post` in the fragment of a page of ours, which no server sees, and from there on in a form. */
export function createLocations({ handles, deployment, clock }: AnswerDeps): LocationOf {
  return ({ id, slug }, { redirectUri, responseMode, parameters }) => {
    if (responseMode === 'query') return withAnswer(redirectUri, parameters);
    const handle = handles.seal('form-post', id, { redirectUri, startedAtMs: clock().getTime() });
    const page = `${issuerOf(deployment, slug)}${issuerPaths.formPost}?request=${handle}`;
    return `${page}#${new URLSearchParams(parameters).toString()}`;
  };
}

/** A redirect URI with parameters of the answer; what stood in its query stays as it was written. */
export function withAnswer(redirectUri: string, parameters: Readonly<Record<string, string>>): string {
  const added = new URLSearchParams(parameters).toString();
  if (added === '') return redirectUri;
  return `${redirectUri}${redirectUri.includes('?') ? '&' : '?'}${added}`;
}
