import { expect, test } from 'vitest';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { freshEmail, useTestApp } from '../support/app.ts';
import { failure, failureOf, shapeOf, thrownBy } from '../support/errors.ts';
import { bearer, signUp } from '../support/journey.ts';

const testApp = useTestApp();
const notFound = failure('NotFound', 'NOT_FOUND');

test('a session sees its own user, by any of their names, and no one else', async () => {
  const own = await signUp(testApp());
  const other = await signUp(testApp());
  const profile = testApp().client(ProfileService, bearer(own.accessToken));
  for (const request of [
    {},
    { email: own.email },
    { userId: own.userId },
    { email: own.email.toUpperCase() },
  ]) {
    expect((await profile.viewUser(request)).user?.userId).toBe(own.userId);
  }
  for (const request of [
    { email: other.email },
    { userId: other.userId },
    { email: freshEmail() },
    { userId: 'x' },
    { email: own.email, userId: other.userId },
  ]) {
    expect(await failureOf(profile.viewUser(request))).toEqual(notFound);
  }
});

test('a secret key with the scope sees every user of its tenant and none of another', async () => {
  const { client, dev, manam } = testApp();
  const user = await signUp(testApp());
  const ours = client(ProfileService, { apieco_key: dev.secret });
  expect((await ours.viewUser({ email: user.email })).user?.userId).toBe(user.userId);
  expect((await ours.viewUser({ userId: user.userId })).user?.email).toBe(user.email);
  const theirs = client(ProfileService, { apieco_key: manam.secret });
  for (const request of [{ email: user.email }, { userId: user.userId }, { email: freshEmail() }]) {
    expect(await failureOf(theirs.viewUser(request))).toEqual(notFound);
  }
  expect(await failureOf(ours.viewUser({}))).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', { email: 'FIELD_REQUIRED' }),
  );
});

test('the publishable key alone opens no user, and the error says that a session is missing', async () => {
  const { client } = testApp();
  const { email } = await signUp(testApp());
  for (const request of [{ email }, { email: freshEmail() }, {}]) {
    expect(await failureOf(client(ProfileService).viewUser(request))).toEqual(
      failure('PermissionDenied', 'SECRET_KEY_REQUIRED'),
    );
  }
});

test('names the missing scope to a secret key that lacks it', async () => {
  const { client, createKey } = testApp();
  const { email } = await signUp(testApp());
  const key = await createKey('secret', ['users.write']);
  const error = await thrownBy(client(ProfileService, { apieco_key: key }).viewUser({ email }));
  expect(shapeOf(error)).toEqual(failure('PermissionDenied', 'SCOPE_REQUIRED'));
  expect(String(error)).toContain('lacks the scope users.read');
});
