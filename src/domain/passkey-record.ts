import * as v from 'valibot';
import type { Authenticator } from './authenticator.ts';
import { maxCredentialIdBytes, maxPasskeys, type Passkey, rowOfPasskey, stateOf } from './passkey.ts';

// Passkeys as a record of a user writes them: what another system needs to go on with them (WebAuthn Level 3, section 4,
// "credential record").

const base64url = v.pipe(v.string('must be a text'), v.regex(/^[A-Za-z0-9_-]+$/, 'must be in Base64url'));
const flag = v.nullish(v.boolean('must be true or false'), false);
const bytesOf = (text: string) => Buffer.from(text, 'base64url').length;

const entry = v.strictObject(
  {
    credential_id: v.pipe(
      base64url,
      v.check((text) => bytesOf(text) <= maxCredentialIdBytes, 'must have at most 1,023 bytes'),
    ),
    public_key: v.pipe(base64url, v.maxLength(2048, 'must have at most 2,048 characters')),
    rp_id: v.pipe(v.string('must be a text'), v.minLength(1), v.maxLength(253)),
    user_handle: v.pipe(
      base64url,
      v.check((text) => bytesOf(text) <= 64, 'must have at most 64 bytes'),
    ),
    counter: v.nullish(
      v.pipe(v.number('must be a number'), v.integer(), v.minValue(0), v.maxValue(4_294_967_295)),
      0,
    ),
    aaguid: v.nullish(
      v.pipe(v.string('must be a text'), v.regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)),
      '00000000-0000-0000-0000-000000000000',
    ),
    transports: v.nullish(
      v.pipe(v.array(v.pipe(v.string('must be a text'), v.regex(/^[a-z-]{1,32}$/))), v.maxLength(16)),
      [],
    ),
    label: v.nullish(v.pipe(v.string('must be a text'), v.maxLength(100)), ''),
    backup_eligible: flag,
    backed_up: flag,
    user_verified: flag,
  },
  'must be an object',
);

/** The schema of `passkeys` in a record. */
export const passkeysSchema = v.nullish(
  v.pipe(
    v.array(entry, 'must be a list'),
    v.maxLength(maxPasskeys, `must have at most ${maxPasskeys} entries`),
  ),
  [],
);

export type PasskeyRecord = v.InferOutput<typeof entry>;

export function toPasskeyRecord(passkey: Passkey): PasskeyRecord {
  const { isBackupEligible, isBackedUp, isUserVerified } = stateOf(passkey);
  return {
    credential_id: passkey.credentialId,
    public_key: passkey.publicKey,
    rp_id: passkey.rpId,
    user_handle: passkey.userHandle,
    counter: passkey.counter,
    aaguid: passkey.aaguid,
    transports: [...passkey.transports],
    label: passkey.label,
    backup_eligible: isBackupEligible,
    backed_up: isBackedUp,
    user_verified: isUserVerified,
  };
}

/** The row of an imported passkey. */
export function rowOfRecord(
  record: PasskeyRecord,
  owner: Pick<Authenticator, 'tenantId' | 'userId' | 'id' | 'createdAt'>,
): Authenticator {
  return rowOfPasskey(owner, {
    credentialId: record.credential_id,
    publicKey: record.public_key,
    rpId: record.rp_id,
    userHandle: record.user_handle,
    aaguid: record.aaguid,
    transports: record.transports,
    label: record.label,
    counter: record.counter,
    isBackupEligible: record.backup_eligible,
    isBackedUp: record.backed_up,
    isUserVerified: record.user_verified,
  });
}
