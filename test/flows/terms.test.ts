import { beforeAll, expect, test } from 'vitest';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { startTestApp, useTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import { changePolicy } from '../support/federation.ts';
import { bearer, signUp } from '../support/journey.ts';

const testApp = useTestApp();
const url = 'https://tenant.com/terms';
beforeAll(() => changePolicy(testApp(), (policy) => ({ ...policy, terms: { url, version: '2' } })));

const wrongVersion = {
  ...failure('InvalidArgument', 'REQUEST_INVALID'),
  fields: { version: 'FIELD_INVALID' },
};

test('a user accepts the tenant’s terms once, and is asked again for another version', async () => {
  const { accessToken } = await signUp(testApp());
  const profile = testApp().client(ProfileService, bearer(accessToken));
  const asked = await profile.getTerms({});
  expect([asked.url, asked.version, asked.acceptTime]).toEqual([url, '2', undefined]);
  expect(await failureOf(profile.acceptTerms({ version: '1' }))).toEqual(wrongVersion);
  const before = testApp().now().getTime();
  await profile.acceptTerms({ version: '2' });
  testApp().advance(60_000);
  await profile.acceptTerms({ version: '2' });
  const { acceptTime } = await profile.getTerms({});
  expect(Math.abs(Number(acceptTime?.seconds) * 1000 - before)).toBeLessThan(30_000);

  await changePolicy(testApp(), (policy) => ({ ...policy, terms: { url, version: '3' } }));
  const later = await startTestApp({ sibling: testApp() });
  const again = later.client(ProfileService, bearer(accessToken));
  const next = await again.getTerms({});
  expect([next.version, next.acceptTime]).toEqual(['3', undefined]);
  await later.close();
});

test('a tenant without terms has none to accept', async () => {
  const app = await startTestApp();
  const { accessToken } = await signUp(app);
  const profile = app.client(ProfileService, bearer(accessToken));
  expect(await profile.getTerms({})).toMatchObject({ url: '', version: '' });
  expect(await failureOf(profile.acceptTerms({ version: 'x' }))).toEqual(wrongVersion);
  await app.close();
});
