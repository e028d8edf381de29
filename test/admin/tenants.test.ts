import { randomUUID } from 'node:crypto';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ConnectError } from '@connectrpc/connect';
import { beforeAll, expect, test } from 'vitest';
import { BadRequestSchema } from '../../gen/google/rpc/error_details_pb.js';
import { TenantKeyKind, TenantState } from '../../gen/manam/admin/v1/admin_service_pb.js';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { type Admin, connectAdmin, makeTenant } from '../support/admin.ts';
import { freshEmail, password, useTestApp } from '../support/app.ts';
import { failure, failureOf, thrownBy } from '../support/errors.ts';
import { bearer, signUp } from '../support/journey.ts';

const testApp = useTestApp({ config: { admin: { host: '127.0.0.1', port: 0 } } });
let admin: Admin;
beforeAll(async () => {
  admin = await connectAdmin(testApp());
});

/** The errors of a request, as an operator reads them. */
async function mistakesOf(call: Promise<unknown>): Promise<string[]> {
  const [bad] = ((await thrownBy(call)) as ConnectError).findDetails(BadRequestSchema);
  return (bad?.fieldViolations ?? []).map(({ field, description }) => `${field}: ${description}`);
}

test('creates a tenant with defaults and changes, and its users can register at once', async () => {
  const { publishable } = await makeTenant(admin, 'acme', { password: { minLength: 12 } });
  const { tenant } = await admin.getTenant({ tenant: 'acme' });
  expect(tenant).toMatchObject({
    slug: 'acme',
    name: 'acme',
    state: TenantState.ACTIVE,
    policy: { senders: { addresses: ['info@acme.example'] }, password: { minLength: 12 } },
  });
  const auth = testApp().client(AuthService, { apieco_key: publishable.text });
  const email = freshEmail();
  expect(await failureOf(auth.register({ email, password: 'lantern-47' }))).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', { password: 'PASSWORD_TOO_SHORT' }),
  );
  await auth.register({ email, password });
  const [message] = await testApp().messagesTo(email);
  expect(message).toMatchObject({ from: 'info@acme.example', subject: expect.stringContaining('acme') });
});

test('changes a policy by a merge patch and reports errors by path', async () => {
  await makeTenant(admin, 'patched');
  const { tenant } = await admin.updateTenant({
    tenant: 'patched',
    name: 'Patched Ltd',
    policy: { roles: { editor: ['posts.write'] }, requireSecondFactor: true },
  });
  expect(tenant).toMatchObject({
    name: 'Patched Ltd',
    policy: { requireSecondFactor: true, roles: { editor: ['posts.write'], user: [] } },
  });
  const wrong = { tenant: 'patched', policy: { origins: ['https://a.com', 'nonsense'], colour: 'red' } };
  expect(await mistakesOf(admin.updateTenant(wrong))).toEqual([
    'policy.origins.1: must be an origin such as https://example.com, or http://localhost:*',
    'policy.colour: This field is not known.',
  ]);
  expect((await admin.getTenant({ tenant: 'patched' })).tenant?.policy).toEqual(tenant?.policy);
});

test('two changes of one policy at once are both kept', async () => {
  await makeTenant(admin, 'busy');
  await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      admin.updateTenant({ tenant: 'busy', policy: { roles: { [`role${index}`]: [] } } }),
    ),
  );
  const { tenant } = await admin.getTenant({ tenant: 'busy' });
  const roles = (tenant?.policy?.['roles'] ?? {}) as object;
  expect(Object.keys(roles).filter((role) => role.startsWith('role'))).toHaveLength(8);
});

test('rejects a slug that is taken, malformed or reserved', async () => {
  const policy = { senders: { default: 'info@slug.example' } };
  await admin.createTenant({ slug: 'taken', policy });
  expect(await failureOf(admin.createTenant({ slug: 'taken', policy }))).toEqual(
    failure('AlreadyExists', 'SLUG_TAKEN'),
  );
  for (const slug of ['', 'Acme', '1a', 'a_b', 'a-', 'deployment', 'x'.repeat(64)]) {
    expect(await failureOf(admin.createTenant({ slug, policy })), slug).toEqual(
      failure('InvalidArgument', 'REQUEST_INVALID', { slug: 'SLUG_INVALID' }),
    );
  }
  expect(await failureOf(admin.createTenant({ slug: 'nameless', name: '<b>', policy }))).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', { name: 'NAME_INVALID' }),
  );
});

