import type { AuthorizationRequest } from '../../domain/authorization-request.ts';
import { isCanonicalBase64url } from '../../domain/base64url.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Vault } from '../../domain/vault.ts';

/** What the address of a hosted page carries from one of our own endpoints. */
type Carried = {
  readonly authorization: AuthorizationRequest;
  readonly 'sign-out': SignOutRequest;
  readonly 'form-post': FormPost;
};

/** A sign-out that an application asked for, with what of it was found to be true. */
export type SignOutRequest = {
  readonly clientId: string;
  /** The session of the ID token that came with it; empty: none. */
  readonly sessionId: string;
  /** Registered, with the state in it; empty: none. */
  readonly location: string;
  readonly startedAtMs: number;
};

/** Where a form of an answer goes to. */
export type FormPost = { readonly redirectUri: string; readonly startedAtMs: number };

/** Time for a sign-in with everything that it may take, such as a registration. */
const lifetimeMs = 3_600_000;

/**
 * Requests travel in the address of the page, sealed: strangers may begin as many as they like and write no rows, and no
 * one reads or changes one.
 */
export function createRequestHandles(vault: Vault, clock: Clock) {
  return {
    seal<K extends keyof Carried>(kind: K, tenantId: string, request: Carried[K]): string {
      return vault
        .seal(`request-${kind}`, tenantId, Buffer.from(JSON.stringify(request)))
        .toString('base64url');
    },

    /** Opens a handle. Throws AUTHORIZATION_INVALID where it is forged, of another tenant, or too old. */
    open<K extends keyof Carried>(kind: K, tenantId: string, handle: string): Carried[K] {
      const refusal = () => new DomainError('AUTHORIZATION_INVALID');
      if (!isCanonicalBase64url(handle)) throw refusal();
      let request: Carried[K];
      try {
        request = JSON.parse(
          vault.open(`request-${kind}`, tenantId, Buffer.from(handle, 'base64url')).toString(),
        ) as Carried[K];
      } catch {
        throw refusal();
      }
      if (clock().getTime() - request.startedAtMs > lifetimeMs) throw refusal();
      return request;
    },
  };
}

export type RequestHandles = ReturnType<typeof createRequestHandles>;
