import type { AuthorizationRequest } from './authorization-request.ts';
import { bytesToUuid, decodeBase64url, sha256, uuidToBytes } from './token.ts';

/** A sign-in that was redirected to another site. */
export type LoginRequest = {
  readonly tenantId: string;
  readonly id: string;
  readonly kind: 'provider' | 'provider-native' | 'provider-link' | 'manam' | 'pushed';
  readonly digest: Buffer;
  readonly data: LoginRequestData;
  readonly expiresAt: Date;
};

export type LoginRequestData = {
  /** The registered page that the browser returns to; empty: none. */
  readonly redirectUri: string;
  /** The S256 challenge of the client (RFC 7636). */
  readonly codeChallenge: string;
  /** The nonce that the provider's token has to carry. */
  readonly nonce: string;
  /** Our own verifier for the provider. */
  readonly codeVerifier: string;
  /** The session that connects an account; empty: a sign-in. */
  readonly userId: string;
  readonly sessionId: string;
  /** The connection that it began with; empty: Manam itself. */
  readonly provider: string;
  /** A pushed authorization request (RFC 9126); absent: the request is of another kind. */
  readonly authorization?: AuthorizationRequest;
};

export type LoginRequestRepository = {
  /** Keeps a request, its data sealed. */
  insert(request: LoginRequest): Promise<void>;
  /** Finds a request that is neither consumed nor expired. */
  findLive(tenantId: string, id: string, digest: Buffer, now: Date): Promise<LoginRequest | undefined>;
  /** Finds a request whether or not it is still good, as long as its row is kept. */
  find(tenantId: string, id: string, digest: Buffer): Promise<LoginRequest | undefined>;
  /** Consumes it; true for exactly one of any number of callers. */
  consume(tenantId: string, id: string, now: Date): Promise<boolean>;
};

const idBytes = 16;

const secretBytes = 32;

/** The name of a row, with the proof that its bearer received it. */
export type Handle = { readonly tenantId: string; readonly id: string; readonly digest: Buffer };

/** Writes a handle for a row of a tenant: 86 characters, of which 256 bits are secret. */
export function formatHandle(tenantId: string, id: string, secret: Uint8Array): string {
  return Buffer.concat([uuidToBytes(tenantId), uuidToBytes(id), secret]).toString('base64url');
}

/** Reads a handle, or returns undefined where the text cannot be one. */
export function parseHandle(text: string): Handle | undefined {
  const bytes = decodeBase64url(text, 2 * idBytes + secretBytes);
  if (bytes === undefined) return undefined;
  return {
    tenantId: bytesToUuid(bytes.subarray(0, idBytes)),
    id: bytesToUuid(bytes.subarray(idBytes, 2 * idBytes)),
    digest: sha256(bytes.subarray(2 * idBytes)),
  };
}
