import { getOption } from '@bufbuild/protobuf';
import { ConnectError, type Interceptor, type StreamResponse, type UnaryResponse } from '@connectrpc/connect';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.js';
import { access } from '../../gen/manam/options/v1/access_pb.js';
import { SessionTokensSchema } from '../../gen/manam/v1/session_pb.js';
import { encodeJson, hashOf, toBase64url } from './base64url.ts';

/** The request that a proof is for. */
export type ProofRequest = {
  /** The HTTP method; `POST` for every RPC. */
  readonly method: string;
  /** The full URL; query and fragment do not count. */
  readonly url: string;
  /** The access token that comes with the request; undefined: none. */
  readonly accessToken?: string | undefined;
};

/** A key that proves who sends a request (DPoP, RFC 9449). */
export type ProofKey = {
  /** The value of the `DPoP` header for one request; each is good once. */
  prove(request: ProofRequest): Promise<string>;
  /** Sets the clock of the proofs by that of the service, in seconds since 1970. */
  setTime(serverTimeS: number): void;
};

/** The private key cannot be exported, by whatever script. */
export type ProofKeyPair = { readonly privateKey: CryptoKey; readonly publicKey: CryptoKey };

/** Makes a P-256 key pair whose private key cannot be exported. */
export async function generateProofKeyPair(): Promise<ProofKeyPair> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  return await globalThis.crypto.subtle.generateKey(algorithm, false, ['sign', 'verify']);
}

/** A key that makes proofs, of a pair that was kept or is made now. */
export function createProofKey(
  pair: ProofKeyPair | Promise<ProofKeyPair> = generateProofKeyPair(),
): ProofKey {
  let aheadMs = 0;
  return {
    async prove({ method, url, accessToken }) {
      const { privateKey, publicKey } = await pair;
      const { origin, pathname } = new URL(url);
      const claims = {
        jti: globalThis.crypto.randomUUID(),
        htm: method,
        htu: origin + pathname,
        iat: Math.floor((Date.now() + aheadMs) / 1000),
        ...(accessToken !== undefined && { ath: await hashOf(accessToken) }),
      };
      const { kty, crv, x, y } = await globalThis.crypto.subtle.exportKey('jwk', publicKey);
      const header = { alg: 'ES256', typ: 'dpop+jwt', jwk: { kty, crv, x, y } };
      return await signJws(privateKey, `${encodeJson(header)}.${encodeJson(claims)}`);
    },
    setTime(serverTimeS) {
      aheadMs = serverTimeS * 1000 - Date.now();
    },
  };
}

/**
 * A compact JWS by ES256, whose signature is the one that WebCrypto makes (RFC 7518, section 3.4). Not by jose: pages would
 * load a tenth more for it.
 */
async function signJws(key: CryptoKey, input: string): Promise<string> {
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' };
  const signature = await globalThis.crypto.subtle.sign(algorithm, key, new TextEncoder().encode(input));
  return `${input}.${toBase64url(new Uint8Array(signature))}`;
}

/** The authorization header of one bound token, for a single call of a client with a `proofKey`. */
export function dpop(token: string): { readonly authorization: string } {
  return { authorization: `DPoP ${token}` };
}

/**
 * Proves the key with every call that carries a bound token, can return tokens, or asks for a message. It stands inside of
 * retries, because each attempt needs another proof. A sign-in binds both of its tokens, or its refresh token alone.
 */
export function proofInterceptor(key: ProofKey, binds: 'all' | 'refresh_token' = 'all'): Interceptor {
  return (next) => async (request) => {
    const accessToken = /^DPoP (.+)$/.exec(request.header.get('authorization') ?? '')?.[1];
    const mints = request.method.output.fields.some(
      ({ message }) => message?.typeName === SessionTokensSchema.typeName,
    );
    // A device that the account knows is not kept waiting by strangers.
    const vouches = getOption(request.method, access).proofOfWork;
    if (accessToken === undefined && !mints && !vouches) return await next(request);
    const send = async (): Promise<UnaryResponse | StreamResponse> => {
      const { requestMethod: method, url } = request;
      request.header.set('dpop', await key.prove({ method, url, accessToken }));
      if (binds === 'refresh_token') request.header.set('dpop-bind', binds);
      return await next(request);
    };
    try {
      return await send();
    } catch (error) {
      const serverTimeS = serverTimeOf(error);
      if (serverTimeS === undefined) throw error;
      // The clock of this device is off: that of the service counts.
      key.setTime(serverTimeS);
      return await send();
    }
  };
}

/** The time of the service where a proof was refused for its age, or because the way to it sent it twice. */
function serverTimeOf(error: unknown): number | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  const [info] = error.findDetails(ErrorInfoSchema);
  const { fault = '', server_time: time } = info?.reason === 'DPOP_PROOF_INVALID' ? info.metadata : {};
  return fault === 'iat' || fault === 'replay' ? Number(time) : undefined;
}
