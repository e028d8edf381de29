import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { IdentifierType } from '../../gen/manam/v1/user_pb.js';
import { freshEmail, password, useTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import { bearer, freshMobile, type SignedIn, signUp, signUpByMobile } from '../support/journey.ts';

// A recovery evicts an intruder: what was added lately goes with the password, unless its
// owner keeps it (acceptance.md, recovery).

const testApp = useTestApp();
const next = 'brand-new-secret-48';
const hour = 3_600_000;
const newest = async (to: string) => (await testApp().messagesTo(to))[0]?.code ?? '';
const profileOf = (user: SignedIn) => testApp().client(ProfileService, bearer(user.accessToken));

async function addMobile(user: SignedIn): Promise<string> {
  const mobile = freshMobile();
  await profileOf(user).startMobileChange({ mobile });
  await profileOf(user).confirmMobileChange({ code: await newest(`+98${mobile.slice(1)}`) });
  return mobile;
}

async function recover(email: string, keepRecent = false): Promise<void> {
  const recovery = testApp().client(RecoveryService);
  await recovery.recover({ email });
  await recovery.endRecovery({ token: await newest(email), password: next, keepRecent });
}

const byMobile = (mobile: string) => testApp().client(AuthService).login({ mobile, password: next });

test('a number that was added within 72 hours goes with a recovery by e-mail, and recovers nothing', async () => {
  for (const waitedMs of [0, 24 * hour, 71 * hour]) {
    const user = await signUp(testApp());
    const mobile = await addMobile(user);
    testApp().advance(waitedMs);
    await recover(user.email);
    expect(await failureOf(byMobile(mobile))).toEqual(failure('Unauthenticated', 'CREDENTIALS_INVALID'));
    const before = (await testApp().messagesTo(`+98${mobile.slice(1)}`)).length;
    await testApp().client(RecoveryService).recover({ type: IdentifierType.MOBILE, mobile });
    expect(await testApp().messagesTo(`+98${mobile.slice(1)}`)).toHaveLength(before);
  }
});

test('what is older stays, and so does what its owner keeps', async () => {
  const old = await signUp(testApp());
  const oldMobile = await addMobile(old);
  testApp().advance(73 * hour);
  await recover(old.email);
  await byMobile(oldMobile);
  const kept = await signUp(testApp());
  const keptMobile = await addMobile(kept);
  await recover(kept.email, true);
  await byMobile(keptMobile);
});

test('an address that was added goes with a recovery by SMS as a number does by e-mail', async () => {
  const user = await signUpByMobile(testApp());
  const email = freshEmail();
  testApp().advance(1000);
  await profileOf(user).startEmailChange({ email });
  await profileOf(user).confirmEmailChange({ token: await newest(email) });
  const recovery = testApp().client(RecoveryService);
  const { mobile } = user;
  await recovery.recover({ type: IdentifierType.MOBILE, mobile });
  const token = await newest(`+98${mobile.slice(1)}`);
  await recovery.endRecovery({ mobile, token, password: next });
  expect(await failureOf(testApp().client(AuthService).login({ email, password: next }))).toEqual(
    failure('Unauthenticated', 'CREDENTIALS_INVALID'),
  );
  await byMobile(mobile);
});

test('the intruder who recovers by what they added keeps the owner’s address in the account', async () => {
  const user = await signUp(testApp());
  const mobile = await addMobile(user);
  const recovery = testApp().client(RecoveryService);
  await recovery.recover({ type: IdentifierType.MOBILE, mobile });
  await recovery.endRecovery({ mobile, token: await newest(`+98${mobile.slice(1)}`), password: next });
  await testApp().client(AuthService).login({ email: user.email, password: next });
});

test('an owner removes an identifier, but never the last one', async () => {
  const user = await signUp(testApp());
  const mobile = await addMobile(user);
  const profile = profileOf(user);
  await profile.removeIdentifier({ type: IdentifierType.MOBILE });
  const [notice] = await testApp().messagesTo(`+98${mobile.slice(1)}`);
  expect(notice?.code ?? '').toBe('');
  expect((await profile.viewUser({})).user?.mobile).toBe('');
  expect(await failureOf(testApp().client(AuthService).login({ mobile, password }))).toEqual(
    failure('Unauthenticated', 'CREDENTIALS_INVALID'),
  );
  expect(await failureOf(profile.removeIdentifier({ type: IdentifierType.EMAIL }))).toMatchObject({
    code: 'FailedPrecondition',
  });
  expect((await profile.viewUser({})).user?.email).toBe(user.email);
});
