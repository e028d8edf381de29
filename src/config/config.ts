import { dayMs, hourMs, minuteMs } from '../domain/duration.ts';
import { isNetwork, type Network, parseNetworks } from '../domain/network.ts';
import { floorProfile, type HashProfile } from '../domain/password.ts';
import type { StreamLimits } from '../domain/stream.ts';
import type { Limits } from '../flows/limits.ts';
import { parseSms, parseSmtp, type SmsConfig, type SmtpConfig } from './delivery.ts';
import { type DeveloperSignUp, parseDeveloperSignUp, parseDnsServers } from './developers.ts';
import type { KeyOf } from './keys.ts';
import { type ConfigReader, createReader, type Environment } from './reader.ts';

/** Everything that can be set from outside, read once from the environment. */
export type Config = {
  readonly production: boolean;
  readonly host: string;
  readonly port: number;
  /** The `iss` of tokens, and the origin of the hosted pages. */
  readonly issuer: string;
  /** Whether no one has said so: then it is this machine, which is no place for a tenant's pages. */
  readonly isIssuerAssumed: boolean;
  /** Further origins at which clients reach the service. */
  readonly publicOrigins: readonly string[];
  /** The most hashes that a proof of work takes. */
  readonly workCost: number;
  /** Number of processes behind the port. */
  readonly workers: number;
  /** The program of the private database; undefined: one that is found. */
  readonly databaseServer: string | undefined;
  /** Undefined: the private database in `dataFolder`. */
  readonly databaseUrl: string | undefined;
  readonly databaseConnections: number;
  /** The folder of the private database and of the development keys. */
  readonly dataFolder: string;
  /** 32 bytes that seal the keys in the database. Undefined in development: made and kept in `dataFolder`. */
  readonly masterKey: Buffer | undefined;
  /** The key that a rotation of the master key seals with; undefined while none is under way. */
  readonly nextMasterKey: Buffer | undefined;
  /** Whether a start applies the migrations that the database lacks; otherwise it refuses such a database. */
  readonly migrateAtStart: boolean;
  /** Where the admin service listens; undefined: nowhere. */
  readonly admin: { readonly host: string; readonly port: number } | undefined;
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly hash: HashProfile;
  /** A secret of at least 16 bytes that every password hash is made with; undefined: none. */
  readonly pepper: Buffer | undefined;
  /** A range service in the form of Have I Been Pwned; undefined: passwords are not looked up. */
  readonly breachCheckUrl: string | undefined;
  readonly proxies: readonly Network[];
  /** Networks that are not public, and that requests to addresses of tenants may reach all the same. */
  readonly outgoingNetworks: readonly Network[];
  readonly maxConnectionsPerAddress: number;
  /** Lifetime of an idle connection, in milliseconds. */
  readonly developerSignUp: DeveloperSignUp;
  /** Servers that proofs of domains are looked up at; none: those of the machine. */
  readonly dnsServers: readonly string[];
  readonly keepAliveMs: number;
  readonly responseFloorMs: number;
  readonly limits: Limits;
  readonly logLevel: string;
  /** Where the REST routes are mounted; '' is the root. */
  readonly restPrefixes: readonly string[];
  /** Whether gRPC clients may ask for the contract (R66). */
  readonly reflection: boolean;
  /** Whether traces are exported; OpenTelemetry reads the rest of its variables itself. */
  readonly tracing: boolean;
  /** Where Prometheus finds its figures; undefined: nowhere. */
  readonly metrics: { readonly host: string; readonly port: number } | undefined;
  /** Whether the port of the figures may be chosen freely: in development, when none is configured. */
  readonly isMetricsPortAssumed: boolean;
  /** The most open streams. */
  readonly streams: StreamLimits;
  /** Retention of ended rows, in days. */
  readonly retention: {
    readonly eventDays: number;
    /** Sessions after their end. */
    readonly sessionDays: number;
    /** Messages after their end; their text is wiped before. */
    readonly messageDays: number;
    /** Unconfirmed registrations. */
    readonly unprovedDays: number;
    /** The interval of the deletion; 0: never. */
    readonly intervalMinutes: number;
  };
  /** The deployment's client at Google; undefined: tenants have their own, or none. In development there is always one. */
  readonly google: { readonly clientId: string; readonly clientSecret: string } | undefined;
  /** URL of the Google emulator on a developer's machine; undefined: Google itself. */
  readonly googleEmulatorUrl: string | undefined;
  /** URL of the emulators of all presets on a developer's machine; undefined: the providers themselves. */
  readonly providerEmulatorUrl: string | undefined;
  /** Undefined: e-mails are captured. */
  readonly smtp: SmtpConfig | undefined;
  /** Undefined: SMS are captured. */
  readonly sms: SmsConfig | undefined;
};

