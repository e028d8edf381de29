import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { ConnectionOptions, SslOptions } from 'mysql2';

/** The modes of TLS, by the names of MySQL's clients. Only VERIFY_IDENTITY proves which server it is. */
const sslModes = ['DISABLED', 'REQUIRED', 'VERIFY_CA', 'VERIFY_IDENTITY'] as const;
const sslParameters = ['ssl-mode', 'ssl-ca', 'ssl-cert', 'ssl-key'] as const;

type SslParameter = (typeof sslParameters)[number];

/**
 * The driver's options for a database URL. Beside those of mysql2, the URL takes MySQL's options for
 * TLS: `ssl-mode` (default: DISABLED), and the PEM files `ssl-ca` (default: the CAs of Node), `ssl-cert`
 * and `ssl-key`. Throws an Error that names a wrong parameter.
 */
export function connectionOptions(url: string): ConnectionOptions {
  const parsed = new URL(url);
  const given: Partial<Record<SslParameter, string>> = {};
  for (const name of sslParameters) {
    const value = parsed.searchParams.get(name);
    if (value !== null) given[name] = value;
    parsed.searchParams.delete(name);
  }
  const ssl = sslOptions(given, parsed.hostname);
  return {
    uri: parsed.href,
    timezone: 'Z',
    charset: 'utf8mb4_bin',
    ...(ssl === undefined ? {} : { ssl }),
  };
}

function sslOptions(given: Partial<Record<SslParameter, string>>, host: string): SslOptions | undefined {
  const mode = given['ssl-mode'] ?? 'DISABLED';
  if (!sslModes.some((known) => known === mode))
    throw new Error(`DATABASE_URL: ssl-mode must be ${sslModes.join(', ')}`);
  const needless = sslParameters.find((name) => name !== 'ssl-mode' && given[name] !== undefined);
  if (mode === 'DISABLED') {
    if (needless !== undefined) throw new Error(`DATABASE_URL: ${needless} needs an ssl-mode`);
    return undefined;
  }
  // Without a name the driver would compare the certificate with `localhost`.
  if (mode === 'VERIFY_IDENTITY' && isIP(host.replace(/^\[|\]$/g, '')) !== 0)
    throw new Error('DATABASE_URL: VERIFY_IDENTITY needs the name of the host, not its address');
  if ((given['ssl-cert'] === undefined) !== (given['ssl-key'] === undefined))
    throw new Error('DATABASE_URL: ssl-cert and ssl-key come together');
  return {
    ...readPem('ca', given['ssl-ca']),
    ...readPem('cert', given['ssl-cert']),
    ...readPem('key', given['ssl-key']),
    minVersion: 'TLSv1.2',
    rejectUnauthorized: mode !== 'REQUIRED',
    verifyIdentity: mode === 'VERIFY_IDENTITY',
  };
}

function readPem(name: 'ca' | 'cert' | 'key', path: string | undefined): SslOptions {
  if (path === undefined) return {};
  try {
    return { [name]: readFileSync(path, 'utf8') };
  } catch {
    throw new Error(`DATABASE_URL: ssl-${name} cannot be read: ${path}`);
  }
}
