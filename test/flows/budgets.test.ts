import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { freshEmail, password, useTestApp } from '../support/app.ts';
import { bearer, signUp } from '../support/journey.ts';

const testApp = useTestApp();

test('the statements of a call stay within the budgets of the design', async () => {
  const { client, takeStatements } = testApp();
  const { email, accessToken } = await signUp(testApp());
  // Tenants and keys are cached for seconds: warm, as in service.
  await client(ProfileService, bearer(accessToken)).viewUser({});
  await takeStatements();

  await client(AuthService).login({ email, password });
  expect((await takeStatements()).length).toBeLessThanOrEqual(7);
  await client(ProfileService, bearer(accessToken)).viewUser({});
  expect((await takeStatements()).length).toBeLessThanOrEqual(2);
  await client(AuthService).register({ email: freshEmail(), password });
  expect((await takeStatements()).length).toBeLessThanOrEqual(12);
});
