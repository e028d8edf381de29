import { beforeAll, expect, test } from 'vitest';
import { type Admin, connectAdmin } from '../support/admin.ts';
import { useTestApp } from '../support/app.ts';
import { failureOf } from '../support/errors.ts';
import { basic, makeApplication, post } from '../support/openid.ts';

const testApp = useTestApp({ config: { admin: { host: '127.0.0.1', port: 0 } } });
let admin: Admin;
beforeAll(async () => {
  admin = await connectAdmin(testApp());
});

test('an operator’s key makes an application, changes it, replaces its secret and deletes it', async () => {
  const made = await admin.createApplication({ tenant: 'dev', settings: { kind: 'machine', name: 'Jobs' } });
  const { clientId = '' } = made.application ?? {};
  const named = { tenant: 'dev', clientId };
  const statusOf = async (secret: string) => {
    const headers = basic({ clientId, secret });
    return (await post(testApp(), 'token', { grant_type: 'client_credentials' }, { headers })).status;
  };
  const { application } = await admin.updateApplication({ ...named, settings: { accessTokenMinutes: 5 } });
  expect(application?.settings).toMatchObject({ name: 'Jobs', accessTokenMinutes: 5 });
  const replaced = await admin.rotateApplicationSecret({ ...named, overlap: { seconds: 0n } });
  expect(await statusOf(made.clientSecret)).toBe(401);
  expect(await statusOf(replaced.clientSecret)).toBe(200);
  await admin.deleteApplication(named);
  expect(await failureOf(admin.deleteApplication(named))).toMatchObject({ reason: 'NOT_FOUND' });
});

test.each(['token', 'introspect', 'revoke', 'device_authorization', 'par'])(
  'wrong credentials at %s are refused with a challenge, and are an event',
  async (path) => {
    const application = await makeApplication(testApp(), { deviceGrant: true });
    const headers = basic({ ...application, secret: `${application.secret}x` });
    const answer = await post(testApp(), path, { token: 'x', grant_type: 'client_credentials' }, { headers });
    expect([answer.status, answer.body['error']]).toEqual([401, 'invalid_client']);
    expect(answer.headers.get('www-authenticate')).toBe('Basic realm="manam"');
  },
);
