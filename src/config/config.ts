import { type Network, parseNetworks } from '../domain/network.ts';
import { floorProfile, type HashProfile } from '../domain/password.ts';
import type { Limits } from '../flows/limits.ts';
import type { Retention } from '../flows/retention/purge.ts';
import { type ConfigReader, parseSms, parseSmtp, type SmsConfig, type SmtpConfig } from './delivery.ts';

/** Everything that can be set from outside, read once from the environment. */
export type Config = {
  readonly production: boolean;
  readonly host: string;
  readonly port: number;
  /** The `iss` of tokens, and the origin of the hosted pages. */
  readonly issuer: string;
  /** Whether nobody has said so: then it is this machine, which is no place for a tenant's pages. */
  readonly isIssuerAssumed: boolean;
  /** In how many processes the service runs behind its port. */
  readonly workers: number;
  /** Undefined: the private database in `dataFolder`. */
  readonly databaseUrl: string | undefined;
  readonly databaseConnections: number;
  /** The folder of the private database and of the development keys. */
  readonly dataFolder: string;
  /** 32 bytes that seal the keys in the database. Undefined in development: made and kept in `dataFolder`. */
  readonly masterKey: Buffer | undefined;
  /** What a rotation of the master key seals with; undefined while none is under way. */
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
  readonly maxConnectionsPerAddress: number;
  /** How long an idle connection is kept, in milliseconds. */
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
  /** How long what has ended is kept, and how often it is looked for; 0: never. */
  readonly retention: Retention & { readonly intervalMinutes: number };
  /** The deployment's client at Google; undefined: tenants have their own, or none. In development there is always one. */
  readonly google: { readonly clientId: string; readonly clientSecret: string } | undefined;
  /** What stands in for Google on a developer's machine; undefined: Google itself. */
  readonly googleEmulatorUrl: string | undefined;
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

type Environment = Readonly<Record<string, string | undefined>>;

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'silent'];

