import { type KeyObject, sign } from 'node:crypto';

/** The part of a JWS that is signed (RFC 7515, section 5.1). */
export function signingInput(header: object, payload: object): string {
  return [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
}

type Signer = { readonly kid: string; readonly key: KeyObject };

/**
 * A JWS with EdDSA in its compact form (RFC 7515, section 3.1; RFC 8037), signed on the event
 * loop in some 50 µs. jose signs on libuv's threads, and those make everybody's hashes while
 * many sign in.
 */
export function signJws({ kid, key }: Signer, typ: string, payload: object): string {
  const text = signingInput({ alg: 'EdDSA', kid, typ }, payload);
  // Ed25519 brings its own digest (RFC 8032).
  return `${text}.${sign(null, Buffer.from(text), key).toString('base64url')}`;
}

/** The same with ES256, whose signature is the two numbers and no DER (RFC 7518, section 3.4). */
export function signEs256({ kid, key }: Signer, typ: string, payload: object): string {
  const text = signingInput({ alg: 'ES256', kid, typ }, payload);
  const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}
