import { existsSync, readFileSync } from 'node:fs';
import type { ConfigReader } from './reader.ts';

/** How e-mails are sent. */
export type SmtpConfig = {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte (smtps); otherwise STARTTLS. */
  readonly secure: boolean;
  /** Whether a server that offers no STARTTLS is refused. */
  readonly requireTls: boolean;
  readonly auth: { readonly user: string; readonly pass: string } | undefined;
  readonly dkim:
    | { readonly domain: string; readonly selector: string; readonly privateKey: string }
    | undefined;
};

export const smsProviders = ['webhook', 'twilio', 'kavenegar'] as const;

/** How SMS are sent. */
export type SmsConfig = {
  readonly provider: (typeof smsProviders)[number];
  /** The webhook, or where the provider's API is mounted. */
  readonly url: string;
  /** The account at the provider; empty for the others. */
  readonly account: string;
  /** The signing secret of the webhook, or the provider's token or key. */
  readonly secret: string;
  /** The number or name that SMS come from; empty: the gateway chooses. */
  readonly from: string;
};

const providerUrls = {
  webhook: undefined,
  twilio: 'https://api.twilio.com',
  kavenegar: 'https://api.kavenegar.com',
} as const satisfies Record<SmsConfig['provider'], string | undefined>;

/** `smtp://user:password@host:587` (STARTTLS) or `smtps://user:password@host:465`. */
export function parseSmtp(reader: ConfigReader): SmtpConfig | undefined {
  const { text, flag, mistakes } = reader;
  const value = text('SMTP_URL');
  const dkim = parseDkim(reader);
  const requireTls = flag('SMTP_REQUIRE_TLS');
  if (value === undefined) return undefined;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const auth = url && authOf(url);
  if (
    url === undefined ||
    auth === 'unreadable' ||
    !['smtp:', 'smtps:'].includes(url.protocol) ||
    url.hostname === ''
  ) {
    mistakes.push('SMTP_URL must be smtp://user:password@host:587 or smtps://user:password@host:465');
    return undefined;
  }
  const secure = url.protocol === 'smtps:';
  return {
    host: url.hostname,
    port: url.port === '' ? (secure ? 465 : 587) : Number(url.port),
    secure,
    requireTls,
    auth,
    dkim,
  };
}

/** User and password of a URL, which may hold any character, percent-encoded. */
function authOf({ username, password }: URL): SmtpConfig['auth'] | 'unreadable' {
  if (username === '') return undefined;
  try {
    return { user: decodeURIComponent(username), pass: decodeURIComponent(password) };
  } catch {
    return 'unreadable';
  }
}

function parseDkim({ text, mistakes }: ConfigReader): SmtpConfig['dkim'] {
  const [domain, selector, file] = [text('DKIM_DOMAIN'), text('DKIM_SELECTOR'), text('DKIM_KEY_FILE')];
  if (domain === undefined && selector === undefined && file === undefined) return undefined;
  if (domain === undefined || selector === undefined || file === undefined) {
    mistakes.push('DKIM_DOMAIN, DKIM_SELECTOR and DKIM_KEY_FILE go together');
    return undefined;
  }
  if (!existsSync(file)) {
    mistakes.push('DKIM_KEY_FILE must be a file with a private key in PEM');
    return undefined;
  }
  return { domain, selector, privateKey: readFileSync(file, 'utf8') };
}

/** The gateway for SMS. */
export function parseSms({ text, mistakes }: ConfigReader): SmsConfig | undefined {
  const provider = smsProviders.find((name) => name === (text('SMS_PROVIDER') ?? 'webhook'));
  if (provider === undefined) {
    mistakes.push(`SMS_PROVIDER must be one of ${smsProviders.join(', ')}`);
    return undefined;
  }
  const standard = providerUrls[provider];
  // Unconfigured channels are off: not every deployment sends SMS.
  const url = text('SMS_URL') ?? (text('SMS_PROVIDER') === undefined ? undefined : standard);
  if (url === undefined) return undefined;
  if (!isSafeUrl(url)) {
    mistakes.push('SMS_URL must be a URL with https, or with http on this machine');
    return undefined;
  }
  const [account, secret, from] = [
    text('SMS_ACCOUNT') ?? '',
    text('SMS_SECRET') ?? '',
    text('SMS_FROM') ?? '',
  ];
  if (provider === 'webhook' && !isWebhookSecret(secret))
    mistakes.push(
      'SMS_SECRET must be whsec_ and 24 to 64 random bytes in Base64: it signs what the webhook gets',
    );
  if (provider === 'twilio' && (account === '' || secret === '' || from === ''))
    mistakes.push('SMS_PROVIDER=twilio needs SMS_ACCOUNT, SMS_SECRET and SMS_FROM');
  if (provider === 'kavenegar' && secret === '')
    mistakes.push('SMS_PROVIDER=kavenegar needs SMS_SECRET, its API key');
  return { provider, url, account, secret, from };
}

/** Whether what is sent there goes encrypted, or does not leave this machine. */
function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  return protocol === 'https:' || (protocol === 'http:' && isLocal);
}

function isWebhookSecret(secret: string): boolean {
  const bytes = Buffer.from(secret.replace(/^whsec_/, ''), 'base64').length;
  return secret.startsWith('whsec_') && bytes >= 24 && bytes <= 64;
}
