import { generateSync } from 'otplib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { IdentifierType } from '../../gen/manam/v1/user_pb.js';
import { bearer, createManam } from '../../src/clients/connect.ts';
import { freshEmail } from '../support/app.ts';
import { thrownBy } from '../support/errors.ts';
import {
  beginAtGoogle,
  type FederatedApp,
  freshGoogleUser,
  makePkce,
  redirectUri,
  startFederatedApp,
  visit,
} from '../support/federation.ts';
import { freshMobile } from '../support/journey.ts';

// R59: marked secrets go through every flow, and afterwards stand nowhere: not in a log line, not in
// the database, not in the outbox, not in a figure.

let app: FederatedApp;
/** Every secret of the run, by what it is. */
const secrets = new Map<string, string>();
/** Personal data, which the database holds and logs must not. */
const personal = new Set<string>();

function mark(what: string, secret: string | undefined): string {
  if (secret === undefined || secret === '') throw new Error(`${what} did not come`);
  secrets.set(`${what} ${secrets.size}`, secret);
  return secret;
}

beforeAll(async () => {
  const local = { host: '127.0.0.1', port: 0 };
  app = await startFederatedApp({ config: { metrics: local } });
  await runEveryFlow();
}, 120_000);
afterAll(() => app.close());

async function runEveryFlow(): Promise<void> {
  const { test: server } = app;
  const manam = createManam({ url: server.url, key: server.dev.publishable });
  const codeFor = async (to: string) => mark('code', (await server.messagesTo(to))[0]?.code);
  mark('publishable key', server.dev.publishable);
  mark('secret key', server.dev.secret);

  // Registration, confirmation and sign-in, once over REST with secrets in the path and the query.
  const [email, mobile] = [freshEmail(), freshMobile()];
  const number = `+98${mobile.slice(1)}`;
  for (const each of [email, mobile, number, 'Canaria', '1990-07-21']) personal.add(each);
  let password = mark('password', 'canary-orbit-lantern-1');
  await manam.auth.register({ email, password, firstName: 'Canaria', birthday: '1990-07-21' });
  const token = await codeFor(email);
  await fetch(`${server.url}/auth/confirm_email/${token}?cnf=${token}&password=${password}`);
  await manam.auth.confirmEmail({ cnf: token });
  await thrownBy(manam.auth.login({ email, password: mark('wrong password', 'canary-wrong-orbit-2') }));
  const { tokens } = await manam.auth.login({ email, password });
  let access = mark('access token', tokens?.accessToken);
  let refresh = mark('refresh token', tokens?.refreshToken);
  const renewed = await manam.auth.refreshToken({ refreshToken: refresh });
  access = mark('access token', renewed.tokens?.accessToken);
  refresh = mark('refresh token', renewed.tokens?.refreshToken);
  const headers = () => bearer(access);
  await manam.auth.introspectToken({ token: access }, { headers: { apieco_key: server.dev.secret } });

  // Registration by mobile.
  await manam.auth.register({ type: IdentifierType.MOBILE, mobile, password });
  await manam.auth.sendConfirmSms({ mobile });
  await manam.auth.confirmSms({ cnf: await codeFor(number) });

  // Second factors.
  await manam.twoFactor.sendTotpEmailVerification({ email }, { headers: headers() });
  await manam.twoFactor.confirmTotpEmail({ token: await codeFor(email) }, { headers: headers() });
  const { secret } = await manam.twoFactor.setupTotp({}, { headers: headers() });
  mark('TOTP seed', secret);
  const totp = () => generateSync({ secret, epoch: Math.floor(server.now().getTime() / 1000) });
  const enrolled = await manam.twoFactor.confirmTotp({ code: totp() }, { headers: headers() });
  for (const code of enrolled.recoveryCodes) mark('recovery code', code);
  await manam.twoFactor.sendSmsEmailVerification({ email }, { headers: headers() });
  await manam.twoFactor.confirmSmsEmail({ token: await codeFor(email) }, { headers: headers() });
  const factorNumber = freshMobile();
  personal.add(factorNumber);
  await manam.twoFactor.setupSms({ phoneNumber: factorNumber }, { headers: headers() });
  const [sms] = await server.messagesTo(`+98${factorNumber.slice(1)}`);
  await manam.twoFactor.confirmSmsFactor({ code: sms?.code ?? '' }, { headers: headers() });
  const pending = await manam.auth.login({ email, password });
  const pendingToken = mark('pending token', pending.twoFactor?.twoFactorToken);
  const recoveryCode = enrolled.recoveryCodes[0] ?? '';
  await thrownBy(manam.twoFactor.validateTotp({ code: '000000' }, { headers: bearer(pendingToken) }));
  await manam.twoFactor.validateTotp({ recoveryCode }, { headers: bearer(pendingToken) });

  // Profile and recovery.
  await manam.auth.reauthenticate(
    { password, recoveryCode: enrolled.recoveryCodes[1] ?? '' },
    { headers: headers() },
  );
  const newEmail = freshEmail();
  personal.add(newEmail);
  await manam.profile.startEmailChange({ email: newEmail }, { headers: headers() });
  await manam.profile.confirmEmailChange({ token: await codeFor(newEmail) }, { headers: headers() });
  const changed = mark('password', 'canary-orbit-lantern-3');
  await manam.recovery.changePassword(
    { currentPassword: password, password: changed },
    { headers: headers() },
  );
  await manam.recovery.recover({ email: newEmail });
  password = mark('password', 'canary-orbit-lantern-4');
  await manam.recovery.endRecovery({ token: await codeFor(newEmail), password });

  // Google, with a page to return to, and a session that stays.
  const pkce = makePkce();
  mark('code verifier', pkce.codeVerifier);
  const user = freshGoogleUser();
  personal.add(user.email);
  const callback = await beginAtGoogle(app, user, {
    redirect_uri: redirectUri,
    code_challenge: pkce.codeChallenge,
  });
  mark('code of Google', new URL(callback).searchParams.get('code') ?? '');
  const { location } = await visit(callback);
  const code = mark('login code', new URL(location).searchParams.get('code') ?? '');
  const session = await manam.auth.redeemLoginCode({ code, codeVerifier: pkce.codeVerifier });
  mark('access token', session.tokens?.accessToken);
  mark('refresh token', session.tokens?.refreshToken);

  // Internal errors are logged in full, still without the user's data.
  await server.sql('RENAME TABLE credentials TO credentials_away');
  await thrownBy(manam.auth.login({ email: newEmail, password }));
  await server.sql('RENAME TABLE credentials_away TO credentials');
}