/** Reads the configuration; all that is wrong with it is told at once. */
export function parseConfig(env: Environment, args: { readonly production: boolean }): Config {
  const mistakes: string[] = [];
  const production = args.production || env['NODE_ENV'] === 'production';

  const text = (name: string) => {
    const value = env[name]?.trim();
    return value === '' ? undefined : value;
  };
  const needed = (name: string) => {
    const value = text(name);
    if (value === undefined && production) mistakes.push(`${name} is required in production`);
    return value;
  };
  const integer = (name: string, fallback: number, least: number, most: number) => {
    const value = Number(text(name) ?? fallback);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    mistakes.push(`${name} must be a whole number from ${least} to ${most}`);
    return fallback;
  };

  const flag = (name: string, fallback: boolean) => {
    const value = text(name) ?? String(fallback);
    if (value !== 'true' && value !== 'false') mistakes.push(`${name} must be true or false`);
    return value === 'true';
  };

  const host = text('HOST') ?? '127.0.0.1';
  const port = integer('PORT', 8080, 0, 65_535);
  const databaseUrl = needed('DATABASE_URL');
  if (databaseUrl !== undefined && !/^mysql:\/\/./.test(databaseUrl))
    mistakes.push('DATABASE_URL must begin with mysql://');

  const issuer = needed('MANAM_ISSUER') ?? `http://${browsableHost(host)}:${port}`;
  if (!URL.canParse(issuer) || (production && new URL(issuer).protocol !== 'https:')) {
    mistakes.push('MANAM_ISSUER must be a URL, in production with https');
  }
  const masterKey = parseMasterKey('MANAM_MASTER_KEY', needed('MANAM_MASTER_KEY'), mistakes);
  const nextMasterKey = parseMasterKey('MANAM_NEXT_MASTER_KEY', text('MANAM_NEXT_MASTER_KEY'), mistakes);
  /** A further address to listen on; `off` and nothing mean none. */
  const listenerOf = (name: string, fallback: string | undefined) => {
    const wanted = text(`${name}_PORT`) ?? fallback;
    if (wanted === undefined || wanted === 'off') return undefined;
    return {
      host: text(`${name}_HOST`) ?? '127.0.0.1',
      port: integer(`${name}_PORT`, Number(fallback), 0, 65_535),
    };
  };
  const reader = { text, needed, mistakes };

  const [certFile, keyFile] = [text('TLS_CERT_FILE'), text('TLS_KEY_FILE')];
  if ((certFile === undefined) !== (keyFile === undefined))
    mistakes.push('TLS_CERT_FILE and TLS_KEY_FILE go together');

  const hash = {
    memoryKiB: integer('HASH_MEMORY_KIB', floorProfile.memoryKiB, 8, 4_194_304),
    passes: integer('HASH_PASSES', floorProfile.passes, 1, 100),
  };
  if (production && !isStrongEnough(hash)) {
    mistakes.push(
      `HASH_MEMORY_KIB and HASH_PASSES must be at least ${floorProfile.memoryKiB} and ${floorProfile.passes}, or 47104 and 1, in production`,
    );
  }

  const logLevel = text('LOG_LEVEL') ?? 'info';
  if (!logLevels.includes(logLevel)) mistakes.push(`LOG_LEVEL must be one of ${logLevels.join(', ')}`);

  const config: Config = {
    production,
    host,
    port,
    issuer,
    workers: integer('WORKERS', 1, 1, 256),
    isIssuerAssumed: text('MANAM_ISSUER') === undefined,
    databaseUrl,
    databaseConnections: integer('DATABASE_CONNECTIONS', 20, 1, 1000),
    dataFolder: text('MANAM_DATA') ?? '.manam',
    masterKey,
    nextMasterKey,
    migrateAtStart: flag('MIGRATE_AT_START', true),
    admin: listenerOf('ADMIN', undefined),
    tls: certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile },
    hash,
    pepper: parsePepper(text('MANAM_PEPPER'), mistakes),
    breachCheckUrl: parseBreachCheckUrl(text('BREACH_CHECK_URL'), mistakes),
    proxies: parseProxies(text('TRUSTED_PROXIES'), mistakes),
    keepAliveMs: 1000 * integer('KEEP_ALIVE_S', 75, 1, 3600),
    maxConnectionsPerAddress: integer('MAX_CONNECTIONS_PER_ADDRESS', 100, 1, 1_000_000),
    responseFloorMs: integer('RESPONSE_FLOOR_MS', 250, 0, 5000),
    limits: parseLimits(integer, production),
    google: parseGoogle(reader) ?? (production ? undefined : developmentGoogle),
    googleEmulatorUrl: parseGoogleEmulator(reader, production),
    smtp: parseSmtp(reader, production),
    sms: parseSms(reader),
    reflection: flag('GRPC_REFLECTION', !production),
    tracing: isTracing(text),
    metrics: listenerOf('METRICS', '9464'),
    isMetricsPortAssumed: !production && text('METRICS_PORT') === undefined,
    retention: {
      auditDays: integer('RETENTION_AUDIT_DAYS', 400, 1, 36_500),
      sessionDays: integer('RETENTION_SESSION_DAYS', 30, 1, 36_500),
      messageDays: integer('RETENTION_MESSAGE_DAYS', 30, 1, 36_500),
      unprovedDays: integer('RETENTION_UNCONFIRMED_DAYS', 7, 2, 36_500),
      intervalMinutes: integer('RETENTION_INTERVAL_MINUTES', 10, 0, 10_080),
    },
    logLevel,
    restPrefixes: parsePrefixes(text('REST_PREFIXES') ?? '/,/manam', mistakes),
  };
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return config;
}

