import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import { password, useTestApp } from '../support/app.ts';
import { failureOf, shapeOf, thrownBy } from '../support/errors.ts';
import { signUp } from '../support/journey.ts';
import { makeMember } from '../support/members.ts';
import { basic, post } from '../support/openid.ts';

const testApp = useTestApp();
const withKey = (text: string, more: Record<string, string> = {}) =>
  testApp().client(ManagementService, { 'x-api-key': text, ...more });
const own = () => withKey(testApp().dev.secret);

test('the tenant changes its own fields of the policy, and those of operators are named and refused', async () => {
  const before = await own().getPolicy({});
  expect(before.operatorFields).toEqual([
    'countries',
    'sms',
    'senders',
    'passkeys.rpId',
    'eventRetentionDays',
  ]);
  const { policy } = await own().updatePolicy({ policy: { branding: { color: '#0a7c66' } } });
  expect(policy).toMatchObject({ branding: { color: '#0a7c66' } });
  expect((await own().getPolicy({})).policy).toEqual(policy);
  for (const [patch, field] of [
    [{ sms: { dailyBudget: 5 } }, 'sms'],
    [{ countries: ['IR', 'RU'] }, 'countries'],
    [{ senders: { default: 'boss@bank.example', addresses: ['boss@bank.example'] } }, 'senders'],
    [{ senders: null }, 'senders'],
    [{ passkeys: { rpId: 'bank.example' } }, 'passkeys.rpId'],
    [{ eventRetentionDays: 1 }, 'eventRetentionDays'],
  ] as const) {
    const error = await thrownBy(own().updatePolicy({ policy: patch as never }));
    expect(shapeOf(error)).toMatchObject({ code: 'PermissionDenied', reason: 'POLICY_FIELD_DENIED' });
    expect((error as Error).message).toContain(`change ${field}.`);
  }
  expect(await failureOf(own().updatePolicy({ policy: { branding: { color: 'red' } } }))).toMatchObject({
    code: 'InvalidArgument',
    fields: { 'policy.branding.color': 'FIELD_INVALID' },
  });
  await own().updatePolicy({ policy: { branding: null } });
});

test('a key is made with the least, used, rotated and revoked', async () => {
  const member = await makeMember(testApp(), 'admin');
  const client = testApp().client(ManagementService, member.headers);
  const { key, text } = await client.createKey({ kind: 'secret', name: 'CI' });
  expect(key).toMatchObject({ kind: 'secret', name: 'CI', scopes: [], networks: [] });
  expect(await failureOf(withKey(text).listUsers({}))).toMatchObject({ reason: 'SCOPE_REQUIRED' });
  const usable = await client.createKey({ kind: 'secret', scopes: ['users.read'] });
  await withKey(usable.text).listUsers({});
  await testApp().app.settled();
  const listed = (await client.listKeys({})).keys.find(({ keyId }) => keyId === usable.key?.keyId);
  expect(listed?.lastUseTime).toBeDefined();
  const keyId = usable.key?.keyId ?? '';
  const next = await client.rotateKey({ keyId, overlap: { seconds: 60n } });
  expect(next.key?.scopes).toEqual(['users.read']);
  await withKey(next.text).listUsers({});
  expect(await failureOf(client.rotateKey({ keyId }))).toMatchObject({ reason: 'KEY_ROTATED' });
  await client.revokeKey({ keyId: next.key?.keyId ?? '' });
  expect(await failureOf(client.revokeKey({ keyId: next.key?.keyId ?? '' }))).toMatchObject({
    reason: 'NOT_FOUND',
  });
});

test('a key gives no scope that it lacks, by making a key or by rotating one', async () => {
  const text = await testApp().createKey('secret', ['keys.write', 'users.read']);
  const { key } = await withKey(text).createKey({ kind: 'secret', scopes: ['users.read'] });
  expect(key?.scopes).toEqual(['users.read']);
  const denied = { code: 'PermissionDenied', reason: 'GRANT_EXCEEDED' };
  expect(await failureOf(withKey(text).createKey({ kind: 'secret', scopes: ['users.write'] }))).toMatchObject(
    denied,
  );
  const strong = await own().createKey({ kind: 'secret', scopes: ['users.credentials'] });
  expect(await failureOf(withKey(text).rotateKey({ keyId: strong.key?.keyId ?? '' }))).toMatchObject(denied);
});

test('a key ends by itself', async () => {
  const seconds = BigInt(Math.floor(testApp().now().getTime() / 1000) + 60);
  const { text } = await own().createKey({
    kind: 'secret',
    scopes: ['users.read'],
    expireTime: { seconds, nanos: 0 },
  });
  testApp().advance(61_000);
  expect(await failureOf(withKey(text).listUsers({}))).toMatchObject({ reason: 'KEY_INVALID' });
  expect(
    await failureOf(own().createKey({ kind: 'secret', expireTime: { seconds: 1n, nanos: 0 } })),
  ).toMatchObject({ fields: { expire_time: 'FIELD_INVALID' } });
});