/** The forms in which a secret could be found. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [
    secret,
    bytes.toString('hex'),
    bytes.toString('base64').replace(/=+$/, ''),
    encodeURIComponent(secret),
  ];
}

test('every flow ran, and every kind of secret came up', () => {
  const kinds = new Set([...secrets.keys()].map((name) => name.replace(/ \d+$/, '')));
  expect([...kinds].sort()).toEqual([
    'TOTP seed',
    'access token',
    'code',
    'code of Google',
    'code verifier',
    'login code',
    'password',
    'pending token',
    'publishable key',
    'recovery code',
    'refresh token',
    'secret key',
    'wrong password',
  ]);
});

test('no log line holds a secret, or who a call was about', () => {
  const log = app.test.logLines.join('');
  expect(app.test.logLines.length).toBeGreaterThan(30);
  expect(log).toContain('"msg":"internal error"');
  for (const [name, secret] of secrets)
    for (const form of formsOf(secret)) expect(log.includes(form), name).toBe(false);
  for (const each of personal) for (const form of formsOf(each)) expect(log.includes(form), each).toBe(false);
});

test('no row of any table holds a secret, and what waits to be sent is sealed', async () => {
  const { sql } = app.test;
  const tables = await sql(
    'SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()',
  );
  const needles = [...secrets].flatMap(([name, secret]) =>
    formsOf(secret).map((form) => ({ name, bytes: Buffer.from(form) })),
  );
  let rows = 0;
  for (const { name: table } of tables) {
    for (const row of await sql(`SELECT * FROM \`${table}\``)) {
      rows += 1;
      for (const [column, value] of Object.entries(row)) {
        const bytes = Buffer.isBuffer(value)
          ? value
          : Buffer.from(typeof value === 'object' ? JSON.stringify(value) : String(value));
        for (const { name, bytes: needle } of needles)
          expect(bytes.includes(needle), `${name} in ${table}.${column}`).toBe(false);
      }
    }
  }
  expect(rows).toBeGreaterThan(50);
  const waiting = await sql('SELECT COUNT(*) AS messages FROM outbox');
  expect(Number(waiting[0]?.['messages'])).toBeGreaterThan(5);
});

test('no figure holds a secret, or who a call was about', async () => {
  const figures = await (await fetch(`${app.test.metricsUrl}/metrics`)).text();
  expect(figures).toContain(
    'manam_calls_total{method="manam.v1.AuthService/Login",protocol="connect",reason="OK"} 2',
  );
  for (const [name, secret] of secrets) expect(figures.includes(secret), name).toBe(false);
  for (const each of personal) expect(figures.includes(each), each).toBe(false);
});