test('tenants are listed page by page, each once', async () => {
  const seen: string[] = [];
  let pageToken = '';
  do {
    const page = await admin.listTenants({ pageSize: 2, pageToken });
    expect(page.tenants.length).toBeLessThanOrEqual(2);
    seen.push(...page.tenants.map(({ slug }) => slug));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  expect(seen).toEqual([...new Set(seen)].sort());
  expect(seen).toEqual(expect.arrayContaining(['dev', 'manam']));
  expect(await failureOf(admin.listTenants({ pageToken: 'bm9uc2Vuc2U' }))).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', { page_token: 'FIELD_INVALID' }),
  );
  expect(await failureOf(admin.listTenants({ pageSize: 1001 }))).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', { page_size: 'FIELD_INVALID' }),
  );
});

test('suspension disables a tenant’s keys and tokens, and resumption enables them', async () => {
  const { publishable, secret } = await makeTenant(admin, 'paused');
  const key = { apieco_key: publishable.text };
  const user = await signUp(testApp(), key);
  const { tenant } = await admin.suspendTenant({ tenant: 'paused' });
  expect(tenant?.state).toBe(TenantState.SUSPENDED);
  await testApp().catchUp();

  const refusedKey = failure('Unauthenticated', 'KEY_INVALID');
  const client = testApp().client;
  expect(await failureOf(client(AuthService, key).login({ email: user.email, password }))).toEqual(
    refusedKey,
  );
  const refresh = { refreshToken: user.refreshToken };
  expect(await failureOf(client(AuthService, key).refreshToken(refresh))).toEqual(refusedKey);
  const bySecret = client(ProfileService, { apieco_key: secret.text });
  expect(await failureOf(bySecret.viewUser({ email: user.email }))).toEqual(refusedKey);
  const bySession = client(ProfileService, bearer(user.accessToken));
  expect(await failureOf(bySession.viewUser({}))).toEqual(failure('Unauthenticated', 'TOKEN_INVALID'));

  await admin.resumeTenant({ tenant: 'paused' });
  await testApp().catchUp();
  expect((await bySession.viewUser({})).user?.email).toBe(user.email);
}, 60_000);

test('deletes a suspended tenant with all its data, but never the built-in one', async () => {
  const { id, publishable } = await makeTenant(admin, 'doomed');
  const users = [];
  for (let count = 0; count < 3; count += 1)
    users.push(await signUp(testApp(), { apieco_key: publishable.text }));
  expect(await failureOf(admin.deleteTenant({ tenant: 'doomed' }))).toEqual(
    failure('FailedPrecondition', 'TENANT_ACTIVE'),
  );
  await admin.suspendTenant({ tenant: 'doomed' });
  expect(await admin.deleteTenant({ tenant: 'doomed' })).toMatchObject({ done: true, deletedUsers: 3 });
  expect(await failureOf(admin.getTenant({ tenant: 'doomed' }))).toEqual(failure('NotFound', 'NOT_FOUND'));
  expect(await failureOf(admin.getTenant({ tenant: id }))).toEqual(failure('NotFound', 'NOT_FOUND'));

  const tables = await testApp().sql(
    "SELECT TABLE_NAME AS t FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND COLUMN_NAME = 'tenant_id'",
  );
  for (const { t } of tables) {
    const [row] = await testApp().sql(`SELECT COUNT(*) AS n FROM ${t} WHERE tenant_id = UNHEX(?)`, [
      id.replaceAll('-', ''),
    ]);
    expect(Number(row?.['n']), t).toBe(0);
  }
  for (const call of [admin.suspendTenant, admin.deleteTenant]) {
    expect(await failureOf(call({ tenant: 'manam' }))).toEqual(
      failure('FailedPrecondition', 'TENANT_BUILT_IN'),
    );
  }
});