/** Whether one of OpenTelemetry's standard variables says where traces go. */
function isTracing(text: ConfigReader['text']): boolean {
  const exporter = text('OTEL_TRACES_EXPORTER');
  if (text('OTEL_SDK_DISABLED') === 'true' || exporter === 'none') return false;
  const endpoint = text('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ?? text('OTEL_EXPORTER_OTLP_ENDPOINT');
  return exporter !== undefined || endpoint !== undefined;
}

/** R1: 19 MiB with two passes, or 46 MiB with one. */
function isStrongEnough({ memoryKiB, passes }: HashProfile): boolean {
  return (memoryKiB >= floorProfile.memoryKiB && passes >= floorProfile.passes) || memoryKiB >= 47_104;
}

/** A host that links can name: one that listens everywhere is reached as this machine. */
function browsableHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

function parseMasterKey(name: string, value: string | undefined, mistakes: string[]): Buffer | undefined {
  if (value === undefined) return undefined;
  const key = Buffer.from(value, 'base64');
  // Repeated bytes are what a placeholder looks like, not a key.
  if (key.length === 32 && new Set(key).size > 8) return key;
  mistakes.push(`${name} must be 32 random bytes in Base64: openssl rand -base64 32`);
  return undefined;
}

const minuteMs = 60_000;
const hourMs = 3_600_000;
const dayMs = 86_400_000;

/** The limits of networks, tenants and recipients; on a developer's machine all calls come from one network. */
function parseLimits(
  integer: (name: string, fallback: number, least: number, most: number) => number,
  production: boolean,
): Limits {
  const budget = (name: string, key: string, fallback: number, windowMs: number) => ({
    name,
    max: integer(key, fallback, 1, 1_000_000_000),
    windowMs,
  });
  const perNetwork = production ? 1 : 10;
  return {
    guessesPerNetwork: budget('guess.network', 'LIMIT_GUESSES_PER_NETWORK', 20 * perNetwork, 10 * minuteMs),
    guessesPerTenant: budget('guess.tenant', 'LIMIT_GUESSES_PER_TENANT', 5000, 10 * minuteMs),
    messagesPerNetwork: budget('message.network', 'LIMIT_MESSAGES_PER_NETWORK', 100 * perNetwork, hourMs),
    messagesPerTenant: budget('message.tenant', 'LIMIT_MESSAGES_PER_TENANT', 10_000, hourMs),
    emailsPerRecipient: budget('email.recipient', 'LIMIT_EMAILS_PER_RECIPIENT', 3, hourMs),
    // A developer tries the same few numbers over and over, and without a wait.
    smsPerRecipient: budget('sms.recipient', 'LIMIT_SMS_PER_RECIPIENT', 5 * perNetwork, hourMs),
    smsPerRecipientDay: budget('sms.recipient.day', 'LIMIT_SMS_PER_RECIPIENT_DAY', 10 * perNetwork, dayMs),
    smsPerPrefix: budget('sms.prefix', 'LIMIT_SMS_PER_PREFIX', 20 * perNetwork, hourMs),
    smsPerNetwork: budget('sms.network', 'LIMIT_SMS_PER_NETWORK', 20 * perNetwork, hourMs),
    loginStartsPerNetwork: budget('login.start', 'LIMIT_LOGIN_STARTS_PER_NETWORK', 300, 10 * minuteMs),
    smsResendDelayS: integer('SMS_RESEND_DELAY_S', production ? 60 : 0, 0, 3600),
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

function parseGoogleEmulator({ text, mistakes }: ConfigReader, production: boolean): string | undefined {
  const url = text('GOOGLE_EMULATOR_URL');
  if (url !== undefined && production)
    mistakes.push('GOOGLE_EMULATOR_URL is for development: it lets anybody in');
  if (url !== undefined && !URL.canParse(url)) mistakes.push('GOOGLE_EMULATOR_URL must be a URL');
  return url;
}

function parseProxies(value: string | undefined, mistakes: string[]): readonly Network[] {
  try {
    return parseNetworks(
      (value ?? '')
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    );
  } catch {
    mistakes.push('TRUSTED_PROXIES must be a list of addresses and networks, such as 10.0.0.0/8');
    return [];
  }
}
