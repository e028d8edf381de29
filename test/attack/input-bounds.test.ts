import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import { IdentifierType } from '../../gen/manam/v1/user_pb.js';
import { defaultLimits, freshEmail, password, startTestApp, useTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import { changePolicy } from '../support/federation.ts';
import { bearer, enrolTotp, signUp, signUpByMobile } from '../support/journey.ts';
import { protocols } from '../support/protocols.ts';

// Input is bounded by the contract before anything works on it (R77), and what people type
// and paste is understood.

const testApp = useTestApp();
const auth = () => testApp().client(AuthService);
const newest = async (to: string) => (await testApp().messagesTo(to))[0];
const refused = (fields: Record<string, string>) => failure('InvalidArgument', 'REQUEST_INVALID', fields);

const marks = `a${'\u0345'.repeat(30)}${'\u0334'.repeat(10)}`;
for (const { name, connect } of protocols) {
  test(`rejects too long texts and runs of marks by field: ${name}`, async () => {
    const { url, dev } = testApp();
    const client = connect(AuthService, url, { 'x-api-key': dev.publishable });
    expect(await failureOf(client.login({ email: `${marks}@example.com`, password }))).toEqual(
      refused({ email: 'FIELD_INVALID' }),
    );
    const flood = '\u0345'.repeat(15_000);
    expect(await failureOf(client.login({ email: `a${flood}@example.com`, password }))).toEqual(
      refused({ email: 'FIELD_TOO_LONG' }),
    );
    expect(await failureOf(client.login({ mobile: '9'.repeat(3000), password: flood }))).toEqual(
      refused({ mobile: 'FIELD_TOO_LONG', password: 'PASSWORD_TOO_LONG' }),
    );
    const named = { email: freshEmail(), password, firstName: `x${flood}`, lastName: marks };
    expect(await failureOf(client.register(named))).toEqual(
      refused({ first_name: 'FIELD_TOO_LONG', last_name: 'FIELD_INVALID' }),
    );
    // One sign of three bytes that is eighteen letters when it is written out.
    expect(await failureOf(client.login({ email: '\ufdfa'.repeat(340), password }))).toEqual(
      refused({ email: 'FIELD_TOO_LONG' }),
    );
  });
}

test('counts malformed calls as attempts', async () => {
  const limits = {
    ...defaultLimits,
    attemptsPerNetwork: { name: 'guess.network', max: 20, windowMs: 600_000 },
  };
  const app = await startTestApp({ config: { limits } });
  const bad = ['{"email":"a"}', '{"email":7}', '{"email"', `{"email":"${'x'.repeat(3000)}"}`, '{"emial":""}'];
  const statuses: number[] = [];
  for (let count = 0; count < 30; count += 1) {
    const response = await fetch(`${app.url}/manam.v1.AuthService/Login`, {
      method: 'POST',
      headers: { 'x-api-key': app.dev.publishable, 'content-type': 'application/json' },
      body: bad[count % bad.length] ?? '',
    });
    statuses.push(response.status);
  }
  expect(statuses.filter((status) => status === 400)).toHaveLength(20);
  expect(statuses.filter((status) => status === 429)).toHaveLength(10);
  await app.close();
});

for (const seed of ['999', '0', '98765', 'IR']) {
  test(`a country code ${seed} that no country has is rejected on every call that takes one`, async () => {
    const user = await signUp(testApp());
    const session = bearer(user.accessToken);
    const number = { mobile: '9121234567', mobileSeed: seed };
    const type = IdentifierType.MOBILE;
    const calls = [
      () => auth().login({ type, ...number, password: 'x' }),
      () => auth().register({ type, ...number, password }),
      () => auth().sendConfirmSms(number),
      () =>
        testApp()
          .client(RecoveryService)
          .recover({ type, ...number }),
      () =>
        testApp()
          .client(RecoveryService)
          .endRecovery({ ...number, token: '1', password }),
      () => testApp().client(ProfileService, session).startMobileChange(number),
    ];
    for (const call of calls) expect((await failureOf(call())).code).toBe('InvalidArgument');
  });
}

const pasted: Record<string, (text: string) => string> = {
  'marks of direction around it': (text) => `\u202a${text}\u202c\u200e`,
  'a soft hyphen in it': (text) => `${text.slice(0, 3)}\u00ad${text.slice(3)}`,
  'blanks and a byte order mark around it': (text) => `\ufeff \u00a0${text}\u200b\n`,
  'an isolate around it': (text) => `\u2068${text}\u2069`,
};
for (const [what, paste] of Object.entries(pasted)) {
  test(`a number, an address, a code and a token with ${what} are understood`, async () => {
    const byMobile = await signUpByMobile(testApp());
    await auth().login({ mobile: paste(byMobile.mobile), password });
    const user = await signUp(testApp());
    await auth().login({ email: paste(user.email), password });
    await testApp().client(RecoveryService).recover({ email: user.email });
    const token = (await newest(user.email))?.code ?? '';
    const next = 'brand-new-secret-48';
    await testApp()
      .client(RecoveryService)
      .endRecovery({ token: paste(token), password: next });
    const enrolled = await enrolTotp(testApp(), await signUp(testApp()));
    const { twoFactor } = await auth().login({ email: enrolled.email, password });
    const pending = testApp().client(TwoFactorService, bearer(twoFactor?.twoFactorToken ?? ''));
    await pending.validateTotp({ recoveryCode: paste(enrolled.recoveryCodes[0] ?? '') });
  });
}

test('a number and a recovery code take every dash that programs write', async () => {
  for (const dash of ['\u2010', '\u2011', '\u2013', '\u2212', '-']) {
    const { mobile } = await signUpByMobile(testApp());
    const parts = [mobile.slice(0, 4), mobile.slice(4, 7), mobile.slice(7)];
    await auth().login({ mobile: parts.join(dash), password });
    const enrolled = await enrolTotp(testApp(), await signUp(testApp()));
    const { twoFactor } = await auth().login({ email: enrolled.email, password });
    const pending = testApp().client(TwoFactorService, bearer(twoFactor?.twoFactorToken ?? ''));
    const code = (enrolled.recoveryCodes[1] ?? '').replaceAll('-', dash);
    await pending.validateTotp({ recoveryCode: code });
  }
});

test('ignores invisible characters in an address', async () => {
  for (const unseen of ['\u200b', '\u200c', '\u200d', '\u2060']) {
    const email = freshEmail().replace('example.com', `exam${unseen}ple.com`);
    expect(await failureOf(auth().register({ email, password }))).toEqual(
      refused({ email: 'EMAIL_INVALID' }),
    );
  }
});

const names = ['S.Ramesh', 'St.John', 'Mohd.Ali', 'م.رضایی', "O'Brien", 'J.R.R. Tolkien', 'Ng', '李小龍'];
for (const name of names) {
  test(`'${name}' is a name`, async () => {
    const email = freshEmail();
    await auth().register({ email, password, firstName: name, lastName: name });
    await auth().confirmEmail({ cnf: (await newest(email))?.code ?? '' });
    const { tokens } = await auth().login({ email, password });
    const profile = testApp().client(ProfileService, bearer(tokens?.accessToken ?? ''));
    expect((await profile.viewUser({})).user).toMatchObject({ firstName: name, lastName: name });
  });
}
for (const name of ['win at evil.test/x', 'https://evil.test', '<b>x</b>', 'www.evil.test', 'a\u0000b'])
  test(`'${JSON.stringify(name)}' is no name`, async () => {
    expect(await failureOf(auth().register({ email: freshEmail(), password, firstName: name }))).toEqual(
      refused({ first_name: 'NAME_INVALID' }),
    );
  });

const easy = [
  'aaaaaaaa',
  'Password123!',
  'qwertyuiop',
  'abcd1234',
  'P@ssw0rd2024',
  '11111111111',
  'iloveyou99',
];
for (const secret of easy) {
  test(`'${secret}' is rejected as every meter would call it`, async () => {
    const { code, reason, fields } = await failureOf(
      auth().register({ email: freshEmail(), password: secret }),
    );
    expect([code, reason, Object.keys(fields ?? {})]).toEqual([
      'InvalidArgument',
      'REQUEST_INVALID',
      ['password'],
    ]);
  });
}
test('a password made of the account’s own words is easy to guess', async () => {
  const type = IdentifierType.MOBILE;
  const email = 'sara.ahmadinejad@example.com';
  for (const [account, secrets] of [
    [{ email }, ['sara.ahmadinejad', 'ahmadinejad', 'Ahmadinejad1', 'sara.ahmadinejad!!']],
    [{ type, mobile: '09121234567' }, ['09121234567', '9121234567', '+989121234567', '09121234567a']],
    [{ email: freshEmail(), firstName: 'Khashayar', lastName: 'Vossoughi' }, ['khashayar', 'Vossoughi1']],
  ] as const)
    for (const secret of secrets)
      expect([secret, await failureOf(auth().register({ ...account, password: secret }))]).toEqual([
        secret,
        refused({ password: 'PASSWORD_COMMON' }),
      ]);
});

test('a tenant may ask for less of a password', async () => {
  const app = await startTestApp();
  const register = () =>
    app.client(AuthService).register({ email: freshEmail(), password: 'aaaaaaaaaaaaaab' });
  await changePolicy(app, (policy) => ({ ...policy, password: { ...policy.password, minStrength: 0 } }));
  await register();
  await app.close();
});

test('a confirmation page that was taken out of the policy is used no more', async () => {
  const app = await startTestApp();
  const confirmUrl = 'https://tenant.com/confirm-here';
  const allow = (confirmUrls: string[]) => changePolicy(app, (policy) => ({ ...policy, confirmUrls }));
  await allow([confirmUrl]);
  const emails = [freshEmail(), freshEmail(), freshEmail()];
  for (const email of emails) await app.client(AuthService).register({ email, password, confirmUrl });
  expect((await app.messagesTo(emails[0] ?? ''))[0]?.link).toContain(confirmUrl);
  await allow([]);
  // Another instance never read the old policy.
  const other = await startTestApp({ sibling: app });
  for (const email of emails) {
    await other.client(AuthService).sendConfirmEmail({ email });
    const [newest] = await other.messagesTo(email);
    expect(newest?.link).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/account\/dev\/confirm\?cnf=/);
  }
  await other.close();
  await app.close();
});

test('a repeated setup returns the same seed until it is replaced', async () => {
  const user = await signUp(testApp());
  const client = testApp().client(TwoFactorService, bearer(user.accessToken));
  await client.sendTotpEmailVerification({ email: user.email });
  await client.confirmTotpEmail({ token: (await newest(user.email))?.code ?? '' });
  const { secret } = await client.setupTotp({});
  for (let count = 0; count < 3; count += 1) expect((await client.setupTotp({})).secret).toBe(secret);
  expect((await client.setupTotp({ replace: true })).secret).not.toBe(secret);
});

test('an address may have several lines', async () => {
  const user = await signUp(testApp());
  const profile = testApp().client(ProfileService, bearer(user.accessToken));
  for (const address of ['1 Main St\nTehran', '1 Main St\r\nTehran\r\nIran', 'Main St\tTehran']) {
    await profile.editUser({ address });
    expect((await profile.viewUser({})).user?.address).toBe(address);
  }
  expect(await failureOf(profile.editUser({ address: 'a\u0000b' }))).toEqual(
    refused({ address: 'FIELD_INVALID' }),
  );
});
