import { defaultProfile, floorProfile } from '../domain/password.ts';

/** The declaration of every key. Parser, README and `manam config` are made from it. */
type Common = {
  /** The text for the README. */
  readonly meaning: string;
  /** The value is never shown; `NAME_FILE` names a file that holds it. */
  readonly secret?: true;
  /** A start in production fails without it. */
  readonly required?: true;
};

export type TextKey = Common & {
  readonly kind: 'text';
  readonly default?: string;
  /** The behaviour without a value, where there is no default. */
  readonly otherwise?: string;
};
export type IntegerKey = Common & {
  readonly kind: 'integer';
  readonly default: number;
  /** The default of a server that is not in production, where it differs. */
  readonly development?: number;
  readonly min: number;
  readonly max: number;
  readonly unit: string;
};
export type FlagKey = Common & {
  readonly kind: 'flag';
  readonly default: boolean;
  readonly development?: boolean;
};
export type ConfigKey = TextKey | IntegerKey | FlagKey;

type Rest<K extends ConfigKey> = Partial<Omit<K, 'kind' | 'meaning'>>;

const text = (meaning: string, rest: Rest<TextKey> = {}) => ({ kind: 'text', meaning, ...rest }) as const;
const secret = (meaning: string, rest: Rest<TextKey> = {}) => text(meaning, { secret: true, ...rest });
const flag = (standard: boolean, meaning: string, rest: Rest<FlagKey> = {}) =>
  ({ kind: 'flag', default: standard, meaning, ...rest }) as const;
const integer = (
  standard: number,
  [min, max]: readonly [number, number],
  unit: string,
  meaning: string,
  rest: Rest<IntegerKey> = {},
) => ({ kind: 'integer', default: standard, min, max, unit, meaning, ...rest }) as const;
/** A limit of calls: on a developer's machine all calls come from one network. */
const limit = (standard: number, unit: string, meaning: string, development = standard) =>
  integer(standard, [1, 1_000_000_000], unit, meaning, development === standard ? {} : { development });
const days = (standard: number, meaning: string, min = 1) =>
  integer(standard, [min, 36_500], 'days', meaning);

