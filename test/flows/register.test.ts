import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { AuthService, ConfirmEmailResponseSchema } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { freshEmail, password, useTestApp } from '../support/app.ts';
import { failure, failureOf, localizedOf, thrownBy } from '../support/errors.ts';
import { bearer, register, signUp } from '../support/journey.ts';

const testApp = useTestApp();
const hourMs = 3_600_000;

test('a confirmed account is left alone by another registration, and its owner gets a notice', async () => {
  const { client, messagesTo } = testApp();
  const { email, accessToken } = await signUp(testApp());
  const auth = client(AuthService);
  const answer = await auth.register({ email, password: 'another-fine-password', firstName: 'Eve' });
  expect(answer.account).toMatchObject({ email, firstName: 'Eve' });

  const [notice] = await messagesTo(email);
  expect(notice).toMatchObject({ subject: 'You already have an account at Dev', code: '', link: '' });
  expect(await failureOf(auth.login({ email, password: 'another-fine-password' }))).toEqual(
    failure('Unauthenticated', 'CREDENTIALS_INVALID'),
  );
  const { user } = await client(ProfileService, bearer(accessToken)).viewUser({});
  expect(user?.firstName).toBe('Sara');
});

test('of two passwords that were registered before a proof neither signs in, and the owner sets one', async () => {
  const { client } = testApp();
  const auth = client(AuthService);
  const email = freshEmail();
  const first = await register(testApp(), email);
  await auth.register({ email, password: 'another-fine-password', firstName: 'Newer' });
  const [message] = await testApp().messagesTo(email);

  expect(message?.code).not.toBe(first);
  expect(await auth.confirmEmail({ cnf: first })).toMatchObject({ passwordRequired: true });
  for (const secret of [password, 'another-fine-password'])
    expect(await failureOf(auth.login({ email, password: secret }))).toEqual(
      failure('Unauthenticated', 'CREDENTIALS_INVALID'),
    );
  const [recovery] = await testApp().messagesTo(email);
  await client(RecoveryService).endRecovery({
    token: recovery?.code ?? '',
    password: 'a-third-fine-password',
  });
  const { account } = await auth.login({ email, password: 'a-third-fine-password' });
  expect(account?.firstName, 'an unproved name is void').toBe('');
});

test('a registration that is sent twice is one, and every link of it confirms', async () => {
  const { client } = testApp();
  const auth = client(AuthService);
  const email = freshEmail();
  const first = await register(testApp(), email);
  const second = await register(testApp(), email);
  expect(second).not.toBe(first);
  expect(await auth.confirmEmail({ cnf: first })).toEqual(create(ConfirmEmailResponseSchema));
  expect(await auth.confirmEmail({ cnf: second })).toEqual(create(ConfirmEmailResponseSchema));
  await auth.login({ email, password });
});

test('one confirmation token used 20 times in parallel confirms once, and says so to all', async () => {
  const { client, sql } = testApp();
  const cnf = await register(testApp(), freshEmail());
  const uses = await Promise.allSettled(
    Array.from({ length: 20 }, () => client(AuthService).confirmEmail({ cnf })),
  );
  expect(uses.filter(({ status }) => status === 'fulfilled')).toHaveLength(20);
  const [row] = await sql(
    "SELECT COUNT(*) AS n FROM events WHERE type LIKE 'identifier.confirm%' AND user_id = (SELECT user_id FROM challenges ORDER BY id DESC LIMIT 1)",
  );
  expect(row).toEqual({ n: 1 });
});

test('one address registered 100 times in parallel is one account, without a failure of the server', async () => {
  const { client, sql } = testApp();
  const email = freshEmail();
  const calls = Array.from({ length: 100 }, () => client(AuthService).register({ email, password }));
  const failures = (await Promise.allSettled(calls)).flatMap((call) =>
    call.status === 'rejected' ? [call.reason] : [],
  );
  // More than the hash queue takes are refused, which is no failure of the server.
  expect(failures.map((error) => error.code)).toEqual(failures.map(() => 8));
  const rows = await sql('SELECT user_id FROM identifiers WHERE canonical = ?', [email]);
  expect(rows).toHaveLength(1);
  const users = await sql(
    'SELECT COUNT(*) AS n FROM challenges WHERE identifier = ? AND consumed_at IS NULL',
    [email],
  );
  // One for each registration that was let pass, five at the most.
  expect(users[0]?.['n']).toBeLessThanOrEqual(5);
  expect(users[0]?.['n']).toBeGreaterThan(0);
});

