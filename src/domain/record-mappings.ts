// How the rows of other systems become records. What has no place here is left out, and
// listed, so that the operator knows.

type Row = Readonly<Record<string, unknown>>;

export const recordMappings = ['manam', 'authboss'] as const;

export type RecordMapping = (typeof recordMappings)[number];

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}

/** Yes, in the ways in which databases write it. */
function isYes(value: unknown): boolean {
  return value === true || value === 1 || value === '1' || value === 't' || value === 'true';
}

/**
 * The columns of authboss, which the system behind the Manam page used: bcrypt for the
 * password and for recovery codes, a TOTP secret, the number for SMS. Its selectors and
 * verifiers belong to links that are under way; those are sent anew from here.
 */
const authbossColumns = new Set([
  'id',
  'pid',
  'name',
  'email',
  'mobile',
  'password',
  'confirmed',
  'confirm_selector',
  'confirm_verifier',
  'recover_selector',
  'recover_verifier',
  'recover_token_expiry',
  'attempt_count',
  'last_attempt',
  'locked',
  'totp_secret_key',
  'totp_last_code',
  'sms_phone_number',
  'sms_seed_phone_number',
  'recovery_codes',
  'oauth2_uid',
  'oauth2_provider',
  'oauth2_access_token',
  'oauth2_refresh_token',
  'oauth2_expiry',
  'otps',
  'remember_token',
  'created_at',
  'updated_at',
  'first_name',
  'last_name',
  'national_code',
  'birthday',
]);

function fromAuthboss(row: Row): Row {
  const text = (name: string) => textOf(row[name]);
  const who = text('email') || (text('pid').includes('@') ? text('pid') : '');
  const mobile = text('mobile') || (who === '' ? text('pid') : '');
  const confirmed = isYes(row['confirmed']);
  const hasIdentity = text('oauth2_uid') !== '';
  const isGoogle = hasIdentity && text('oauth2_provider') === 'google';
  // An unknown column is an error, so that no data is lost in silence. A user who was deleted there is not
  // imported, nor one whose way in would be lost: an identity of another provider, whose issuer the row does not say.
  const unknown = Object.entries(row).filter(([name, value]) =>
    name === 'oauth2_provider'
      ? hasIdentity && !isGoogle
      : !authbossColumns.has(name) && !(name === 'deleted_at' && !value),
  );
  return {
    email: who,
    email_confirmed: who !== '' && confirmed,
    mobile,
    // It confirms what its users sign in with, and nothing else.
    mobile_confirmed: who === '' && mobile !== '' && confirmed,
    password_hash: text('password'),
    totp_secret: text('totp_secret_key'),
    sms_factor: text('sms_phone_number'),
    recovery_code_hashes: text('recovery_codes')
      .split(',')
      .filter((hash) => hash !== ''),
    first_name: text('first_name') || text('name'),
    last_name: text('last_name'),
    national_code: text('national_code'),
    birthday: text('birthday'),
    created_at: text('created_at'),
    external_identities: isGoogle
      ? [{ issuer: 'https://accounts.google.com', subject: text('oauth2_uid') }]
      : [],
    ...Object.fromEntries(unknown),
  };
}

/** A row of another system as a record; one of our own as it is. */
export function mapRecord(mapping: RecordMapping, value: unknown): unknown {
  if (mapping === 'manam' || typeof value !== 'object' || value === null || Array.isArray(value))
    return value;
  return fromAuthboss(value as Row);
}
