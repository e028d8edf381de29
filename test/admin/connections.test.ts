import { exportPKCS8, generateKeyPair } from 'jose';
import { beforeAll, expect, test } from 'vitest';
import { maxConnections } from '../../src/domain/connection.ts';
import { type Admin, connectAdmin, makeTenant } from '../support/admin.ts';
import { useTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';

const testApp = useTestApp({ config: { admin: { host: '127.0.0.1', port: 0 } } });
let admin: Admin;
beforeAll(async () => {
  admin = await connectAdmin(testApp());
  await makeTenant(admin, 'acme', {});
});

const okta = { issuer: 'https://acme.okta.com', clientId: '0oa1' };

test('an operator makes a connection, changes it, keeps its secret, and deletes it', async () => {
  const made = await admin.setConnection({ tenant: 'acme', name: 'okta', settings: okta });
  const origin = new URL(made.connection?.redirectUri ?? '').origin;
  expect(made.connection).toMatchObject({
    name: 'okta',
    settings: { kind: 'oidc', enabled: true, ...okta, domains: [] },
    hasSecret: false,
    redirectUri: `${origin}/login/callback/acme/okta`,
    logoutUri: `${origin}/login/logout/acme/okta`,
  });
  await admin.setConnectionSecret({ tenant: 'acme', name: 'okta', value: 'top secret' });
  const changed = await admin.setConnection({
    tenant: 'acme',
    name: 'okta',
    settings: { domains: ['acme.com'] },
  });
  expect(changed.connection).toMatchObject({ settings: { ...okta, domains: ['acme.com'] }, hasSecret: true });
  const { connections } = await admin.listConnections({ tenant: 'acme' });
  expect(connections.map(({ name, hasSecret }) => [name, hasSecret])).toEqual([['okta', true]]);
  const tenant = await testApp().app.store.tenants.findBySlug('acme');
  expect(await testApp().app.store.connections.findSecret(tenant?.id ?? '', 'okta')).toBe('top secret');
  const [row] = await testApp().sql('SELECT HEX(secret) AS secret FROM connections');
  expect(row?.['secret']).not.toContain(Buffer.from('top secret').toString('hex').toUpperCase());
  await admin.deleteConnection({ tenant: 'acme', name: 'okta' });
  expect((await admin.listConnections({ tenant: 'acme' })).connections).toEqual([]);
  const { events } = await admin.listAuditEvents({ tenant: 'acme' });
  expect(events.map(({ action }) => action).filter((action) => action.startsWith('connection.'))).toEqual([
    'connection.deleted',
    'connection.updated',
    'connection.secret_changed',
    'connection.created',
  ]);
  expect(
    JSON.stringify(events, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
  ).not.toContain('top secret');
});

test('what is wrong with a connection is said by path, and nothing changes', async () => {
  const set = (name: string, settings: Record<string, unknown>) =>
    failureOf(admin.setConnection({ tenant: 'acme', name, settings: settings as never }));
  expect(await set('Okta', okta)).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', { name: 'FIELD_INVALID' }),
  );
  expect(await set('okta', { ...okta, issuer: '', domains: ['x'] })).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', { 'settings.domains.0': 'FIELD_INVALID' }),
  );
  await admin.setConnection({ tenant: 'acme', name: 'okta', settings: okta });
  expect(await set('okta', { kind: 'github', issuer: null })).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', { 'settings.kind': 'FIELD_INVALID' }),
  );
  const nothing = failure('NotFound', 'NOT_FOUND');
  expect(await failureOf(admin.listConnections({ tenant: 'nobody' }))).toEqual(nothing);
  expect(await failureOf(admin.setConnection({ tenant: 'nobody', name: 'okta', settings: okta }))).toEqual(
    nothing,
  );
  for (const name of ['other', 'Okta'])
    expect(await failureOf(admin.setConnectionSecret({ tenant: 'acme', name, value: 'x' }))).toEqual(nothing);
  expect(await failureOf(admin.deleteConnection({ tenant: 'acme', name: 'other' }))).toEqual(nothing);
});

test('the secret of Apple is a private key', async () => {
  const apple = { kind: 'apple', clientId: 'com.acme.web', teamId: 'TEAM123456', keyId: 'KEY1234567' };
  await admin.setConnection({ tenant: 'acme', name: 'apple', settings: apple });
  const set = (value: string) => admin.setConnectionSecret({ tenant: 'acme', name: 'apple', value });
  expect(await failureOf(set('not a key'))).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', { value: 'FIELD_INVALID' }),
  );
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  await set(await exportPKCS8(privateKey));
  await set('');
});

test('a tenant has so many connections and no more', async () => {
  await makeTenant(admin, 'many', {});
  for (let count = 0; count < maxConnections; count += 1)
    await admin.setConnection({ tenant: 'many', name: `c${count}`, settings: okta });
  expect(await failureOf(admin.setConnection({ tenant: 'many', name: 'more', settings: okta }))).toEqual(
    failure('FailedPrecondition', 'CONNECTION_LIMIT'),
  );
  await admin.setConnection({ tenant: 'many', name: 'c1', settings: { enabled: false } });
});
