import { decodeProtectedHeader } from 'jose';
import { beforeAll, expect, test } from 'vitest';
import { FindingState, SigningKeyState } from '../../gen/manam/admin/v1/admin_service_pb.js';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { openVault } from '../../src/adapters/keys.ts';
import { systemRandom } from '../../src/adapters/random.ts';
import { type Admin, connectAdmin } from '../support/admin.ts';
import { masterKeys, startTestApp, useTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import { bearer, signUp } from '../support/journey.ts';

const nextMasterKey = Buffer.from('the next master key, 32 bytes ..');
const config = { admin: { host: '127.0.0.1', port: 0 } };
const testApp = useTestApp({ config, masterKeys: { ...masterKeys, next: nextMasterKey } });
let admin: Admin;
beforeAll(async () => {
  admin = await connectAdmin(testApp());
});
const clock = () => new Date();

test('a signing key is rotated under load on two instances, and no call is rejected', async () => {
  const other = await startTestApp({ sibling: testApp() });
  const kids = new Set<string>();
  let calls = 0;
  let running = true;
  /** Takes a token of one instance and shows it and the very first one to the other, over and over. */
  const worker = async (here: typeof other, there: typeof other) => {
    const user = await signUp(testApp());
    let { refreshToken } = user;
    while (running) {
      const { tokens } = await here.client(AuthService).refreshToken({ refreshToken });
      const token = tokens?.accessToken ?? '';
      refreshToken = tokens?.refreshToken ?? '';
      kids.add(decodeProtectedHeader(token).kid ?? '');
      await there.client(ProfileService, bearer(token)).viewUser({});
      await there.client(ProfileService, bearer(user.accessToken)).viewUser({});
      calls += 3;
    }
  };
  const workers = [worker(testApp(), other), worker(other, testApp())];
  const { signingKey } = await admin.rotateSigningKey({ leadTime: { seconds: 12n, nanos: 0 } });
  expect(signingKey?.state).toBe(SigningKeyState.NEXT);
  const until = Date.now() + 30_000;
  while (kids.size < 2 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 250));
  await new Promise((resolve) => setTimeout(resolve, 1000));
  running = false;
  await Promise.all(workers);
  expect(kids.size).toBe(2);
  expect([...kids][1]).toBe(signingKey?.keyId);
  expect(calls).toBeGreaterThan(30);

  const { signingKeys } = await admin.listSigningKeys({});
  expect(signingKeys.map(({ state }) => state)).toEqual([SigningKeyState.RETIRED, SigningKeyState.ACTIVE]);
  const published = async () => {
    const answer = await fetch(`${testApp().url}/.well-known/jwks.json`);
    return ((await answer.json()) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
  };
  expect(await published()).toEqual(signingKeys.map(({ keyId }) => keyId));
  // The last token of the old key has expired, and so the key is no longer published.
  testApp().advance(16 * 60_000);
  expect(await published()).toEqual([signingKey?.keyId]);
  testApp().advance(-16 * 60_000);
  await other.close();
}, 90_000);

test('withdraws a stolen signing key with its access tokens, and keeps refresh tokens', async () => {
  const app = await startTestApp({ config });
  const operator = await connectAdmin(app);
  const user = await signUp(app);
  await operator.rotateSigningKey({ revokeOthers: true });
  await app.catchUp();
  const view = (token: string) => app.client(ProfileService, bearer(token)).viewUser({});
  expect(await failureOf(view(user.accessToken))).toEqual(failure('Unauthenticated', 'TOKEN_INVALID'));
  const { tokens } = await app.client(AuthService).refreshToken({ refreshToken: user.refreshToken });
  expect((await view(tokens?.accessToken ?? '')).user?.email).toBe(user.email);
  expect((await operator.listSigningKeys({})).signingKeys).toHaveLength(1);
  await app.close();
}, 60_000);

test('a lead time has its limits', async () => {
  const refused = failure('InvalidArgument', 'REQUEST_INVALID', { lead_time: 'LEAD_TIME_INVALID' });
  const lead = (seconds: bigint, revokeOthers = false) =>
    admin.rotateSigningKey({ leadTime: { seconds, nanos: 0 }, revokeOthers });
  expect(await failureOf(lead(-1n))).toEqual(refused);
  expect(await failureOf(lead(86_401n))).toEqual(refused);
  expect(await failureOf(lead(10n, true))).toEqual(refused);
});

test('rotates the master key: both keys open until then, only the new one after', async () => {
  const { keys } = testApp().app.store;
  const open = (current: Buffer, next?: Buffer) =>
    openVault({ keys, masterKeys: { current, next }, random: systemRandom, clock });
  const vault = await open(masterKeys.current, nextMasterKey);
  const sealed = vault.seal('test', 'row', Buffer.from('seed'));
  expect(await admin.rotateMasterKey({})).toMatchObject({ dataKeys: 1 });
  expect(await admin.rotateMasterKey({})).toMatchObject({ dataKeys: 0 });
  for (const rotated of [await open(nextMasterKey), await open(masterKeys.current, nextMasterKey)])
    expect(rotated.open('test', 'row', sealed).toString()).toBe('seed');
  await expect(open(masterKeys.current)).rejects.toThrowError(
    'the master key does not open the data keys of this database',
  );
  // The running service continues, and so does one that starts with the new key.
  await signUp(testApp());
  const restarted = await startTestApp({
    sibling: testApp(),
    masterKeys: { current: nextMasterKey, next: undefined },
  });
  await signUp(restarted);
  await restarted.close();
});

test('without a next master key nothing is sealed anew', async () => {
  const app = await startTestApp({ config });
  const operator = await connectAdmin(app);
  expect(await failureOf(operator.rotateMasterKey({}))).toEqual(
    failure('FailedPrecondition', 'NEXT_MASTER_KEY_MISSING'),
  );
  await app.close();
});

test('Diagnose returns a finding and a remedy per check', async () => {
  const stateOf = async (check: string) => {
    const { findings } = await admin.diagnose({});
    const found = findings.find((finding) => finding.check === check);
    return found === undefined ? 'not examined' : FindingState[found.state];
  };
  const { findings } = await admin.diagnose({});
  expect(findings.map(({ check, state }) => `${check} ${FindingState[state]}`)).toEqual([
    'database.connection OK',
    'configuration WARNING',
    'database.version OK',
    'database.modes OK',
    'database.collations OK',
    'database.clock OK',
    'database.grants WARNING',
    'database.migrations OK',
    'keys.data OK',
    'keys.signing OK',
    'messages.smtp WARNING',
    'messages.sms WARNING',
    'webhooks.failing OK',
    'events.log OK',
    // Their pages are at the port that the test was given.
    'tenants.pages WARNING',
    'tenants.pages WARNING',
    'passkeys.sites OK',
  ]);
  expect(findings.filter(({ state, fix }) => (state === FindingState.OK) !== (fix === ''))).toEqual([]);

  testApp().advance(60_000);
  expect(await stateOf('database.clock')).toBe('ERROR');
  testApp().advance(91 * 86_400_000 - 60_000);
  expect(await stateOf('keys.signing')).toBe('WARNING');
  testApp().advance(-91 * 86_400_000);
  await testApp().sql("UPDATE schema_migrations SET name = '0001_other.sql' WHERE position = 1");
  expect(await stateOf('database.migrations')).toBe('ERROR');
  await testApp().sql("UPDATE schema_migrations SET name = '0001_foundation.sql' WHERE position = 1");
});

test('migrations are listed as applied, and applying them again changes nothing', async () => {
  const { migrations } = await admin.listMigrations({});
  expect(migrations.length).toBeGreaterThan(5);
  expect(migrations.filter(({ applied }) => !applied)).toEqual([]);
  expect((await admin.applyMigrations({})).migrations).toEqual(migrations);
});
