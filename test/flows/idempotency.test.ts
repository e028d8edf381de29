import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { AuthService, ConfirmEmailResponseSchema } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { freshEmail, password, useTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import { register } from '../support/journey.ts';

const testApp = useTestApp();
let keys = 0;
const freshKey = () => {
  keys += 1;
  return `key-${keys}`;
};
const withKey = (key: string) =>
  testApp().client(AuthService, { apieco_key: testApp().dev.publishable, 'idempotency-key': key });

test('20 parallel registrations with one key are one row, one message and one answer', async () => {
  const { sql, messagesTo } = testApp();
  const [email, key] = [freshEmail(), freshKey()];
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => withKey(key).register({ email, password })),
  );
  expect(new Set(answers.map((answer) => JSON.stringify(answer.account?.email))).size).toBe(1);
  expect(await messagesTo(email)).toHaveLength(1);
  expect(await sql('SELECT user_id FROM identifiers WHERE canonical = ?', [email])).toHaveLength(1);
});

test('an answer that was lost can be had again: a confirmation succeeds twice, with its key and without', async () => {
  const { client } = testApp();
  const cnf = await register(testApp(), freshEmail());
  const key = freshKey();
  await withKey(key).confirmEmail({ cnf });
  await withKey(key).confirmEmail({ cnf });
  expect(await client(AuthService).confirmEmail({ cnf })).toEqual(create(ConfirmEmailResponseSchema));
});

test('the same key with another request is rejected', async () => {
  const key = freshKey();
  await withKey(key).sendConfirmEmail({ email: freshEmail() });
  expect(await failureOf(withKey(key).sendConfirmEmail({ email: freshEmail() }))).toEqual(
    failure('InvalidArgument', 'IDEMPOTENCY_KEY_REUSED'),
  );
});

test('a key belongs to its method and its tenant key', async () => {
  const { client, dev, messagesTo } = testApp();
  const [key, email] = [freshKey(), freshEmail()];
  await withKey(key).register({ email, password });
  await withKey(key).sendConfirmEmail({ email });
  await client(AuthService, { apieco_key: dev.secret, 'idempotency-key': key }).register({ email, password });
  expect(await messagesTo(email)).toHaveLength(3);
});

test('a call that failed gives its key back', async () => {
  const key = freshKey();
  await failureOf(withKey(key).register({ email: 'x', password }));
  await withKey(key).register({ email: freshEmail(), password });
});

test('a key lives 24 hours', async () => {
  const { advance, messagesTo } = testApp();
  const [key, email] = [freshKey(), freshEmail()];
  await withKey(key).sendConfirmEmail({ email });
  await withKey(key).register({ email, password });
  advance(86_400_001);
  await withKey(key).register({ email, password });
  expect(await messagesTo(email)).toHaveLength(2);
});

test('a caller that died at work holds the key for 15 seconds and no longer', async () => {
  const { sql, advance } = testApp();
  const [key, email] = [freshKey(), freshEmail()];
  await withKey(key).register({ email, password });
  await sql('UPDATE idempotency SET answer = NULL');
  advance(15_001);
  await withKey(key).register({ email, password });
});

test('neither password nor answer rests in clear', async () => {
  const { sql } = testApp();
  const email = freshEmail();
  await withKey(freshKey()).register({ email, password: 'canary-password-4711' });
  const rows = await sql('SELECT * FROM idempotency');
  const dump = rows
    .flatMap((row) =>
      Object.values(row).map((value) => (Buffer.isBuffer(value) ? value.toString('latin1') : String(value))),
    )
    .join();
  expect(dump).not.toContain('canary-password');
  expect(dump).not.toContain(email);
});

test('a malformed key is rejected, and one on a method that honours none is ignored', async () => {
  for (const key of ['x'.repeat(129), 'a b']) {
    expect(await failureOf(withKey(key).register({ email: freshEmail(), password }))).toEqual(
      failure('InvalidArgument', 'REQUEST_INVALID', { 'idempotency-key': 'FIELD_INVALID' }),
    );
  }
  const { client, dev } = testApp();
  const profile = client(ProfileService, { apieco_key: dev.secret, 'idempotency-key': 'x'.repeat(500) });
  expect(await failureOf(profile.viewUser({ email: freshEmail() }))).toEqual(
    failure('NotFound', 'NOT_FOUND'),
  );
});