/** The configuration has mistakes; the message names all of them. */
export class ConfigError extends Error {
  constructor(mistakes: readonly string[]) {
    super(mistakes.join('\n'));
    this.name = 'ConfigError';
  }
}

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'silent'];

/** A page keeps one stream for all its tabs; a second one replaces one that a lost connection left behind. */
const streamsPerSession = 4;

/** Reads the configuration; throws ConfigError with everything that is wrong with it. */
export function parseConfig(env: Environment, args: { readonly production: boolean }): Config {
  const production = args.production || env['NODE_ENV'] === 'production';
  const reader = createReader(env, production);
  const { text, integer, flag, isSet, mistakes } = reader;

  const host = text('HOST') ?? '';
  const port = integer('PORT');
  const databaseUrl = text('DATABASE_URL');
  if (databaseUrl !== undefined && !/^mysql:\/\/./.test(databaseUrl))
    mistakes.push('DATABASE_URL must begin with mysql://');
  const issuer = text('MANAM_ISSUER') ?? `http://${browsableHost(host)}:${port}`;
  if (!URL.canParse(issuer) || (production && new URL(issuer).protocol !== 'https:'))
    mistakes.push('MANAM_ISSUER must be a URL, in production with https');
  const [certFile, keyFile] = [text('TLS_CERT_FILE'), text('TLS_KEY_FILE')];
  if ((certFile === undefined) !== (keyFile === undefined))
    mistakes.push('TLS_CERT_FILE and TLS_KEY_FILE go together');
  const hash = { memoryKiB: integer('HASH_MEMORY_KIB'), passes: integer('HASH_PASSES') };
  if (production && !isStrongEnough(hash)) {
    mistakes.push(
      `HASH_MEMORY_KIB and HASH_PASSES must be at least ${floorProfile.memoryKiB} and ${floorProfile.passes}, or 47104 and 1, in production`,
    );
  }
  const logLevel = text('LOG_LEVEL') ?? '';
  if (!logLevels.includes(logLevel)) mistakes.push(`LOG_LEVEL must be one of ${logLevels.join(', ')}`);

  const config: Config = {
    production,
    host,
    port,
    issuer,
    isIssuerAssumed: !isSet('MANAM_ISSUER'),
    publicOrigins: parseOrigins(text('PUBLIC_ORIGINS') ?? '', mistakes),
    workers: integer('WORKERS'),
    workCost: integer('PROOF_OF_WORK_COST'),
    databaseUrl,
    databaseConnections: integer('DATABASE_CONNECTIONS'),
    databaseServer: text('DATABASE_SERVER'),
    dataFolder: text('MANAM_DATA') ?? '',
    masterKey: parseMasterKey(reader, 'MANAM_MASTER_KEY'),
    nextMasterKey: parseMasterKey(reader, 'MANAM_NEXT_MASTER_KEY'),
    migrateAtStart: flag('MIGRATE_AT_START'),
    admin: parseListener(reader, 'ADMIN'),
    tls: certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile },
    hash,
    pepper: parsePepper(text('MANAM_PEPPER'), mistakes),
    breachCheckUrl: parseBreachCheckUrl(text('BREACH_CHECK_URL'), mistakes),
    proxies: parseNetworkList(reader, 'TRUSTED_PROXIES'),
    outgoingNetworks: parseNetworkList(reader, 'OUTGOING_PRIVATE_NETWORKS'),
    developerSignUp: parseDeveloperSignUp(reader, production),
    dnsServers: parseDnsServers(reader),
    keepAliveMs: 1000 * integer('KEEP_ALIVE_S'),
    maxConnectionsPerAddress: integer('MAX_CONNECTIONS_PER_ADDRESS'),
    responseFloorMs: integer('RESPONSE_FLOOR_MS'),
    limits: parseLimits(reader),
    google: parseGoogle(reader) ?? (production ? undefined : developmentGoogle),
    googleEmulatorUrl: parseEmulator(reader, 'GOOGLE_EMULATOR_URL', production),
    providerEmulatorUrl: parseEmulator(reader, 'PROVIDER_EMULATOR_URL', production),
    smtp: parseSmtp(reader),
    sms: parseSms(reader),
    reflection: flag('GRPC_REFLECTION'),
    tracing: isTracing(env),
    metrics: parseListener(reader, 'METRICS'),
    isMetricsPortAssumed: !production && !isSet('METRICS_PORT'),
    streams: {
      perInstance: integer('STREAMS_PER_INSTANCE'),
      perTenant: integer('STREAMS_PER_TENANT'),
      perKey: integer('STREAMS_PER_KEY'),
      sessionsPerInstance: integer('SESSION_STREAMS_PER_INSTANCE'),
      sessionsPerTenant: integer('SESSION_STREAMS_PER_TENANT'),
      perSession: streamsPerSession,
    },
    retention: {
      eventDays: integer('RETENTION_AUDIT_DAYS'),
      sessionDays: integer('RETENTION_SESSION_DAYS'),
      messageDays: integer('RETENTION_MESSAGE_DAYS'),
      unprovedDays: integer('RETENTION_UNCONFIRMED_DAYS'),
      intervalMinutes: integer('RETENTION_INTERVAL_MINUTES'),
    },
    logLevel,
    restPrefixes: parsePrefixes(text('REST_PREFIXES') ?? '', mistakes),
  };
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return config;
}

