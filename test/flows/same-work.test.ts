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

test('a code to sign in is the same statements for every state of an account, and no hash', async () => {
  const { client, takeStatements, takeHashes } = testApp();
  const seen: Record<string, unknown> = {};
  const addresses = await addressesByState();
  takeHashes();
  for (const [state, email] of Object.entries(addresses)) {
    await takeStatements();
    const { $typeName: _, handle, ...rest } = await client(AuthService).startCodeSignIn({ email });
    expect([handle.length, rest], state).toEqual([64, {}]);
    seen[state] = await takeStatements();
  }
  const [first, ...others] = Object.values(seen);
  for (const other of others) expect(other).toEqual(first);
  expect(takeHashes()).toBe(0);
});

test('a wrong code is the same answer and the same statements for every state of an account', async () => {
  const { client, takeStatements } = testApp();
  const seen: Record<string, unknown> = {};
  for (const [state, email] of Object.entries(await addressesByState())) {
    const { handle } = await client(AuthService).startCodeSignIn({ email });
    await takeStatements();
    const answer = await failureOf(client(AuthService).finishCodeSignIn({ handle, code: 'wrong' }));
    expect(answer, state).toEqual(failure('Unauthenticated', 'CODE_INVALID'));
    seen[state] = await takeStatements();
  }
  const [first, ...others] = Object.values(seen);
  for (const other of others) expect(other).toEqual(first);
});

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
