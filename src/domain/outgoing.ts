/**
 * Sends HTTP requests to addresses that a tenant or a stranger named: webhooks, key sets, metadata
 * documents, logos (R78). The signature is that of `fetch`, so that it serves as `customFetch` of
 * openid-client and jose. Throws OutgoingError.
 */
export type OutgoingFetch = (
  input: string | URL | Request,
  init?: RequestInit & { readonly maxBytes?: number; readonly timeoutMs?: number },
) => Promise<Response>;

/** Why a request was not sent, or its response not read. */
export type OutgoingFault =
  /** Not https, or a URL with user or password. */
  | 'URL_DENIED'
  /** The host has no public address, or an address that is not public. */
  | 'ADDRESS_DENIED'
  | 'REDIRECTED'
  | 'TOO_LARGE'
  | 'TIMED_OUT'
  /** The name does not resolve, or the other side cannot be reached. */
  | 'UNREACHABLE';

/** A request to an address that is not ours failed. The message names no URL. */
export class OutgoingError extends Error {
  readonly fault: OutgoingFault;

  constructor(fault: OutgoingFault, options?: ErrorOptions) {
    super(`outgoing request failed: ${fault}`, options);
    this.name = 'OutgoingError';
    this.fault = fault;
  }
}