test('a secret key is good from its networks alone', async () => {
  const kind = 'secret';
  const scopes = ['users.read'];
  const near = await own().createKey({ kind, scopes, networks: ['127.0.0.0/8', '::1/128'] });
  const far = await own().createKey({ kind, scopes, networks: ['192.0.2.0/24'] });
  const statusOf = async (text: string) =>
    (await fetch(`${testApp().url}/manage/users`, { headers: { 'x-api-key': text } })).status;
  expect([await statusOf(near.text), await statusOf(far.text)]).toEqual([200, 403]);
  expect(await failureOf(withKey(far.text).listUsers({}))).toMatchObject({ reason: 'NETWORK_DENIED' });
});

test('a publishable key is good in the pages of its origins and of its application', async () => {
  const origins = ['http://localhost:5000'];
  const settings = {
    kind: 'spa',
    name: 'Shop',
    redirectUris: ['http://localhost:6000/back'],
    origins: ['http://localhost:6000'],
  };
  const { application } = await own().createApplication({ settings });
  const clientId = application?.clientId ?? '';
  const { text } = await own().createKey({ kind: 'publishable', origins, clientId });
  const login = (origin: string | undefined) =>
    failureOf(
      testApp()
        .client(AuthService, { apieco_key: text, ...(origin !== undefined && { origin }) })
        .login({ email: 'nobody@example.com', password }),
    ).then(({ reason }) => reason);
  expect(await login('http://localhost:5000')).toBe('CREDENTIALS_INVALID');
  expect(await login('http://localhost:6000')).toBe('CREDENTIALS_INVALID');
  expect(await login('http://localhost:7000')).toBe('ORIGIN_DENIED');
  expect(await login(undefined)).toBe('ORIGIN_DENIED');
  const second = await own().createKey({ kind: 'publishable', clientId });
  await own().deleteApplication({ clientId });
  expect(
    await failureOf(
      testApp().client(AuthService, { apieco_key: second.text }).login({ email: 'a@example.com', password }),
    ),
  ).toMatchObject({ reason: 'KEY_INVALID' });
});

test('what a key cannot be bound to is refused', async () => {
  for (const [request, field] of [
    [{ kind: 'secret', origins: ['https://a.example'] }, 'origins'],
    [{ kind: 'publishable', origins: ['https://a.example/path'] }, 'origins'],
    [{ kind: 'publishable', origins: ['http://a.example'] }, 'origins'],
    [{ kind: 'publishable', origins: ['https://192.0.2.1'] }, 'origins'],
    [{ kind: 'publishable', origins: ['ftp://a.example'] }, 'origins'],
    [{ kind: 'publishable', networks: ['192.0.2.0/24'] }, 'networks'],
    ...['192.0.2.0/99', '999', '192.0.2', '192.0.2.300', '::ffff:192.0.2.0/120', 'example.com', ''].map(
      (network) => [{ kind: 'secret', networks: [network] }, 'networks'] as const,
    ),
    [{ kind: 'publishable', clientId: 'nothing' }, 'client_id'],
    [{ kind: 'secret', scopes: ['everything'] }, 'scopes'],
    [{ kind: 'publishable', scopes: ['users.read'] }, 'scopes'],
    [{ kind: 'admin' }, 'kind'],
  ] as const)
    expect(await failureOf(own().createKey(request as never))).toMatchObject({
      reason: 'REQUEST_INVALID',
      fields: { [field]: 'FIELD_INVALID' },
    });
});

test('an application is made, signs in a machine, is changed, and its secret replaced', async () => {
  const member = await makeMember(testApp(), 'developer');
  const client = testApp().client(ManagementService, member.headers);
  const made = await client.createApplication({ settings: { kind: 'machine', name: 'Jobs' } });
  const { clientId = '', issuer = '' } = made.application ?? {};
  expect(issuer).toMatch(/\/t\/dev$/);
  const statusOf = async (secret: string) =>
    (
      await post(
        testApp(),
        'token',
        { grant_type: 'client_credentials' },
        {
          headers: basic({ clientId, secret }),
        },
      )
    ).status;
  expect(await statusOf(made.clientSecret)).toBe(200);
  const { application } = await client.updateApplication({ clientId, settings: { name: 'More jobs' } });
  expect(application?.settings).toMatchObject({ name: 'More jobs', kind: 'machine' });
  const { clientSecret } = await client.rotateApplicationSecret({ clientId, overlap: { seconds: 0n } });
  // At once, although this instance has just read the application.
  expect(await statusOf(clientSecret)).toBe(200);
  expect(await statusOf(made.clientSecret)).toBe(401);
  expect((await client.listApplications({})).applications.map((each) => each.clientId)).toContain(clientId);
  await client.deleteApplication({ clientId });
  expect(await failureOf(client.updateApplication({ clientId }))).toMatchObject({ reason: 'NOT_FOUND' });
});

