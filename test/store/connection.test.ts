import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DomainError } from '../../src/domain/errors.ts';
import { connectionOptions } from '../../src/store/connection-options.ts';
import { openDatabase } from '../../src/store/database.ts';
import { type EmbeddedServer, startEmbeddedServer } from '../../src/store/embedded/server.ts';
import { listMigrations } from '../../src/store/migrate.ts';
import { freePort } from '../support/federation.ts';

// Connections over TCP: TLS, and passwords with the default plugin of the engine.

const folder = mkdtempSync(join(tmpdir(), 'manam-tls-'));
const [ca, otherCa] = [join(folder, 'local.pem'), join(folder, 'other.pem')];
let server: EmbeddedServer;
let other: EmbeddedServer;
let [port, otherPort] = [0, 0];

async function start(name: string, commonName: string, at: number): Promise<EmbeddedServer> {
  const own = await generate([{ name: 'commonName', value: commonName }]);
  const [cert, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  writeFileSync(cert, own.cert);
  writeFileSync(key, own.private);
  const started = await startEmbeddedServer({
    folder: join(folder, name),
    volatile: true,
    program: process.env['DATABASE_SERVER'],
    serverOptions: [
      '--skip-networking=OFF',
      '--bind-address=127.0.0.1',
      `--port=${at}`,
      `--ssl-ca=${cert}`,
      `--ssl-cert=${cert}`,
      `--ssl-key=${key}`,
    ],
  });
  const { close, query } = openDatabase({ url: started.urlOf('') });
  await query('CREATE DATABASE manam');
  for (const [user, requirement] of [
    ['plain', 'NONE'],
    ['encrypted', 'SSL'],
    ['certified', 'X509'],
  ]) {
    await query(`CREATE USER ${user}@'%' IDENTIFIED BY 'a secret' REQUIRE ${requirement}`);
    await query(`GRANT ALL ON manam.* TO ${user}@'%'`);
  }
  await close();
  return started;
}

beforeAll(async () => {
  [port, otherPort] = [await freePort(), await freePort()];
  server = await start('local', 'localhost', port);
  other = await start('other', 'db.internal', otherPort);
});
afterAll(async () => {
  await server?.stop();
  await other?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const urlOf = (user: string, options = '', host = '127.0.0.1', database = 'manam') =>
  `mysql://${user}:a%20secret@${host}:${port}/${database}${options}`;

async function cipherOver(url: string): Promise<string> {
  const { query, close } = openDatabase({ url });
  try {
    const [row] = await query("SHOW STATUS LIKE 'Ssl_cipher'");
    return String(row?.['Value']);
  } finally {
    await close();
  }
}

test('the private database keeps temporary tables in its own folder, where no other server deletes them', async () => {
  const { close, query } = openDatabase({ url: server.urlOf('') });
  const [row] = await query('SELECT @@tmpdir AS folder');
  await close();
  expect(String(row?.['folder'])).toBe(join(folder, 'local', 'tmp'));
});

test('connects without TLS by default, and with TLS at every ssl-mode', async () => {
  expect(await cipherOver(urlOf('plain'))).toBe('');
  // Again: caching_sha2_password now has the password in its cache.
  expect(await cipherOver(urlOf('plain'))).toBe('');
  for (const mode of ['REQUIRED', `VERIFY_CA&ssl-ca=${ca}`])
    expect(await cipherOver(urlOf('encrypted', `?ssl-mode=${mode}`)), mode).toMatch(/^TLS_|GCM|CHACHA/);
  const verified = urlOf('encrypted', `?ssl-mode=VERIFY_IDENTITY&ssl-ca=${ca}`, 'localhost');
  expect(await cipherOver(verified)).toMatch(/^TLS_|GCM|CHACHA/);
});

/** The options of a client's certificate: that of a server, which its own server takes for one of its CA. */
const certified = (name: string) => {
  const [cert, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  return `?ssl-mode=VERIFY_CA&ssl-ca=${ca}&ssl-cert=${cert}&ssl-key=${key}`;
};

test('shows its certificate to a server that asks for one', async () => {
  expect(await cipherOver(urlOf('certified', certified('local')))).toMatch(/^TLS_|GCM|CHACHA/);
});

const untrusted = 'its certificate is not trusted (ssl-ca), or is that of another host';

test.each([
  [
    'a wrong password',
    () => urlOf('plain').replace('a%20secret', 'wrong'),
    'it rejects the user or the password',
  ],
  ['no TLS for a user who needs it', () => urlOf('encrypted'), 'it rejects the user or the password'],
  [
    'no certificate of a user who needs one',
    () => urlOf('certified', `?ssl-mode=VERIFY_CA&ssl-ca=${ca}`),
    'it rejects the user or the password',
  ],
  [
    'a client’s certificate of another CA',
    () => urlOf('certified', certified('other')),
    'it rejects the certificate of the client (ssl-cert)',
  ],
  [
    'a database that does not exist',
    () => urlOf('plain', '', undefined, 'none'),
    'the user may not use the database',
  ],
  ['a certificate of another CA', () => urlOf('plain', `?ssl-mode=VERIFY_CA&ssl-ca=${otherCa}`), untrusted],
  [
    'a certificate of another host',
    () =>
      urlOf('plain', `?ssl-mode=VERIFY_IDENTITY&ssl-ca=${otherCa}`, 'localhost').replace(
        `${port}`,
        `${otherPort}`,
      ),
    untrusted,
  ],
])('says why the server admits no connection: %s', async (_, url, why) => {
  const failed = await listMigrations(url()).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(DomainError);
  const { reason, details } = failed as DomainError;
  expect([reason, (details.cause as Error).message]).toEqual(['UNAVAILABLE', `database unavailable: ${why}`]);
});

test.each([
  ['?ssl-mode=PREFERRED', 'DATABASE_URL: ssl-mode must be DISABLED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY'],
  ['?ssl-mode=VERIFY_IDENTITY', 'DATABASE_URL: VERIFY_IDENTITY needs the name of the host, not its address'],
  ['?ssl-ca=/ca.pem', 'DATABASE_URL: ssl-ca needs an ssl-mode'],
  ['?ssl-mode=REQUIRED&ssl-cert=/cert.pem', 'DATABASE_URL: ssl-cert and ssl-key come together'],
  ['?ssl-mode=VERIFY_CA&ssl-ca=/none.pem', 'DATABASE_URL: ssl-ca cannot be read: /none.pem'],
])('rejects wrong options of TLS: %s', (options, message) => {
  expect(() => connectionOptions(urlOf('plain', options))).toThrowError(message);
});
