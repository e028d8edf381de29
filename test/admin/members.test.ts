import { beforeAll, expect, test } from 'vitest';
import { type Admin, connectAdmin } from '../support/admin.ts';
import { useTestApp } from '../support/app.ts';
import { failureOf } from '../support/errors.ts';
import { signUpAtManam } from '../support/members.ts';

const testApp = useTestApp({ config: { admin: { host: '127.0.0.1', port: 0 } } });
let admin: Admin;
beforeAll(async () => {
  admin = await connectAdmin(testApp());
});

test('an operator gives a tenant its owner, changes roles, and keeps one owner', async () => {
  const [owner, other] = [await signUpAtManam(testApp()), await signUpAtManam(testApp())];
  const made = await admin.setTenantMember({ tenant: 'dev', user: owner.email, role: 'owner' });
  expect(made.member).toMatchObject({ userId: owner.userId, email: owner.email, role: 'owner' });
  await admin.setTenantMember({ tenant: 'dev', user: other.userId, role: 'viewer' });
  await admin.setTenantMember({ tenant: 'dev', user: other.email, role: 'support' });
  const { members } = await admin.listTenantMembers({ tenant: 'dev' });
  expect(members.map(({ email, role }) => [email, role])).toEqual([
    [owner.email, 'owner'],
    [other.email, 'support'],
  ]);
  expect(await failureOf(admin.removeTenantMember({ tenant: 'dev', user: owner.email }))).toMatchObject({
    reason: 'LAST_OWNER',
  });
  await admin.removeTenantMember({ tenant: 'dev', user: other.email });
  expect(await failureOf(admin.removeTenantMember({ tenant: 'dev', user: other.email }))).toMatchObject({
    reason: 'NOT_FOUND',
  });
});

test('only users of Manam become members, and Manam itself has none', async () => {
  const { email } = await signUpAtManam(testApp());
  for (const request of [
    { tenant: 'dev', user: 'nobody@example.com', role: 'viewer' },
    { tenant: 'manam', user: email, role: 'viewer' },
    { tenant: 'nowhere', user: email, role: 'viewer' },
  ])
    expect(await failureOf(admin.setTenantMember(request))).toMatchObject({ reason: 'NOT_FOUND' });
  expect(await failureOf(admin.setTenantMember({ tenant: 'dev', user: email, role: 'king' }))).toMatchObject({
    reason: 'REQUEST_INVALID',
  });
});