/** Every key of the environment that the service reads, in the order of the README. */
export const configKeys = {
  HOST: text('The address to listen on.', { default: '127.0.0.1' }),
  PORT: integer(8080, [0, 65_535], '', 'The port to listen on; 0: any free one.'),
  WORKERS: integer(
    1,
    [1, 256],
    'processes',
    'Processes behind the port. One per core uses the whole machine.',
  ),
  MANAM_ISSUER: text('The `iss` of tokens and the origin of the hosted pages; https in production.', {
    otherwise: '`http://HOST:PORT`',
    required: true,
  }),
  PUBLIC_ORIGINS: text(
    'Further origins at which clients reach the service, such as an internal name for gRPC: a DPoP proof has to name one of them.',
    { otherwise: 'the origin of `MANAM_ISSUER` alone' },
  ),
  DATABASE_URL: secret(
    '`mysql://user:password@host:3306/database`; MySQL 8.4 or MariaDB 10.6 and newer. `?ssl-mode=VERIFY_IDENTITY&ssl-ca=…` demands TLS.',
    {
      otherwise: 'the private database in `MANAM_DATA`',
      required: true,
    },
  ),
  DATABASE_SERVER: text('The program of the private database: a `mariadbd`, or a `mysqld` 8.4 or newer.', {
    otherwise: 'one that is found, else MariaDB installed with apt-get',
  }),
  DATABASE_CONNECTIONS: integer(20, [1, 1000], 'connections', 'Connections to the database, per process.'),
  MIGRATE_AT_START: flag(
    true,
    '`false`: a start refuses a database that lacks a migration, so that its account needs no right to change the schema.',
  ),
  MANAM_DATA: text('The folder of the private database and of the development keys.', { default: '.manam' }),
  MANAM_MASTER_KEY: secret(
    '32 random bytes in Base64 (`openssl rand -base64 32`) that seal the keys in the database.',
    { otherwise: 'made in `MANAM_DATA`', required: true },
  ),
  MANAM_NEXT_MASTER_KEY: secret(
    'The key that `manam master-key rotate` seals with. Until the rotation ends, both open the keys.',
  ),
  ADMIN_HOST: text('The address of the operators’ service.', { default: '127.0.0.1' }),
  ADMIN_PORT: text('The port of the operators’ service.', { otherwise: 'the service is off' }),
  METRICS_HOST: text('The address of `/metrics` for Prometheus.', { default: '127.0.0.1' }),
  METRICS_PORT: text('The port of `/metrics`; `off`: none.', { default: '9464' }),
  TLS_CERT_FILE: text('The certificate chain, a PEM file.', { otherwise: 'cleartext' }),
  TLS_KEY_FILE: text('The private key of the certificate, a PEM file.', { otherwise: 'cleartext' }),
  TRUSTED_PROXIES: text('Addresses and networks whose `X-Forwarded-For` counts, such as `10.0.0.0/8`.'),
  DEVELOPER_SIGN_UP: text(
    'Whether users of Manam make tenants of their own: `open`, `invitation` (of an operator) or `off`.',
    { otherwise: '`off`; on a developer’s machine `open`' },
  ),
  DNS_SERVERS: text('Servers that proofs of domains are looked up at, such as `9.9.9.9` or `[::1]:5353`.', {
    otherwise: 'those of the machine',
  }),
  OUTGOING_PRIVATE_NETWORKS: text(
    'Private networks that webhooks and other requests to addresses of tenants may reach, also over http.',
  ),
  KEEP_ALIVE_S: integer(
    75,
    [1, 3600],
    's',
    'Lifetime of an idle HTTP/1.1 connection. Set it above that of the balancer in front.',
  ),
  MAX_CONNECTIONS_PER_ADDRESS: integer(
    100,
    [1, 1_000_000],
    'connections',
    'Connections of one address to one process.',
  ),
  HASH_MEMORY_KIB: integer(
    defaultProfile.memoryKiB,
    [8, 4_194_304],
    'KiB',
    `Memory of one argon2id hash; a multiple of 2048 fills huge pages, where the kernel has them. Production rejects less than ${floorProfile.memoryKiB}.`,
  ),
  HASH_PASSES: integer(defaultProfile.passes, [1, 100], 'passes', 'Passes of one argon2id hash.'),
  MANAM_PEPPER: secret('At least 16 random bytes in Base64, a secret input of every password hash.'),
  BREACH_CHECK_URL: text(
    'A range service in the form of Have I Been Pwned, such as `https://api.pwnedpasswords.com/range/`. It receives five characters of a SHA-1 digest. If it does not respond within 1.5 s the password is accepted with a line in the log.',
    { otherwise: 'new passwords are not looked up' },
  ),
  RESPONSE_FLOOR_MS: integer(
    250,
    [0, 5000],
    'ms',
    'The least time of responses that must not disclose the state of an account.',
  ),
  LIMIT_GUESSES_PER_NETWORK: limit(
    20,
    'attempts',
    'Failed attempts of one network (IPv4 address, IPv6 /64) at one tenant in 10 minutes.',
    200,
  ),
  LIMIT_GUESSES_PER_TENANT: limit(
    5000,
    'attempts',
    'Failed attempts of all networks at one tenant in 10 minutes.',
  ),
  LIMIT_FREE_PER_NETWORK: limit(
    10,
    'calls',
    'Calls of one network in 10 minutes that need no proof of work, where a tenant has `proofOfWork` `adaptive`.',
  ),
  LIMIT_FREE_PER_TENANT: limit(1000, 'calls', 'The same of all networks at one tenant.'),
  PROOF_OF_WORK_COST: integer(
    100_000,
    [1000, 10_000_000],
    'hashes',
    'The most hashes that a proof of work takes, half of them on average.',
  ),
  LIMIT_MESSAGES_PER_NETWORK: limit(
    100,
    'calls',
    'Calls of one network that send messages, at one tenant in an hour.',
    1000,
  ),
  LIMIT_MESSAGES_PER_TENANT: limit(
    10_000,
    'calls',
    'Calls of all networks that send messages, at one tenant in an hour.',
  ),
  LIMIT_EMAILS_PER_RECIPIENT: limit(
    3,
    'e-mails',
    'E-mails of one kind to one address in an hour, known or not.',
  ),
  LIMIT_SMS_PER_RECIPIENT: limit(5, 'SMS', 'SMS to one number in an hour, known or not.', 50),
  LIMIT_SMS_PER_RECIPIENT_DAY: limit(10, 'SMS', 'SMS to one number in a day, known or not.', 100),
  LIMIT_SMS_PER_PREFIX: limit(
    20,
    'SMS',
    'SMS in an hour to all numbers that differ in their last four digits alone.',
    200,
  ),
  LIMIT_SMS_PER_NETWORK: limit(20, 'SMS', 'SMS in an hour that one network requests.', 200),
  SMS_RESEND_DELAY_S: integer(
    60,
    [0, 3600],
    's',
    'Wait before the second SMS to a number; it doubles up to 32 minutes. 0: none.',
    { development: 0 },
  ),
  LIMIT_LOGIN_STARTS_PER_NETWORK: limit(
    300,
    'sign-ins',
    'Sign-ins with identity providers or Manam that one network begins at a tenant in 10 minutes; their way back counts as well. As many logout tokens that prove nothing.',
  ),
  SMTP_URL: secret('The mail server: `smtp://user:password@host:587` or `smtps://…:465`.', {
    otherwise: 'e-mails are captured',
    required: true,
  }),
  SMTP_REQUIRE_TLS: flag(true, 'Reject a mail server without STARTTLS.', { development: false }),
  DKIM_DOMAIN: text('The domain that signs e-mails.'),
  DKIM_SELECTOR: text('The selector of the DKIM key.'),
  DKIM_KEY_FILE: text('The DKIM key, a PEM file.'),
  SMS_PROVIDER: text('The gateway for SMS: `webhook`, `twilio` or `kavenegar`.', { otherwise: '`webhook`' }),
  SMS_URL: text('The webhook, or where the API of the provider is mounted.', {
    otherwise: 'SMS are captured; in production calls that need one fail with CHANNEL_UNAVAILABLE',
  }),
  SMS_ACCOUNT: text('The account at the provider.'),
  SMS_SECRET: secret('The signing secret of the webhook (`whsec_…`), or the token of the provider.'),
  SMS_FROM: text('The sender of SMS, a number or name.'),
  GOOGLE_CLIENT_ID: text('The client id of the deployment at Google.', {
    otherwise: 'in development a client that Google does not know',
  }),
  GOOGLE_CLIENT_SECRET: secret('The client secret of the deployment at Google.'),
  PROVIDER_EMULATOR_URL: text('A stand-in for all identity providers. Production rejects it.'),
  GOOGLE_EMULATOR_URL: text('A stand-in for Google. Production rejects it.'),
  GRPC_REFLECTION: flag(false, 'Serve gRPC server reflection.', { development: true }),
  STREAMS_PER_INSTANCE: limit(1000, 'streams', 'Open streams of events of back ends, in one process.'),
  STREAMS_PER_TENANT: limit(100, 'streams', 'The same of one tenant.'),
  STREAMS_PER_KEY: limit(10, 'streams', 'The same of one secret key.'),
  SESSION_STREAMS_PER_INSTANCE: limit(5000, 'streams', 'Open streams of sessions of users, in one process.'),
  SESSION_STREAMS_PER_TENANT: limit(2000, 'streams', 'The same of one tenant.'),
  RETENTION_AUDIT_DAYS: days(400, 'Retention of events.'),
  RETENTION_SESSION_DAYS: days(30, 'Retention of sessions after their end.'),
  RETENTION_MESSAGE_DAYS: days(30, 'Retention of ended messages; their text is wiped earlier.'),
  RETENTION_UNCONFIRMED_DAYS: days(7, 'Retention of unconfirmed accounts.', 2),
  RETENTION_INTERVAL_MINUTES: integer(
    10,
    [0, 10_080],
    'minutes',
    'Interval of the deletion of expired rows; 0: never.',
  ),
  REST_PREFIXES: text('Where the REST routes are mounted.', { default: '/,/manam' }),
  LOG_LEVEL: text('`fatal`, `error`, `warn`, `info`, `debug` or `silent`. Logs are JSON on standard error.', {
    default: 'info',
  }),
} as const satisfies Readonly<Record<string, ConfigKey>>;

export type ConfigKeyName = keyof typeof configKeys;

/** The names of the keys of one kind. */
export type KeyOf<Kind extends ConfigKey['kind']> = {
  [Name in ConfigKeyName]: (typeof configKeys)[Name]['kind'] extends Kind ? Name : never;
}[ConfigKeyName];

/** The default of a key in words; empty: none. */
export function defaultInWords(key: ConfigKey): string {
  if (key.kind === 'text') return key.default === undefined ? (key.otherwise ?? '') : `\`${key.default}\``;
  const development = key.development === undefined ? '' : `; \`${key.development}\` in development`;
  return `\`${key.default}\`${development}`;
}

/** The table of the README. */
export function configTable(): string {
  const rows = Object.entries<ConfigKey>(configKeys).map(([name, key]) => {
    const unit = key.kind === 'integer' ? key.unit : '';
    const required = key.required === true ? ' Required in production.' : '';
    return `| \`${name}\` | ${defaultInWords(key)} | ${unit} | ${key.meaning}${required} |`;
  });
  return ['| key | default | unit | meaning |', '|---|---|---|---|', ...rows].join('\n');
}
