import { base64url, calculateJwkThumbprint, EmbeddedJWK, errors, type JWTPayload, jwtVerify } from 'jose';
import { isCanonicalJws } from './base64url.ts';
import { DomainError } from './errors.ts';
import { isTokenFault } from './token-fault.ts';

/** The algorithms of proofs: asymmetric, with keys of a fixed size, so that no proof costs more than another. */
export const proofAlgorithms = ['ES256', 'Ed25519', 'EdDSA'] as const;

/** Time for which a proof is good around its `iat`, in seconds. */
export const proofWindowS = 30;

/** The longest proof, in characters. */
const maxLength = 4096;
/** The longest `jti`, in characters. */
const maxIdLength = 256;

/** The request that a proof is for. */
export type ProofTarget = {
  /** The HTTP method. */
  readonly method: string;
  /** Whether a URL, without query and fragment, is that of the request. */
  readonly isUrl: (url: URL) => boolean;
  /** The access token that comes with it; undefined: none. */
  readonly accessToken: string | undefined;
};

/** A proof of possession of a key (RFC 9449, section 4.3), whose `jti` is still to be spent. */
export type Proof = {
  /** The thumbprint of the key (RFC 7638), in Base64url. */
  readonly jkt: string;
  /** Identifies the proof: a digest of key and `jti`, in Base64url. */
  readonly id: string;
  /** Time after which the proof is refused for its age. */
  readonly expiresAt: Date;
};

/** Why a proof is refused. */
export type ProofFault = 'malformed' | 'signature' | 'key' | 'htm' | 'htu' | 'iat' | 'jti' | 'ath';

export class ProofError extends Error {
  readonly fault: ProofFault;
  constructor(fault: ProofFault) {
    super(`the DPoP proof is refused: ${fault}`);
    this.name = 'ProofError';
    this.fault = fault;
  }
}

/** The refusal of a call names what is wrong, and the time of the service: the clock of a device may be off. */
export function proofRefusal(fault: ProofFault | 'missing' | 'replay', now: Date): DomainError {
  const serverTime = String(Math.floor(now.getTime() / 1000));
  return new DomainError('DPOP_PROOF_INVALID', { metadata: { fault, server_time: serverTime } });
}

/** The members of a JWK that belong to a private key (RFC 7518, section 6). */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/** Verifies a DPoP proof against a request. Throws ProofError. */
export async function verifyProof(text: string, target: ProofTarget, now: Date): Promise<Proof> {
  if (text.length > maxLength || !isCanonicalJws(text)) throw new ProofError('malformed');
  const { payload, jwk } = await verifySignature(text, now);
  const { htm, htu, jti, iat, ath } = payload;
  if (typeof jti !== 'string' || jti === '' || jti.length > maxIdLength) throw new ProofError('jti');
  if (typeof iat !== 'number') throw new ProofError('iat');
  if (htm !== target.method) throw new ProofError('htm');
  if (typeof htu !== 'string' || !URL.canParse(htu) || !target.isUrl(new URL(htu)))
    throw new ProofError('htu');
  if (Math.abs(now.getTime() / 1000 - iat) > proofWindowS) throw new ProofError('iat');
  const { accessToken } = target;
  if (accessToken !== undefined && ath !== (await hashOf(accessToken))) throw new ProofError('ath');
  const jkt = await calculateJwkThumbprint(jwk);
  const id = await hashOf(JSON.stringify([jkt, jti]));
  return { jkt, id, expiresAt: new Date((iat + proofWindowS + 1) * 1000) };
}

type Jwk = Parameters<typeof calculateJwkThumbprint>[0];

async function verifySignature(
  text: string,
  now: Date,
): Promise<{ readonly payload: JWTPayload; readonly jwk: Jwk }> {
  try {
    const { payload, protectedHeader } = await jwtVerify(text, EmbeddedJWK, {
      algorithms: [...proofAlgorithms],
      typ: 'dpop+jwt',
      currentDate: now,
    });
    const jwk = protectedHeader.jwk as Jwk;
    if (privateMembers.some((name) => Object.hasOwn(jwk, name))) throw new ProofError('key');
    return { payload, jwk };
  } catch (error) {
    if (error instanceof ProofError) throw error;
    if (error instanceof errors.JWSSignatureVerificationFailed) throw new ProofError('signature');
    throw isTokenFault(error) ? new ProofError('malformed') : error;
  }
}

/** The SHA-256 of a text in Base64url, as in `ath` (RFC 9449, section 4.2), in every runtime. */
async function hashOf(text: string): Promise<string> {
  const digest = await globalThis.crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return base64url.encode(new Uint8Array(digest));
}

/** Keeps the proofs that were spent. */
export type ProofRepository = {
  /** Spends a proof; true for exactly one of any number of callers. */
  spend(tenantId: string, proof: Pick<Proof, 'id' | 'expiresAt'>): Promise<boolean>;
  /** Whether one was spent, by its id. */
  isSpent(tenantId: string, id: string): Promise<boolean>;
};
