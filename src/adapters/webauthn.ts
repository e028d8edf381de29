import { createPublicKey, type webcrypto } from 'node:crypto';
import { decodeCBOR } from '@levischuck/tiny-cbor';
import * as v from 'valibot';
import { acceptedAlgorithms, maxCredentialIdBytes, type PasskeyState } from '../domain/passkey.ts';
import type { ExpectedCeremony, WebAuthn } from '../domain/webauthn.ts';

// The library verifies the steps of WebAuthn Level 3, sections 7.1 and 7.2. What it leaves open is checked here.

type Library = typeof import('@simplewebauthn/server');

const base64url = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]+$/));
const transport = v.pipe(v.string(), v.regex(/^[a-z-]{1,32}$/));
const registration = v.object({
  id: base64url,
  rawId: base64url,
  type: v.literal('public-key'),
  response: v.object({
    clientDataJSON: base64url,
    attestationObject: base64url,
    transports: v.optional(v.pipe(v.array(v.string()), v.maxLength(16)), []),
  }),
});
const assertion = v.object({
  id: base64url,
  rawId: base64url,
  type: v.literal('public-key'),
  response: v.object({
    clientDataJSON: base64url,
    authenticatorData: base64url,
    signature: base64url,
    userHandle: v.nullish(v.string()),
  }),
});
const clientData = v.object({
  challenge: v.string(),
  crossOrigin: v.optional(v.unknown()),
  topOrigin: v.optional(v.unknown()),
});

const bytesOf = (text: string) => Buffer.from(text, 'base64url');

function readClientData(text: string): v.InferOutput<typeof clientData> | undefined {
  try {
    const json = new TextDecoder('utf-8', { fatal: true }).decode(bytesOf(text));
    return v.parse(clientData, JSON.parse(json));
  } catch {
    return undefined;
  }
}

/** Whether the page that asked stood in a frame of another site (section 5.8.1). The library does not look everywhere. */
function isFramed(text: string): boolean {
  const read = readClientData(text);
  return read === undefined || (read.crossOrigin ?? false) !== false || read.topOrigin !== undefined;
}

/** The COSE key as a JWK, where it is one that section 5.8.5 and RFC 9053 allow, with no parameter beside. */
function toJwk(key: Map<number, unknown>): webcrypto.JsonWebKey | undefined {
  const bytes = (label: number) => {
    const value = key.get(label);
    return value instanceof Uint8Array ? Buffer.from(value) : undefined;
  };
  const [first, second] = [bytes(-2), bytes(-3)];
  if (key.get(3) === -7) {
    const isP256 = key.size === 5 && key.get(1) === 2 && key.get(-1) === 1;
    if (!isP256 || first?.length !== 32 || second?.length !== 32) return undefined;
    return { kty: 'EC', crv: 'P-256', x: first.toString('base64url'), y: second.toString('base64url') };
  }
  const [modulus, exponent] = [bytes(-1), first];
  if (key.get(3) !== -257 || key.size !== 4 || key.get(1) !== 3) return undefined;
  // 2,048 to 8,192 bits, without leading zeros, and the exponent that everyone uses.
  const isSound =
    modulus !== undefined &&
    modulus.length >= 256 &&
    modulus.length <= 1024 &&
    (modulus[0] ?? 0) >= 128 &&
    exponent?.toString('hex') === '010001';
  if (!isSound) return undefined;
  return { kty: 'RSA', n: modulus.toString('base64url'), e: exponent.toString('base64url') };
}

/** Whether a COSE key can be used: of an accepted kind, and a point of its curve. */
export function isSoundKey(key: unknown): boolean {
  const jwk = key instanceof Map ? toJwk(key as Map<number, unknown>) : undefined;
  if (jwk === undefined) return false;
  try {
    createPublicKey({ key: jwk, format: 'jwk' });
    return true;
  } catch {
    return false;
  }
}

/** Whether a COSE key in Base64url can be used, with no byte beside. */
export function isUsableKey(publicKey: string): boolean {
  try {
    return isSoundKey(decodeCBOR(new Uint8Array(bytesOf(publicKey))));
  } catch {
    return false;
  }
}

/** Whether bytes are an ECDSA signature in DER, with nothing beside and no needless byte (X.690, section 8.3). */
export function isStrictDer(signature: Uint8Array): boolean {
  const integerAt = (at: number) => {
    const length = signature[at + 1] ?? 0;
    const [first = 0, second = 0] = signature.subarray(at + 2, at + 4);
    const isPadded = length > 1 && first === 0 && second < 128;
    const isValid = signature[at] === 2 && length >= 1 && length <= 33 && first < 128 && !isPadded;
    return isValid ? at + 2 + length : undefined;
  };
  if (signature[0] !== 0x30 || signature[1] !== signature.length - 2) return false;
  const middle = integerAt(2);
  return middle !== undefined && integerAt(middle) === signature.length;
}

