import { getOption } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { http } from '../../gen/google/api/annotations_pb.js';
import { AdminService } from '../../gen/manam/admin/v1/admin_service_pb.js';
import { access, KeyKind } from '../../gen/manam/options/v1/access_pb.js';
import { makeAdminKey } from '../support/admin.ts';
import { useTestApp } from '../support/app.ts';
import { failure, failureOf, shapeOf } from '../support/errors.ts';
import { bearer, signUp } from '../support/journey.ts';
import { protocols } from '../support/protocols.ts';
import { tampered } from '../support/tampered.ts';

const testApp = useTestApp({ config: { admin: { host: '127.0.0.1', port: 0 } } });
const refused = failure('Unauthenticated', 'ADMIN_KEY_INVALID');

for (const { name, connect } of protocols) {
  test(`over ${name} an operator’s key opens the admin service, and nothing else does`, async () => {
    const { adminUrl, dev } = testApp();
    const text = await makeAdminKey(testApp());
    const { accessToken } = await signUp(testApp());
    const call = (headers: Record<string, string>) =>
      connect(AdminService, adminUrl, headers).getTenant({ tenant: 'dev' });
    expect((await call(bearer(text))).tenant?.slug).toBe('dev');
    for (const headers of [
      {},
      bearer(tampered(text)),
      bearer(dev.secret),
      bearer(accessToken),
      { apieco_key: dev.secret },
      { apieco_key: text },
      { authorization: 'Bearer' },
      { ...bearer(text), origin: 'http://localhost:3000' },
    ]) {
      expect(await failureOf(call(headers)), JSON.stringify(Object.keys(headers))).toEqual(refused);
    }
  });
}

test('serves operators’ RPCs over REST with the usual routes, responses and errors', async () => {
  const { adminUrl } = testApp();
  const headers = { ...bearer(await makeAdminKey(testApp())), 'content-type': 'application/json' };
  const send = async (method: string, path: string, body?: object) => {
    const response = await fetch(adminUrl + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const policy = { senders: { default: 'info@rest.example' } };
  expect(await send('POST', '/admin/tenants', { slug: 'rest', policy })).toMatchObject({
    status: 200,
    body: { status: 'success', tenant: { slug: 'rest', state: 'TENANT_STATE_ACTIVE' } },
  });
  expect(await send('POST', '/admin/tenants/rest:suspend')).toMatchObject({
    body: { tenant: { state: 'TENANT_STATE_SUSPENDED' } },
  });
  expect(await send('POST', '/admin/tenants/rest', { policy: { origins: ['x'] } })).toMatchObject({
    status: 400,
    body: {
      reason: 'REQUEST_INVALID',
      errors: { 'policy.origins.0': [expect.stringContaining('must be an origin')] },
    },
  });
  expect(await send('DELETE', '/admin/tenants/rest')).toMatchObject({ body: { done: true } });
  expect(await send('GET', '/admin/tenants/rest')).toMatchObject({
    status: 404,
    body: { reason: 'NOT_FOUND' },
  });
});

test('every RPC of the admin service is an operator’s alone and has a route', () => {
  for (const method of AdminService.methods) {
    expect(getOption(method, access).key, method.name).toBe(KeyKind.ADMIN);
    expect(getOption(method, http).pattern.case, method.name).toBeDefined();
  }
});

test('without a key no RPC of the admin service does anything', async () => {
  const [first] = protocols;
  const client = first?.connect(AdminService, testApp().adminUrl, {}) as unknown as Record<
    string,
    (request: object) => Promise<unknown>
  >;
  for (const method of AdminService.methods) {
    const error = await client[method.localName]?.({}).catch((thrown: unknown) => shapeOf(thrown));
    expect(error, method.name).toEqual(refused);
  }
});

test('does not serve the admin service on the public address', async () => {
  const headers = { ...bearer(await makeAdminKey(testApp())), 'content-type': 'application/json' };
  for (const path of ['/manam.admin.v1.AdminService/ListTenants', '/admin/tenants']) {
    const response = await fetch(testApp().url + path, { method: 'POST', headers, body: '{}' });
    expect(response.status).toBe(404);
  }
});

test('a revoked operator’s key is rejected by the next call', async () => {
  const [first] = protocols;
  if (first === undefined) throw new Error('there is a protocol');
  const admin = first.connect(AdminService, testApp().adminUrl, bearer(await makeAdminKey(testApp())));
  const { adminKey, text } = await admin.createAdminKey({ name: 'pipeline' });
  const other = first.connect(AdminService, testApp().adminUrl, bearer(text));
  expect((await other.listAdminKeys({})).adminKeys.map(({ name }) => name)).toContain('pipeline');
  await admin.revokeAdminKey({ keyId: adminKey?.keyId ?? '' });
  expect(await failureOf(other.listAdminKeys({}))).toEqual(refused);
  expect(await failureOf(admin.revokeAdminKey({ keyId: adminKey?.keyId ?? '' }))).toEqual(
    failure('NotFound', 'NOT_FOUND'),
  );
});