test('a connection is made, changed, given a secret and deleted', async () => {
  const client = own();
  const settings = { kind: 'oidc', issuer: 'https://acme.okta.com', clientId: '0oa1' };
  const { connection } = await client.setConnection({ name: 'okta', settings });
  expect(connection).toMatchObject({ name: 'okta', hasSecret: false });
  expect(connection?.redirectUri).toContain('okta');
  await client.setConnection({ name: 'okta', settings: { clientId: '0oa2' } });
  await client.setConnectionSecret({ name: 'okta', value: 'a secret' });
  const [listed] = (await client.listConnections({})).connections;
  expect(listed).toMatchObject({ hasSecret: true, settings: { clientId: '0oa2' } });
  await client.deleteConnection({ name: 'okta' });
  expect((await client.listConnections({})).connections).toEqual([]);
});

test('usage tells by day what happened, and why sign-ins failed, without counting', async () => {
  const user = await signUp(testApp());
  await failureOf(
    testApp()
      .client(AuthService)
      .login({ email: user.email, password: `${password}x` }),
  );
  const today = testApp().now().toISOString().slice(0, 10);
  const read = async () => {
    const { days } = await own().getUsage({ untilDate: today });
    return days.at(-1)?.counts.map(({ type, reason, count }) => `${type} ${reason} ${count}`) ?? [];
  };
  await expect
    .poll(read, { timeout: 20_000 })
    .toContainEqual(expect.stringMatching(/^sign_in\.failed CREDENTIALS_INVALID [1-9]/));
  const { days } = await own().getUsage({ untilDate: today, types: ['user.registered'] });
  expect(days).toHaveLength(30);
  expect(days.map(({ date }) => date)).toEqual([...days.map(({ date }) => date)].sort());
  expect(days.at(-1)?.counts.every(({ type }) => type === 'user.registered')).toBe(true);
  for (const request of [
    { fromDate: '2026-02-30' },
    { fromDate: '2026-01-01', untilDate: '2026-12-31' },
    { fromDate: '2026-02-02', untilDate: '2026-02-01' },
  ])
    expect(await failureOf(own().getUsage(request))).toMatchObject({ reason: 'REQUEST_INVALID' });
});

test('REST spells masks and fields in snake case', async () => {
  const { userId } = await signUp(testApp());
  const headers = { 'x-api-key': testApp().dev.secret, 'content-type': 'application/json' };
  const call = async (method: string, path: string, body?: object) => {
    const answer = await fetch(`${testApp().url}/manage${path}`, {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, never> };
  };
  const changed = await call('PATCH', `/users/${userId}`, {
    update_mask: 'first_name,postal_code',
    first_name: 'Sara',
    postal_code: '1',
  });
  expect(changed).toMatchObject({ status: 200, body: { user: { first_name: 'Sara', user_id: userId } } });
  const found = await call('POST', '/users:search', { query: 'sara', page_size: 1 });
  expect(found).toMatchObject({ status: 200, body: { users: [{ first_name: 'Sara' }] } });
});

test('a tenant reads what its apps need to reach it, with a key that works', async () => {
  const viewer = await makeMember(testApp(), 'viewer');
  const mine = await testApp().client(ManagementService, viewer.headers).getTenant({});
  expect(mine).toMatchObject({ slug: 'dev', name: 'Dev', confined: false });
  expect(mine.issuer).toMatch(/\/t\/dev$/);
  expect(await own().getTenant({})).toEqual(mine);
  const auth = testApp().client(AuthService, { 'x-api-key': mine.publishableKey });
  const signedIn = auth.login({ email: 'nobody@example.com', password: 'not-the-password-1' });
  expect(await failureOf(signedIn)).toMatchObject({ reason: 'CREDENTIALS_INVALID' });
});

test('a key that has expired has no successor', async () => {
  const expireTime = { seconds: BigInt(Math.floor(testApp().now().getTime() / 1000) + 60), nanos: 0 };
  const { key } = await own().createKey({ kind: 'secret', scopes: ['users.read'], expireTime });
  testApp().advance(120_000);
  expect(await failureOf(own().rotateKey({ keyId: key?.keyId ?? '' }))).toMatchObject({
    reason: 'NOT_FOUND',
  });
  testApp().advance(-120_000);
});