/** The parts of an attestation object; undefined where bytes are missing, follow, or say something else. */
function readAttestation(text: string): { fmt: unknown; attStmt: Map<unknown, unknown> } | undefined {
  try {
    const bytes = bytesOf(text);
    // Throws where bytes are cut off or follow.
    const read = decodeCBOR(new Uint8Array(bytes));
    if (!(read instanceof Map) || read.size !== 3) return undefined;
    const [fmt, attStmt] = [read.get('fmt'), read.get('attStmt')];
    return attStmt instanceof Map ? { fmt, attStmt } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether an attestation is none, or one of the key itself (section 8.2): others were not asked for. */
function isPlainAttestation(text: string): boolean {
  const read = readAttestation(text);
  if (read?.fmt === 'none') return read.attStmt.size === 0;
  return read?.fmt === 'packed' && !read.attStmt.has('x5c');
}

/** Whether an attestation of the key itself is under the key's own algorithm. */
function isOwnAlgorithm(text: string, algorithm: unknown): boolean {
  const read = readAttestation(text);
  return read?.fmt === 'none' || read?.attStmt.get('alg') === algorithm;
}

/** The state that authenticator data shows, in the library's words. */
function stateOf(info: {
  readonly credentialDeviceType: 'singleDevice' | 'multiDevice';
  readonly credentialBackedUp: boolean;
  readonly userVerified: boolean;
}): PasskeyState {
  return {
    isBackupEligible: info.credentialDeviceType === 'multiDevice',
    isBackedUp: info.credentialBackedUp,
    isUserVerified: info.userVerified,
  };
}

export function createWebAuthn(): WebAuthn {
  let library: Promise<Library & { decodeKey: (key: Uint8Array) => unknown }> | undefined;
  const load = () => {
    library ??= Promise.all([
      import('@simplewebauthn/server'),
      import('@simplewebauthn/server/helpers'),
    ]).then(([server, helpers]) => ({
      ...server,
      decodeKey: (key) => helpers.decodeCredentialPublicKey(new Uint8Array(key)),
    }));
    library.catch(() => {
      library = undefined;
    });
    return library;
  };
  const expectations = ({ challenge, origins, rpId, requireUserVerification }: ExpectedCeremony) => ({
    expectedChallenge: challenge,
    expectedOrigin: [...origins],
    expectedRPID: rpId,
    requireUserVerification,
  });

  return {
    prepare() {
      // The ceremony that needs it loads it again, and reports what goes wrong.
      load().catch(() => {});
    },

    read(credential) {
      const { success, output } = v.safeParse(v.union([assertion, registration]), credential);
      if (!success || bytesOf(output.id).length > maxCredentialIdBytes) return undefined;
      const { response } = output;
      const challenge = readClientData(response.clientDataJSON)?.challenge;
      if (challenge === undefined) return undefined;
      const userHandle = 'userHandle' in response ? response.userHandle || undefined : undefined;
      return { credentialId: output.id, challenge, userHandle };
    },

    async verifyRegistration(given, expected) {
      const { success, output: credential } = v.safeParse(registration, given);
      if (!success || isFramed(credential.response.clientDataJSON)) return undefined;
      // Before the library, which would ask the certificates of others for their revocation lists.
      if (!isPlainAttestation(credential.response.attestationObject)) return undefined;
      const { verifyRegistrationResponse, decodeKey } = await load();
      try {
        const { registrationInfo: info } = await verifyRegistrationResponse({
          ...expectations(expected),
          // The library's type has the names of today's transports only.
          response: { ...credential, clientExtensionResults: {} } as never,
          supportedAlgorithmIDs: [...acceptedAlgorithms],
        });
        if (info === undefined) return undefined;
        const { id: credentialId, publicKey, counter } = info.credential;
        const key = decodeKey(publicKey);
        const isSound =
          credentialId === credential.id &&
          bytesOf(credentialId).length <= maxCredentialIdBytes &&
          isSoundKey(key) &&
          isOwnAlgorithm(credential.response.attestationObject, (key as Map<number, unknown>).get(3));
        if (!isSound) return undefined;
        return {
          credentialId,
          publicKey: Buffer.from(publicKey).toString('base64url'),
          aaguid: info.aaguid,
          transports: credential.response.transports.filter((name) => v.is(transport, name)),
          counter,
          ...stateOf(info),
        };
      } catch {
        return undefined;
      }
    },

    async verifyAssertion(given, expected, { credentialId, publicKey }) {
      const { success, output: credential } = v.safeParse(assertion, given);
      if (!success || isFramed(credential.response.clientDataJSON)) return undefined;
      const { verifyAuthenticationResponse, decodeKey } = await load();
      try {
        const key = decodeKey(bytesOf(publicKey));
        const isEc = key instanceof Map && key.get(3) === -7;
        if (isEc && !isStrictDer(bytesOf(credential.response.signature))) return undefined;
        const { userHandle: _, ...response } = credential.response;
        const { verified, authenticationInfo: info } = await verifyAuthenticationResponse({
          ...expectations(expected),
          response: { ...credential, response, clientExtensionResults: {} },
          // The library would refuse a counter before it has verified the signature.
          credential: { id: credentialId, publicKey: new Uint8Array(bytesOf(publicKey)), counter: 0 },
        });
        if (!verified) return undefined;
        return { counter: info.newCounter, ...stateOf(info) };
      } catch {
        return undefined;
      }
    },
  };
}