test('a key is rotated with an overlap in which both are valid, and only once', async () => {
  const { publishable } = await makeTenant(admin, 'rotating');
  const hour = 3_600_000;
  const { text, key } = await admin.rotateKey({
    tenant: 'rotating',
    keyId: publishable.id,
    overlap: { seconds: 3600n, nanos: 0 },
  });
  expect(key?.kind).toBe(TenantKeyKind.PUBLISHABLE);
  const isGood = async (apieco_key: string) =>
    (await failureOf(testApp().client(AuthService, { apieco_key }).login({ email: freshEmail(), password })))
      .reason !== 'KEY_INVALID';
  expect([await isGood(publishable.text), await isGood(text)]).toEqual([true, true]);
  expect(await failureOf(admin.rotateKey({ tenant: 'rotating', keyId: publishable.id }))).toEqual(
    failure('FailedPrecondition', 'KEY_ROTATED'),
  );
  expect(await failureOf(admin.rotateKey({ tenant: 'rotating', keyId: randomUUID() }))).toEqual(
    failure('NotFound', 'NOT_FOUND'),
  );
  testApp().advance(hour + 1000);
  await testApp().catchUp();
  expect([await isGood(publishable.text), await isGood(text)]).toEqual([false, true]);
  testApp().advance(-hour - 1000);

  await admin.revokeKey({ tenant: 'rotating', keyId: key?.keyId ?? '' });
  const { keys } = await admin.listKeys({ tenant: 'rotating' });
  expect(keys).toHaveLength(3);
  expect(keys.filter(({ revokeTime }) => revokeTime === undefined)).toHaveLength(1);
  expect(
    JSON.stringify(keys, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
  ).not.toContain('manam_');
}, 60_000);

test('rejects keys of another tenant and unknown scopes', async () => {
  const { secret } = await makeTenant(admin, 'first');
  await makeTenant(admin, 'second');
  for (const call of [admin.rotateKey, admin.revokeKey]) {
    expect(await failureOf(call({ tenant: 'second', keyId: secret.id }))).toEqual(
      failure('NotFound', 'NOT_FOUND'),
    );
  }
  const create = (kind: TenantKeyKind, scopes: string[]) =>
    admin.createKey({ tenant: 'first', kind, scopes });
  const refused = failure('InvalidArgument', 'REQUEST_INVALID', { scopes: 'FIELD_INVALID' });
  expect(await failureOf(create(TenantKeyKind.SECRET, ['everything']))).toEqual(refused);
  expect(await failureOf(create(TenantKeyKind.PUBLISHABLE, ['users.read']))).toEqual(refused);
  expect(await failureOf(create(TenantKeyKind.UNSPECIFIED, []))).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', { kind: 'FIELD_REQUIRED' }),
  );
});

test('a key has a name, and limits of its own', async () => {
  await makeTenant(admin, 'limited');
  const expireTime = timestampFromMs(testApp().now().getTime() + 86_400_000);
  const secret = { name: 'Billing', networks: ['192.0.2.0/24'], expireTime };
  const made = await admin.createKey({
    tenant: 'limited',
    kind: TenantKeyKind.SECRET,
    scopes: ['users.read'],
    ...secret,
  });
  expect(made.key).toMatchObject(secret);
  const origins = ['https://app.example.com'];
  await admin.createKey({ tenant: 'limited', kind: TenantKeyKind.PUBLISHABLE, origins });
  const { keys } = await admin.listKeys({ tenant: 'limited' });
  expect(keys.find(({ name }) => name === 'Billing')).toMatchObject(secret);
  expect(keys.some((key) => key.origins.includes('https://app.example.com'))).toBe(true);
  const misplaced = admin.createKey({ tenant: 'limited', kind: TenantKeyKind.SECRET, origins });
  expect(await failureOf(misplaced)).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', { origins: 'FIELD_INVALID' }),
  );
});

test('every change leaves an audit line that names the operator’s key', async () => {
  const { id } = await makeTenant(admin, 'audited');
  await admin.updateTenant({ tenant: 'audited', name: 'Audited' });
  const events = await testApp().app.store.events.list({ tenantId: id }, 10);
  expect(events.reverse().map(({ type }) => type)).toEqual([
    'tenant.created',
    'key.created',
    'key.created',
    'tenant.updated',
  ]);
  expect(new Set(events.map(({ keyId }) => keyId)).size).toBe(1);
  expect(events[0]?.keyId).toMatch(/^[0-9a-f-]{36}$/);
});

test('stores a secret of a tenant and records only its name', async () => {
  const { id } = await makeTenant(admin, 'secretive');
  await admin.setTenantSecret({ tenant: 'secretive', name: 'google_client_secret', value: 'hidden-47' });
  const [event] = await testApp().app.store.events.list({ tenantId: id }, 1);
  expect(event).toMatchObject({ type: 'tenant_secret.changed', details: { name: 'google_client_secret' } });
  expect(JSON.stringify(event)).not.toContain('hidden-47');
});
