import { beforeAll, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { freshEmail, password, useTestApp } from '../support/app.ts';
import { startCode } from '../support/codes.ts';
import { failure, failureOf } from '../support/errors.ts';
import { changePolicy } from '../support/federation.ts';
import { bearer } from '../support/journey.ts';

const testApp = useTestApp();
const auth = (headers?: Record<string, string>) => testApp().client(AuthService, headers);

const invalid = failure('Unauthenticated', 'CODE_INVALID');
const wrong = (code: string) => (code === '000000' ? '000001' : '000000');

beforeAll(() =>
  changePolicy(testApp(), (policy) => ({ ...policy, codeSignIn: { enabled: true, createAccounts: true } })),
);

test('an unknown address gets an account without names', async () => {
  const email = freshEmail();
  const { handle, code } = await startCode(testApp(), email);
  const answer = await auth().finishCodeSignIn({ handle, code });
  expect(answer).toMatchObject({ isNew: true, account: { email, firstName: '' } });
  expect(answer.userId).not.toBe('');
  const again = await startCode(testApp(), email);
  expect(await auth().finishCodeSignIn({ handle: again.handle, code: again.code })).toMatchObject({
    isNew: false,
    userId: answer.userId,
  });
});

test('of parallel first sign-ins one makes the account', async () => {
  const email = freshEmail();
  const { handle, code } = await startCode(testApp(), email);
  const answers = await Promise.allSettled(
    Array.from({ length: 8 }, () => auth().finishCodeSignIn({ handle, code })),
  );
  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('a user without a password sets one in a fresh session, and renews freshness with a code', async () => {
  const email = freshEmail();
  const first = await startCode(testApp(), email);
  const { tokens } = await auth().finishCodeSignIn({ handle: first.handle, code: first.code });
  const token = tokens?.accessToken ?? '';
  testApp().advance(301_000);
  const recovery = testApp().client(RecoveryService, bearer(token));
  expect(await failureOf(recovery.changePassword({ password }))).toEqual({
    ...failure('FailedPrecondition', 'REAUTHENTICATION_REQUIRED'),
    missingStep: 'manam.v1.AuthService/Reauthenticate',
  });
  const session = auth(bearer(token));
  await session.sendStepUpCode({});
  const code = (await testApp().messagesTo(email))[0]?.code ?? '';
  expect(await failureOf(session.reauthenticate({ ownCode: wrong(code) }))).toEqual(invalid);
  await session.reauthenticate({ ownCode: code });
  expect(await failureOf(session.reauthenticate({ ownCode: code }))).toEqual(invalid);
  await recovery.changePassword({ password });
  expect((await auth().login({ email, password })).tokens?.accessToken).not.toBe('');
  // From now on the current one is asked for.
  expect(await failureOf(recovery.changePassword({ password: 'another-quiet-orbit-47' }))).toMatchObject({
    reason: 'REQUEST_INVALID',
  });
});
