import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { encodeCBOR } from '@levischuck/tiny-cbor';

// An authenticator in software: makes the JSON that a browser would return, and every wrong one besides.

export type Options = { readonly [name: string]: unknown };
export type Credential = {
  id: string;
  rawId: string;
  type: string;
  response: Record<string, unknown>;
  clientExtensionResults: object;
};

/** What a ceremony shows instead of what it should. */
export type Deviation = {
  readonly clientData?: Options;
  readonly rpId?: string;
  readonly isPresent?: boolean;
  readonly isVerified?: boolean;
  readonly isBackupEligible?: boolean;
  readonly isBackedUp?: boolean;
  readonly counter?: number;
  readonly userHandle?: string | null;
  readonly credentialId?: Buffer;
  /** The COSE key. */
  readonly key?: Map<number, unknown>;
  readonly fmt?: string;
  readonly attStmt?: Map<string, unknown>;
  readonly attestationObject?: (bytes: Buffer) => Buffer;
  readonly signature?: (bytes: Buffer) => Buffer;
  readonly type?: string;
};

const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest();
const cbor = (value: unknown) => Buffer.from(encodeCBOR(value as never));
const fromJwk = (text: string | undefined) => new Uint8Array(Buffer.from(text ?? '', 'base64url'));

/** A key pair of ES256 or RS256, with its public key as COSE. */
export function makeKey(algorithm: -7 | -257 = -7, modulusLength = 2048) {
  const { privateKey, publicKey } =
    algorithm === -7
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength });
  const { x, y, n, e } = publicKey.export({ format: 'jwk' });
  const cose =
    algorithm === -7
      ? new Map<number, unknown>([
          [1, 2],
          [3, -7],
          [-1, 1],
          [-2, fromJwk(x)],
          [-3, fromJwk(y)],
        ])
      : new Map<number, unknown>([
          [1, 3],
          [3, -257],
          [-1, fromJwk(n)],
          [-2, fromJwk(e)],
        ]);
  return { privateKey, cose };
}

export type AuthenticatorOptions = {
  readonly origin: string;
  readonly algorithm?: -7 | -257;
  readonly isVerified?: boolean;
  readonly isSynced?: boolean;
  /** Whether it counts its uses; a synced one does not. */
  readonly counts?: boolean;
  readonly aaguid?: string;
};

export function makeAuthenticator({
  origin,
  algorithm = -7,
  isVerified = true,
  isSynced = false,
  counts = false,
  aaguid = '00000000-0000-0000-0000-000000000000',
}: AuthenticatorOptions) {
  const { privateKey, cose } = makeKey(algorithm);
  const credentialId = randomBytes(32);
  let counter = 0;
  let userHandle = '';
  let rpId = '';

  function flagsOf(deviation: Deviation, hasKey: boolean): number {
    const { isPresent = true, isBackupEligible = isSynced, isBackedUp = isSynced } = deviation;
    const verified = deviation.isVerified ?? isVerified;
    return (
      (isPresent ? 1 : 0) |
      (verified ? 4 : 0) |
      (isBackupEligible ? 8 : 0) |
      (isBackedUp ? 16 : 0) |
      (hasKey ? 64 : 0)
    );
  }

  function authenticatorData(deviation: Deviation, attested: Buffer): Buffer {
    if (counts) counter += 1;
    const count = Buffer.alloc(4);
    count.writeUInt32BE(deviation.counter ?? counter);
    const flags = Buffer.of(flagsOf(deviation, attested.length > 0));
    return Buffer.concat([sha256(deviation.rpId ?? rpId), flags, count, attested]);
  }

  const clientDataOf = (type: string, options: Options, deviation: Deviation) =>
    Buffer.from(
      JSON.stringify({
        type,
        challenge: options['challenge'],
        origin,
        crossOrigin: false,
        ...deviation.clientData,
      }),
    );

  const envelope = (
    id: Buffer,
    type: string,
    response: Record<string, Buffer | string | string[] | null>,
  ): Credential => ({
    id: id.toString('base64url'),
    rawId: id.toString('base64url'),
    type,
    response: Object.fromEntries(
      Object.entries(response).map(([name, value]) => [
        name,
        Buffer.isBuffer(value) ? value.toString('base64url') : value,
      ]),
    ),
    clientExtensionResults: {},
  });

  return {
    credentialId,
    privateKey,
    cose,
    /** Takes the options of a registration. */
    create(options: Options, deviation: Deviation = {}): Credential {
      const rp = options['rp'] as { id: string };
      rpId = rp.id;
      userHandle = (options['user'] as { id: string }).id;
      const id = deviation.credentialId ?? credentialId;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(id.length);
      const model = Buffer.from(aaguid.replaceAll('-', ''), 'hex');
      const key = cbor(deviation.key ?? cose);
      const authData = authenticatorData(deviation, Buffer.concat([model, length, id, key]));
      const clientDataJSON = clientDataOf('webauthn.create', options, deviation);
      const attStmt = deviation.attStmt ?? new Map();
      if (deviation.fmt === 'packed' && !attStmt.has('sig'))
        attStmt.set(
          'sig',
          new Uint8Array(sign('sha256', Buffer.concat([authData, sha256(clientDataJSON)]), privateKey)),
        );
      const whole = cbor(
        new Map<string, unknown>([
          ['fmt', deviation.fmt ?? 'none'],
          ['attStmt', attStmt],
          ['authData', new Uint8Array(authData)],
        ]),
      );
      const attestationObject = deviation.attestationObject?.(whole) ?? whole;
      const transports = ['internal', 'hybrid'];
      return envelope(id, deviation.type ?? 'public-key', { clientDataJSON, attestationObject, transports });
    },

    /** Takes the options of a proof. */
    get(options: Options, deviation: Deviation = {}, key: KeyObject = privateKey): Credential {
      const authData = authenticatorData(deviation, Buffer.alloc(0));
      const clientDataJSON = clientDataOf('webauthn.get', options, deviation);
      const made = sign('sha256', Buffer.concat([authData, sha256(clientDataJSON)]), key);
      const signature = deviation.signature?.(made) ?? made;
      const handle = deviation.userHandle === undefined ? userHandle : deviation.userHandle;
      return envelope(deviation.credentialId ?? credentialId, deviation.type ?? 'public-key', {
        clientDataJSON,
        authenticatorData: authData,
        signature,
        userHandle: handle,
      });
    },
  };
}

export type SoftwareAuthenticator = ReturnType<typeof makeAuthenticator>;
