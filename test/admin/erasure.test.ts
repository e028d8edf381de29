import { setTimeout as pause } from 'node:timers/promises';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { beforeAll, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { sha256 } from '../../src/domain/token.ts';
import { type Admin, connectAdmin } from '../support/admin.ts';
import { useTestApp } from '../support/app.ts';
import { failureOf } from '../support/errors.ts';
import { bearer, enrolSms, type SignedIn, signUp } from '../support/journey.ts';

const testApp = useTestApp({ config: { admin: { host: '127.0.0.1', port: 0 } } });
let admin: Admin;
beforeAll(async () => {
  admin = await connectAdmin(testApp());
});

/** A user with something in as many tables as there are. */
async function livedInUser(
  name: string,
): Promise<SignedIn & { readonly number: string; readonly name: string }> {
  const user = await signUp(testApp());
  const client = testApp().client(ProfileService, bearer(user.accessToken));
  await client.editUser({ firstName: 'Zarathustra', lastName: name, nationalCode: '0084575948' });
  await failureOf(testApp().client(AuthService).login({ email: user.email, password: 'wrong-password-47' }));
  await testApp().client(RecoveryService).recover({ email: user.email });
  const { number } = await enrolSms(testApp(), user);
  return { ...user, number, name };
}

/** Every place of the database where a text or its digest stands. */
async function tracesOf(values: readonly string[]): Promise<string[]> {
  const columns = await testApp().sql(
    'SELECT table_name AS t, column_name AS c FROM information_schema.columns WHERE table_schema = DATABASE()',
  );
  const wanted = values.flatMap((value) => [
    Buffer.from(value).toString('hex').toUpperCase(),
    sha256(value).toString('hex').toUpperCase(),
  ]);
  const found: string[] = [];
  for (const { t, c } of columns) {
    const [row] = await testApp().sql(
      `SELECT COUNT(*) AS n FROM \`${t}\` WHERE ${wanted.map(() => `INSTR(HEX(\`${c}\`), ?) > 0`).join(' OR ')}`,
      wanted,
    );
    // Counters know an address by its digest for two days: without them no limit holds.
    const isCounter = c === 'subject' && ['budgets', 'sms_backoffs'].includes(String(t));
    if (Number(row?.['n']) > 0 && !isCounter) found.push(`${t}.${c}`);
  }
  return found;
}

/** Values that identify a user. The id must not remain either, except as the receipt's digest. */
const marksOf = ({ email, userId, number, name }: Awaited<ReturnType<typeof livedInUser>>) => [
  email,
  number,
  userId.replaceAll('-', ''),
  name,
];

async function verifyReceipt(receipt: string, userId: string) {
  const response = await fetch(`${testApp().url}/.well-known/jwks.json`);
  const keys = createLocalJWKSet((await response.json()) as Parameters<typeof createLocalJWKSet>[0]);
  const { payload, protectedHeader } = await jwtVerify(receipt, keys, { currentDate: testApp().now() });
  expect(protectedHeader.typ).toBe('erasure-receipt+jwt');
  expect(payload).toMatchObject({
    user: sha256(userId).toString('base64url'),
    messages: expect.any(Number),
    audit_lines: expect.any(Number),
  });
  expect(Number(payload['messages'])).toBeGreaterThan(0);
  expect(Number(payload['audit_lines'])).toBeGreaterThan(0);
  expect(payload.sub).toBeUndefined();
}

test('a deleted account leaves only its notice, and the user gets a receipt', async () => {
  const user = await livedInUser('Unmistakable');
  const other = await livedInUser('Othername');
  expect(await tracesOf([user.email])).toContain('identifiers.canonical');
  const session = testApp().client(ProfileService, bearer(user.accessToken));
  const { receipt } = await session.deleteAccount({});
  await verifyReceipt(receipt, user.userId);
  // The notice that is on its way to them is sealed, and wiped when it is sent.
  expect(await tracesOf(marksOf(user))).toEqual([]);
  expect(await tracesOf([other.email])).toContain('identifiers.canonical');
  // A receipt is no access token.
  expect((await failureOf(testApp().client(ProfileService, bearer(receipt)).viewUser({}))).reason).toBe(
    'TOKEN_INVALID',
  );
});

test('an operator’s command erases the same, and returns the receipt', async () => {
  const user = await livedInUser('Conspicuous');
  const { receipt } = await admin.deleteUser({ tenant: 'dev', user: user.email });
  await verifyReceipt(receipt, user.userId);
  expect(await tracesOf(marksOf(user))).toEqual([]);
  const lines = await testApp().sql(
    "SELECT user_id, address FROM events WHERE type = 'user.deleted' ORDER BY id DESC LIMIT 1",
  );
  expect(lines[0]?.['user_id']).toBeNull();
});

test('calls under way during an erasure leave no personal data behind', async () => {
  const auth = testApp().client(AuthService);
  const byKey = testApp().client(ManagementService, { 'x-api-key': testApp().dev.secret });
  const calls = ({ email, userId, accessToken }: SignedIn) => [
    () => auth.login({ email, password: 'wrong-password-47' }),
    () => auth.startCodeSignIn({ email }),
    () => testApp().client(RecoveryService).recover({ email }),
    () =>
      testApp().client(AuthService, bearer(accessToken)).reauthenticate({ password: 'wrong-password-48' }),
    () => byKey.disableUser({ userId }),
    () => byKey.enableUser({ userId }),
    () => byKey.updateUser({ userId, firstName: 'Zarathustra' }),
    () => byKey.resetUserAuthenticators({ userId }),
    () => byKey.endUserSessions({ userId }),
  ];
  for (let round = 0; round < 6; round += 1) {
    const user = await livedInUser(`Fleeting${round}`);
    const others = calls(user).map(async (call, index) => {
      await pause((index * round) % 7);
      return await call().catch(() => undefined);
    });
    const { receipt } = await byKey.deleteUser({ userId: user.userId });
    await verifyReceipt(receipt, user.userId);
    await Promise.all(others);
    // A code that is asked for afterwards is kept for ten minutes, as that of any address without an account.
    const traces = (await tracesOf(marksOf(user))).filter((place) => place !== 'challenges.identifier');
    expect(traces).toEqual([]);
    const subjects = (await testApp().messagesTo(user.email)).map(({ subject }) => subject);
    expect(subjects).toEqual(['Your account at Dev has been deleted']);
  }
}, 60_000);
