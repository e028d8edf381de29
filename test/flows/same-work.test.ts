import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { freshEmail, password, useTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import { register, signUp } from '../support/journey.ts';

const testApp = useTestApp();

/** An address in every state that an account can be in. */
async function addressesByState(): Promise<Record<string, string>> {
  const { sql } = testApp();
  const disabled = await signUp(testApp());
  await sql(
    "UPDATE users JOIN identifiers ON identifiers.user_id = users.id SET users.status = 'disabled' WHERE canonical = ?",
    [disabled.email],
  );
  const noPassword = await signUp(testApp());
  await sql(
    'DELETE credentials FROM credentials JOIN identifiers ON identifiers.user_id = credentials.user_id WHERE canonical = ?',
    [noPassword.email],
  );
  const unconfirmed = freshEmail();
  await register(testApp(), unconfirmed);
  return {
    unknown: freshEmail(),
    unconfirmed,
    'with a wrong password': (await signUp(testApp())).email,
    disabled: disabled.email,
    'without a password': noPassword.email,
  };
}

test('a failed sign-in is the same answer and the same statements for every state of an account', async () => {
  const { client, takeStatements } = testApp();
  const seen: Record<string, unknown> = {};
  for (const [state, email] of Object.entries(await addressesByState())) {
    await takeStatements();
    const wrong = state === 'with a wrong password' ? 'wrong-password-47' : password;
    const answer = await failureOf(client(AuthService).login({ email, password: wrong }));
    expect(answer, state).toEqual(failure('Unauthenticated', 'CREDENTIALS_INVALID'));
    seen[state] = await takeStatements();
  }
  const [first, ...others] = Object.values(seen);
  for (const other of others) expect(other).toEqual(first);
});