test('a confirmation token becomes invalid after 24 hours, and a new one can be had', async () => {
  const { client, advance, messagesTo } = testApp();
  const auth = client(AuthService);
  const email = freshEmail();
  const cnf = await register(testApp(), email);
  advance(24 * hourMs + 1);
  expect(await failureOf(auth.confirmEmail({ cnf }))).toEqual(
    failure('Unauthenticated', 'CONFIRMATION_INVALID'),
  );
  await auth.sendConfirmEmail({ email });
  const [message] = await messagesTo(email);
  await auth.confirmEmail({ cnf: message?.code ?? '' });
});

test('a new confirmation is sent to an unconfirmed account alone, with the same answer for all', async () => {
  const { client, messagesTo } = testApp();
  const auth = client(AuthService);
  const { email } = await signUp(testApp());
  const unknown = freshEmail();
  const before = (await messagesTo(email)).length;
  expect(await auth.sendConfirmEmail({ email })).toEqual(await auth.sendConfirmEmail({ email: unknown }));
  expect(await messagesTo(email)).toHaveLength(before);
  expect(await messagesTo(unknown)).toEqual([]);
});

test('a link leads to the page and comes from the sender that the call named, both registered', async () => {
  const { client, messagesTo } = testApp();
  const auth = client(AuthService);
  const email = freshEmail();
  await auth.register({ email, password, confirmUrl: 'tenant.com/confirm', senderEmail: 'info@tenant.com' });
  const [message] = await messagesTo(email);
  expect(message?.from).toBe('info@tenant.com');
  expect(message?.link).toBe(`https://tenant.com/confirm?cnf=${message?.code}`);
  expect(
    await failureOf(
      auth.register({ email, password, confirmUrl: 'https://evil.test/', senderEmail: 'ceo@bank.test' }),
    ),
  ).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', {
      confirm_url: 'URL_NOT_REGISTERED',
      sender_email: 'SENDER_NOT_REGISTERED',
    }),
  );
});

test('a role is set by a secret key alone, and only one that the tenant declares', async () => {
  const { client, dev } = testApp();
  const secret = client(AuthService, { apieco_key: dev.secret });
  const answer = await secret.register({ email: freshEmail(), password, role: 'admin' });
  expect(answer.account?.role).toBe('admin');
  expect(
    await failureOf(client(AuthService).register({ email: freshEmail(), password, role: 'admin' })),
  ).toEqual(failure('PermissionDenied', 'ROLE_DENIED'));
  expect(await failureOf(secret.register({ email: freshEmail(), password, role: 'constructor' }))).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', { role: 'ROLE_UNKNOWN' }),
  );
});

test('messages and errors speak the language that the call asks for', async () => {
  const { client, dev, messagesTo } = testApp();
  const persian = client(AuthService, { apieco_key: dev.publishable, 'accept-language': 'fa-IR,en;q=0.5' });
  const email = freshEmail();
  await persian.register({ email, password });
  const [message] = await messagesTo(email);
  expect(message).toMatchObject({ locale: 'fa', subject: 'تأیید نشانی ایمیل شما برای Dev' });
  expect(message?.html).toContain('dir="rtl"');
  expect(localizedOf(await thrownBy(persian.confirmEmail({ cnf: 'x' })))).toEqual({
    locale: 'fa',
    message: 'تأیید حساب شما ناموفق بود.',
  });
});

test('all spellings of an address are one account', async () => {
  const { client } = testApp();
  const { email } = await signUp(testApp());
  const { account } = await client(AuthService).login({ email: ` ${email.toUpperCase()} `, password });
  expect(account?.email).toBe(email);
});

test('a password signs in whatever Unicode form it is typed in', async () => {
  const { client, messagesTo } = testApp();
  const auth = client(AuthService);
  const email = freshEmail();
  await auth.register({ email, password: 'Ångström-café-47'.normalize('NFC') });
  const [message] = await messagesTo(email);
  await auth.confirmEmail({ cnf: message?.code ?? '' });
  const { userId } = await auth.login({ email, password: 'Ångström-café-47'.normalize('NFD') });
  expect(userId).not.toBe('');
});

test('passwords are compared whole: a NUL and the 73rd byte count', async () => {
  const { client, messagesTo } = testApp();
  const auth = client(AuthService);
  const email = freshEmail();
  const long = `${'x'.repeat(199)}a`;
  await auth.register({ email, password: `${long}\0def` });
  const [message] = await messagesTo(email);
  await auth.confirmEmail({ cnf: message?.code ?? '' });
  for (const wrong of [long, `${long}\0`, `${'x'.repeat(199)}b\0def`]) {
    expect(await failureOf(auth.login({ email, password: wrong }))).toEqual(
      failure('Unauthenticated', 'CREDENTIALS_INVALID'),
    );
  }
  await auth.login({ email, password: `${long}\0def` });
});
