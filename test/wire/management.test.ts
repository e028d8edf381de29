import { expect, test } from 'vitest';
import { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import { freshEmail, useTestApp } from '../support/app.ts';
import { makeMember } from '../support/members.ts';
import { protocols } from '../support/protocols.ts';

const testApp = useTestApp();

test.each(protocols)('$name: a key and a member manage the same users', async ({ connect }) => {
  const member = await makeMember(testApp(), 'admin');
  const byKey = connect(ManagementService, testApp().url, { 'x-api-key': testApp().dev.secret });
  const byMember = connect(ManagementService, testApp().url, member.headers);
  const email = freshEmail();
  const { user } = await byKey.createUser({ email, firstName: 'Sara', silent: true });
  const userId = user?.userId ?? '';
  const { users, nextPageToken } = await byMember.listUsers({ query: email });
  expect(users.map((each) => each.userId)).toEqual([userId]);
  expect(nextPageToken).toBe('');
  const updated = await byMember.updateUser({ userId, updateMask: { paths: ['last_name'] }, lastName: 'A' });
  expect(updated.user).toMatchObject({ firstName: 'Sara', lastName: 'A' });
  await byMember.disableUser({ userId });
  expect((await byKey.getUser({ userId })).user?.state).toBe('disabled');
  expect((await byKey.deleteUser({ userId })).receipt).not.toBe('');
});
