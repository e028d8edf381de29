import * as v from 'valibot';
import type { AuthenticationMethod } from './authentication.ts';
import type { Authenticator } from './authenticator.ts';
import type { TenantPolicy } from './policy.ts';
import { sha256 } from './token.ts';

// Passkeys: discoverable or other credentials of WebAuthn (Level 3, https://www.w3.org/TR/webauthn-3/).

/** The sealed data of a passkey. */
export type PasskeyData = {
  /** In Base64url. */
  readonly credentialId: string;
  /** The COSE key, in Base64url. */
  readonly publicKey: string;
  /** The relying party that it was made for. */
  readonly rpId: string;
  /** The random name of the user at that relying party, in Base64url (section 14.6.1). */
  readonly userHandle: string;
  /** The model of the authenticator; of zeros: not told. */
  readonly aaguid: string;
  /** How browsers reach it, such as `internal` or `hybrid`. */
  readonly transports: readonly string[];
};

export type Passkey = Pick<Authenticator, 'id' | 'label' | 'counter' | 'flags' | 'createdAt' | 'lastUsedAt'> &
  PasskeyData;

/** The bits of `flags` in the row of a passkey. */
export const passkeyFlags = { backupEligible: 1, backedUp: 2, userVerified: 4 } as const;

export type PasskeyState = {
  /** Whether the passkey can be synced between devices (BE, section 6.1.3). It never changes. */
  readonly isBackupEligible: boolean;
  /** Whether it is synced now (BS). */
  readonly isBackedUp: boolean;
  /** Whether the authenticator verified its user (UV) when the passkey was made. */
  readonly isUserVerified: boolean;
};

export function toFlags({ isBackupEligible, isBackedUp, isUserVerified }: PasskeyState): number {
  const { backupEligible, backedUp, userVerified } = passkeyFlags;
  return (
    (isBackupEligible ? backupEligible : 0) |
    (isBackedUp ? backedUp : 0) |
    (isUserVerified ? userVerified : 0)
  );
}

export function stateOf({ flags }: Pick<Passkey, 'flags'>): PasskeyState {
  const has = (bit: number) => (flags & bit) !== 0;
  return {
    isBackupEligible: has(passkeyFlags.backupEligible),
    isBackedUp: has(passkeyFlags.backedUp),
    isUserVerified: has(passkeyFlags.userVerified),
  };
}

/** The accepted algorithms: ES256 and RS256 (RFC 9053, RFC 8812). Every authenticator has one of them. */
export const acceptedAlgorithms = [-7, -257];

/** Most bytes of a credential id (section 5.8.3), and most passkeys of a user. */
export const maxCredentialIdBytes = 1023;
export const maxPasskeys = 20;

/** The value that finds the passkey of a credential. */
export function passkeyLookup(rpId: string, credentialId: string): Buffer {
  return sha256(`${rpId} ${credentialId}`);
}

const base64url = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]+$/));
const data = v.object({
  credentialId: base64url,
  publicKey: base64url,
  rpId: v.string(),
  userHandle: base64url,
  aaguid: v.string(),
  transports: v.array(v.string()),
});

function formatPasskey({
  credentialId,
  publicKey,
  rpId,
  userHandle,
  aaguid,
  transports,
}: PasskeyData): Buffer {
  return Buffer.from(JSON.stringify({ credentialId, publicKey, rpId, userHandle, aaguid, transports }));
}

/** The row of a new or imported passkey. */
export function rowOfPasskey(
  owner: Pick<Authenticator, 'tenantId' | 'userId' | 'id' | 'createdAt'>,
  passkey: PasskeyData & PasskeyState & Pick<Authenticator, 'label' | 'counter'>,
): Authenticator {
  const { label, counter, rpId, credentialId } = passkey;
  return {
    ...owner,
    kind: 'passkey',
    slot: owner.id,
    label,
    lookup: passkeyLookup(rpId, credentialId),
    counter,
    flags: toFlags(passkey),
    data: formatPasskey(passkey),
    lastUsedAt: undefined,
  };
}

/** The passkey of an authenticator's row. */
export function toPasskey(row: Authenticator): Passkey {
  const { id, label, counter, flags, createdAt, lastUsedAt } = row;
  const kept = v.parse(data, JSON.parse(row.data.toString()));
  return { ...kept, id, label, counter, flags, createdAt, lastUsedAt };
}

/** The passkeys among the authenticators of a user. */
export function passkeysOf(rows: readonly Authenticator[]): Passkey[] {
  return rows.flatMap((row) => (row.kind === 'passkey' ? [toPasskey(row)] : []));
}

/** The relying party of a tenant, and the origins that its ceremonies may come from. */
export type RelyingParty = { readonly rpId: string; readonly origins: readonly string[] };

/** The relying party: the tenant's own site, else the host of the hosted pages. */
export function relyingPartyOf(
  { passkeys }: Pick<TenantPolicy, 'passkeys'>,
  pageOrigin: string,
): RelyingParty {
  const rpId = passkeys.rpId || new URL(pageOrigin).hostname;
  return { rpId, origins: [...passkeys.origins, pageOrigin] };
}

/** How a passkey proves its user: a synced one is held in software (RFC 8176, section 2). */
export function methodOf(passkey: Pick<Passkey, 'flags'>): AuthenticationMethod & ('hwk' | 'swk') {
  return stateOf(passkey).isBackupEligible ? 'swk' : 'hwk';
}

/** Whether a sign counter shows that another copy of the key may be in use. Synced passkeys always say 0. */
export function isCounterFallen(kept: number, shown: number): boolean {
  return (kept > 0 || shown > 0) && shown <= kept;
}

/** The names of widespread providers of passkeys, by AAGUID. */
const providers: Readonly<Record<string, string>> = {
  'ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4': 'Google Password Manager',
  'adce0002-35bc-c60a-648b-0b25f1f05503': 'Chrome on Mac',
  'fbfc3007-154e-4ecc-8c0b-6e020557d7bd': 'Apple Passwords',
  'dd4ec289-e01d-41c9-bb89-70fa845d4bf2': 'iCloud Keychain (Managed)',
  '08987058-cadc-4b81-b6e1-30de50dcbe96': 'Windows Hello',
  '9ddd1817-af5a-4672-a2b9-3e3dd95000a9': 'Windows Hello',
  '6028b017-b1d4-4c02-b4b3-afcdafc96bb2': 'Windows Hello',
  'bada5566-a7aa-401f-bd96-45619a55120d': '1Password',
  'd548826e-79b4-db40-a3d8-11116f7e8349': 'Bitwarden',
  '531126d6-e717-415c-9320-3d9aa6981239': 'Dashlane',
  'b84e4048-15dc-4dd0-8640-f4f60813c8af': 'NordPass',
  '0ea242b4-43c4-4a1b-8b17-dd6d0b6baec6': 'Keeper',
  '50726f74-6f6e-5061-7373-50726f746f6e': 'Proton Pass',
  '53414d53-554e-4700-0000-000000000000': 'Samsung Pass',
  'fdb141b2-5d84-443e-8a35-4698c205a502': 'KeePassXC',
  'cb69481e-8ff7-4039-93ec-0a2729a154a8': 'YubiKey 5',
  'ee882879-721c-4913-9775-3dfcce97072a': 'YubiKey 5',
  'fa2b99dc-9e39-4257-8f92-4a30d23c4118': 'YubiKey 5 NFC',
  '2fc0579f-8113-47ea-b116-bb5a8db9202a': 'YubiKey 5 NFC',
};

/** The name of the provider of a passkey; empty: unknown. */
export function providerOf(aaguid: string): string {
  return providers[aaguid] ?? '';
}
