import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ConfigError, parseConfig } from '../src/config/config.ts';
import { floorProfile } from '../src/domain/password.ts';

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

function mistakesOf(env: Record<string, string>): string[] {
  try {
    parseConfig(env, { production: false });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
}

test('the hash that no one has configured is one that production allows, and fills its huge pages', () => {
  const { hash } = parseConfig({}, { production: false });
  expect(hash.passes).toBe(floorProfile.passes);
  expect(hash.memoryKiB).toBeGreaterThanOrEqual(floorProfile.memoryKiB);
  expect(hash.memoryKiB % 2048).toBe(0);
});

test('a mail server is named by one URL, with TLS demanded in production', () => {
  const { smtp } = parseConfig({ SMTP_URL: 'smtp://me%40x:p%3Ass@mail.example.com' }, { production: false });
  expect(smtp).toEqual({
    host: 'mail.example.com',
    port: 587,
    secure: false,
    requireTls: false,
    auth: { user: 'me@x', pass: 'p:ss' },
    dkim: undefined,
  });
  expect(parseConfig({ SMTP_URL: 'smtps://mail.example.com' }, { production: false }).smtp).toMatchObject({
    port: 465,
    secure: true,
    auth: undefined,
  });
});

test('a gateway for SMS is one of three, each with what it needs', () => {
  const sms = (env: Record<string, string>) => parseConfig(env, { production: false }).sms;
  expect(sms({})).toBeUndefined();
  expect(sms({ SMS_URL: 'https://x.example/sms', SMS_SECRET: secret })).toMatchObject({
    provider: 'webhook',
  });
  expect(sms({ SMS_PROVIDER: 'kavenegar', SMS_SECRET: 'key' })).toMatchObject({
    url: 'https://api.kavenegar.com',
  });
  const twilio = { SMS_PROVIDER: 'twilio', SMS_ACCOUNT: 'AC1', SMS_SECRET: 't', SMS_FROM: '+1555' };
  expect(sms(twilio)).toMatchObject({ url: 'https://api.twilio.com', account: 'AC1' });
});

const bad: [what: string, env: Record<string, string>, mistake: string][] = [
  [
    'a mail server without a scheme',
    { SMTP_URL: 'mail.example.com' },
    'SMTP_URL must be smtp://user:password@host:587 or smtps://user:password@host:465',
  ],
  ['half a DKIM key', { DKIM_DOMAIN: 'x.com' }, 'DKIM_DOMAIN, DKIM_SELECTOR and DKIM_KEY_FILE go together'],
  [
    'a DKIM key that is not there',
    { DKIM_DOMAIN: 'x.com', DKIM_SELECTOR: 's', DKIM_KEY_FILE: '/nowhere' },
    'DKIM_KEY_FILE must be a file with a private key in PEM',
  ],
  [
    'an unknown provider',
    { SMS_PROVIDER: 'pigeon' },
    'SMS_PROVIDER must be one of webhook, twilio, kavenegar',
  ],
  [
    'an unsigned webhook',
    { SMS_URL: 'https://x.example/sms' },
    'SMS_SECRET must be whsec_ and 24 to 64 random bytes in Base64: it signs what the webhook gets',
  ],
  [
    'a webhook that is no URL',
    { SMS_URL: 'x.example', SMS_SECRET: secret },
    'SMS_URL must be a URL with https, or with http on this machine',
  ],
  [
    'Twilio without its token',
    { SMS_PROVIDER: 'twilio', SMS_ACCOUNT: 'AC1' },
    'SMS_PROVIDER=twilio needs SMS_ACCOUNT, SMS_SECRET and SMS_FROM',
  ],
  [
    'Kavenegar without its key',
    { SMS_PROVIDER: 'kavenegar' },
    'SMS_PROVIDER=kavenegar needs SMS_SECRET, its API key',
  ],
  ['a port that is none', { ADMIN_PORT: '99999' }, 'ADMIN_PORT must be a whole number from 0 to 65535'],
  [
    'a next master key that is a placeholder',
    { MANAM_NEXT_MASTER_KEY: Buffer.alloc(32).toString('base64') },
    'MANAM_NEXT_MASTER_KEY must be 32 random bytes in Base64: openssl rand -base64 32',
  ],
];
for (const [what, env, mistake] of bad) {
  test(`${what} is reported as a mistake`, () => {
    expect(mistakesOf(env)).toEqual([mistake]);
  });
}

test('a service that listens everywhere is reached by a name', () => {
  expect(parseConfig({ HOST: '0.0.0.0' }, { production: false }).issuer).toBe('http://localhost:8080');
});

test('a secret may stand in a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'manam-config-'));
  const file = join(folder, 'key');
  const key = randomBytes(32).toString('base64');
  writeFileSync(file, `${key}\n`);
  const read = (env: Record<string, string>) => parseConfig(env, { production: false });
  expect(read({ MANAM_MASTER_KEY_FILE: file })).toEqual(read({ MANAM_MASTER_KEY: key }));
  expect(read({ MANAM_MASTER_KEY_FILE: file })).not.toEqual(read({}));
  expect(mistakesOf({ MANAM_MASTER_KEY_FILE: join(folder, 'nothing') })).not.toEqual([]);
  // What is no secret has no such name.
  expect(mistakesOf({ PORT_FILE: file })).toEqual([]);
  expect(read({ PORT_FILE: file }).port).toBe(read({}).port);
  rmSync(folder, { recursive: true });
});