/** A further address to listen on; undefined where its port is `off` or not set. */
function parseListener({ text, mistakes }: ConfigReader, name: 'ADMIN' | 'METRICS') {
  const port = text(`${name}_PORT`);
  if (port === undefined || port === 'off') return undefined;
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    mistakes.push(`${name}_PORT must be a whole number from 0 to 65535`);
  return { host: text(`${name}_HOST`) ?? '', port: Number(port) };
}

/** Whether one of OpenTelemetry's standard variables says where traces go. */
function isTracing(env: Environment): boolean {
  const text = (name: string) => env[name]?.trim() || undefined;
  const exporter = text('OTEL_TRACES_EXPORTER');
  if (text('OTEL_SDK_DISABLED') === 'true' || exporter === 'none') return false;
  const endpoint = text('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ?? text('OTEL_EXPORTER_OTLP_ENDPOINT');
  return exporter !== undefined || endpoint !== undefined;
}

/** R1: 19 MiB with two passes, or 46 MiB with one. */
function isStrongEnough({ memoryKiB, passes }: HashProfile): boolean {
  return (memoryKiB >= floorProfile.memoryKiB && passes >= floorProfile.passes) || memoryKiB >= 47_104;
}

/** A host that links can name. This machine has its name, because no passkey is for an address (WebAuthn, section 5.1.3). */
export function browsableHost(host: string): string {
  if (['127.0.0.1', '::1', '0.0.0.0', '::'].includes(host)) return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

function parseMasterKey(
  { text, mistakes }: ConfigReader,
  name: 'MANAM_MASTER_KEY' | 'MANAM_NEXT_MASTER_KEY',
): Buffer | undefined {
  const value = text(name);
  if (value === undefined) return undefined;
  const key = Buffer.from(value, 'base64');
  // Repeated bytes are what a placeholder looks like, not a key.
  if (key.length === 32 && new Set(key).size > 8) return key;
  mistakes.push(`${name} must be 32 random bytes in Base64: openssl rand -base64 32`);
  return undefined;
}

/** The limits of networks, tenants and recipients. */
function parseLimits({ integer }: ConfigReader): Limits {
  const budget = (name: string, key: KeyOf<'integer'>, windowMs: number) => ({
    name,
    max: integer(key),
    windowMs,
  });
  return {
    attemptsPerNetwork: budget('guess.network', 'LIMIT_GUESSES_PER_NETWORK', 10 * minuteMs),
    attemptsPerTenant: budget('guess.tenant', 'LIMIT_GUESSES_PER_TENANT', 10 * minuteMs),
    freePerNetwork: budget('free.network', 'LIMIT_FREE_PER_NETWORK', 10 * minuteMs),
    freePerTenant: budget('free.tenant', 'LIMIT_FREE_PER_TENANT', 10 * minuteMs),
    messagesPerNetwork: budget('message.network', 'LIMIT_MESSAGES_PER_NETWORK', hourMs),
    messagesPerTenant: budget('message.tenant', 'LIMIT_MESSAGES_PER_TENANT', hourMs),
    emailsPerRecipient: budget('email.recipient', 'LIMIT_EMAILS_PER_RECIPIENT', hourMs),
    smsPerRecipient: budget('sms.recipient', 'LIMIT_SMS_PER_RECIPIENT', hourMs),
    smsPerRecipientDay: budget('sms.recipient.day', 'LIMIT_SMS_PER_RECIPIENT_DAY', dayMs),
    smsPerPrefix: budget('sms.prefix', 'LIMIT_SMS_PER_PREFIX', hourMs),
    smsPerNetwork: budget('sms.network', 'LIMIT_SMS_PER_NETWORK', hourMs),
    loginStartsPerNetwork: budget('login.start', 'LIMIT_LOGIN_STARTS_PER_NETWORK', 10 * minuteMs),
    smsResendDelayS: integer('SMS_RESEND_DELAY_S'),
  };
}

function parsePrefixes(value: string, mistakes: string[]): string[] {
  const prefixes = value.split(',').map((part) => part.trim());
  if (
    !prefixes.every((prefix) => /^(?:\/|(?:\/[\w.~-]+)+)$/.test(prefix)) ||
    new Set(prefixes).size < prefixes.length
  ) {
    mistakes.push('REST_PREFIXES must be a list of different paths, such as /,/manam');
  }
  return prefixes.map((prefix) => (prefix === '/' ? '' : prefix));
}

function parseOrigins(value: string, mistakes: string[]): string[] {
  const origins = listOf(value);
  if (!origins.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin))
    mistakes.push('PUBLIC_ORIGINS must be a list of origins, such as https://id.internal:8443');
  return origins;
}

/** The parts of a list with commas. */
function listOf(value: string): string[] {
  return value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function parsePepper(value: string | undefined, mistakes: string[]): Buffer | undefined {
  if (value === undefined) return undefined;
  const pepper = Buffer.from(value, 'base64');
  if (pepper.length < 16) mistakes.push('MANAM_PEPPER must be at least 16 random bytes in Base64');
  return pepper;
}

function parseBreachCheckUrl(value: string | undefined, mistakes: string[]): string | undefined {
  if (value !== undefined && !(URL.canParse(value) && value.endsWith('/'))) {
    mistakes.push(
      'BREACH_CHECK_URL must be a URL that ends with a slash, such as https://api.pwnedpasswords.com/range/',
    );
  }
  return value;
}

/** A client that Google does not know: in development the way to it is there before a client is. */
const developmentGoogle = { clientId: 'manam-development', clientSecret: 'secret of manam-development' };

function parseGoogle({ text, mistakes }: ConfigReader): Config['google'] {
  const [clientId, clientSecret] = [text('GOOGLE_CLIENT_ID'), text('GOOGLE_CLIENT_SECRET')];
  if ((clientId === undefined) !== (clientSecret === undefined))
    mistakes.push('GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET go together');
  return clientId === undefined || clientSecret === undefined ? undefined : { clientId, clientSecret };
}

/** Whether an emulator stands in for Google or for all providers. */
export function hasEmulator({ googleEmulatorUrl, providerEmulatorUrl }: Config): boolean {
  return googleEmulatorUrl !== undefined || providerEmulatorUrl !== undefined;
}

/** Whether the deployment's client at Google opens anything. */
export function isGoogleUsable(config: Config): boolean {
  if (config.google === undefined) return false;
  return hasEmulator(config) || config.google.clientId !== developmentGoogle.clientId;
}

function parseEmulator(
  { text, mistakes }: ConfigReader,
  name: 'GOOGLE_EMULATOR_URL' | 'PROVIDER_EMULATOR_URL',
  production: boolean,
): string | undefined {
  const url = text(name);
  if (url !== undefined && production) mistakes.push(`${name} is for development: it lets anybody in`);
  if (url !== undefined && !URL.canParse(url)) mistakes.push(`${name} must be a URL`);
  return url;
}

function parseNetworkList(
  { text, mistakes }: ConfigReader,
  name: 'TRUSTED_PROXIES' | 'OUTGOING_PRIVATE_NETWORKS',
): readonly Network[] {
  try {
    const networks = listOf(text(name) ?? '');
    if (!networks.every(isNetwork)) throw new TypeError('no network');
    return parseNetworks(networks);
  } catch {
    mistakes.push(`${name} must be a list of addresses and networks, such as 10.0.0.0/8`);
    return [];
  }
}
