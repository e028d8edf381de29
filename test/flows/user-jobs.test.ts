import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import { freshEmail, useTestApp } from '../support/app.ts';
import { failureOf } from '../support/errors.ts';
import { signUp } from '../support/journey.ts';
import { makeMember } from '../support/members.ts';

const testApp = useTestApp();
const byKey = (text = testApp().dev.secret, more: Record<string, string> = {}) =>
  testApp().client(ManagementService, { 'x-api-key': text, ...more });

async function makeUsers(count: number, prefix = ''): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const { user } = await byKey().createUser({ email: `${prefix}${freshEmail()}`, silent: true });
    ids.push(user?.userId ?? '');
  }
  return ids;
}

/** Waits for the end of a job. */
async function ended(jobId: string) {
  const read = async () => (await byKey().getUserJob({ jobId })).job;
  await expect.poll(async () => (await read())?.state, { timeout: 30_000 }).not.toBe('running');
  return await read();
}

test('users that are named are disabled, and one that is gone is counted as failed', async () => {
  const ids = await makeUsers(25);
  const [gone = ''] = ids;
  await byKey().deleteUser({ userId: gone });
  const admin = await makeMember(testApp(), 'admin');
  const client = testApp().client(ManagementService, admin.headers);
  const { job } = await client.startUserJob({ action: 'disable', userIds: [...ids, gone] });
  expect(job).toMatchObject({ action: 'disable', state: 'running', done: 0 });
  expect(await ended(job?.jobId ?? '')).toMatchObject({ state: 'done', done: 24, failed: 1 });
  for (const userId of ids.slice(1)) expect((await client.getUser({ userId })).user?.state).toBe('disabled');
  const rows = await testApp().sql(
    "SELECT details FROM events WHERE type IN ('user.disabled', 'users.job_ended')",
  );
  expect(rows).toHaveLength(25);
  for (const { details } of rows) expect(JSON.parse(String(details))).toMatchObject({ member: admin.userId });
});

test('users that a query finds get roles, lose their sessions and are deleted', async () => {
  const ids = await makeUsers(22, 'bulk-');
  const run = async (request: Parameters<ReturnType<typeof byKey>['startUserJob']>[0]) =>
    await ended((await byKey().startUserJob(request)).job?.jobId ?? '');
  expect(await run({ action: 'set-roles', query: 'bulk-', roles: ['user'] })).toMatchObject({ done: 22 });
  expect((await byKey().getUser({ userId: ids[21] ?? '' })).user?.roles).toEqual(['user']);
  const { userId } = await signUp(testApp());
  expect(await run({ action: 'end-sessions', userIds: [userId] })).toMatchObject({ done: 1 });
  expect((await byKey().listUserSessions({ userId })).sessions).toEqual([]);
  await run({ action: 'disable', userIds: [userId] });
  await run({ action: 'enable', state: 'disabled' });
  expect((await byKey().getUser({ userId })).user?.state).toBe('active');
  expect(await run({ action: 'delete', query: 'bulk-' })).toMatchObject({ done: 22, failed: 0 });
  expect((await byKey().listUsers({ query: 'bulk-' })).users).toEqual([]);
  expect((await byKey().listUserJobs({})).jobs.length).toBeGreaterThan(3);
});

test('the same idempotency key begins one job', async () => {
  const userIds = await makeUsers(1);
  const client = byKey(testApp().dev.secret, { 'idempotency-key': 'one-job' });
  const [first, second] = [
    await client.startUserJob({ action: 'enable', userIds }),
    await client.startUserJob({ action: 'enable', userIds }),
  ];
  expect(second.job?.jobId).toBe(first.job?.jobId);
});

test('everyone is meant only where that is said', async () => {
  expect(await failureOf(byKey().startUserJob({ action: 'delete' }))).toMatchObject({
    fields: { user_ids: 'FIELD_REQUIRED' },
  });
  for (const [request, field] of [
    [{ action: 'explode', userIds: [] }, 'action'],
    [{ action: 'enable', userIds: ['nobody'] }, 'user_ids'],
    [{ action: 'set-roles', all: true, roles: ['king'] }, 'roles'],
    [{ action: 'enable', query: 'a', state: 'active' }, 'state'],
  ] as const)
    expect(await failureOf(byKey().startUserJob(request as never))).toMatchObject({
      reason: 'REQUEST_INVALID',
      fields: { [field]: expect.any(String) },
    });
  expect((await byKey().startUserJob({ action: 'enable', all: true })).job?.state).toBe('running');
});

test('a job stops with the power of the one who began it, and is cancelled by call', async () => {
  const { store } = testApp().app;
  const tenant = await store.tenants.findBySlug('dev');
  const later = new Date(testApp().now().getTime() + 3_600_000);
  const [userId = ''] = await makeUsers(1);
  const admin = await makeMember(testApp(), 'admin');
  const job = {
    tenantId: tenant?.id ?? '',
    id: crypto.randomUUID(),
    action: 'disable' as const,
    users: { ids: [userId] },
    roles: [],
    state: 'running' as const,
    position: { index: 0 },
    done: 0,
    failed: 0,
    keyId: undefined,
    memberId: admin.userId,
    requestId: '',
    createdAt: testApp().now(),
    endedAt: undefined,
    leaseUntil: later,
  };
  await store.userJobs.insert(job);
  await store.members.delete(job.tenantId, admin.userId);
  await testApp().sql('UPDATE user_jobs SET lease_until = created_at WHERE id = UNHEX(?)', [
    job.id.replaceAll('-', ''),
  ]);
  expect(await ended(job.id)).toMatchObject({ state: 'cancelled', done: 0 });
  expect((await byKey().getUser({ userId })).user?.state).toBe('active');

  const held = { ...job, id: crypto.randomUUID() };
  await store.userJobs.insert(held);
  expect((await byKey().cancelUserJob({ jobId: held.id })).job?.state).toBe('cancelled');
  expect(await failureOf(byKey().cancelUserJob({ jobId: crypto.randomUUID() }))).toMatchObject({
    reason: 'NOT_FOUND',
  });
});

test('five jobs of a tenant run at a time', async () => {
  const { store } = testApp().app;
  const tenant = await store.tenants.findBySlug('dev');
  const [userId = ''] = await makeUsers(1);
  const ids: string[] = [];
  for (let index = 0; index < 5; index += 1) {
    const id = crypto.randomUUID();
    ids.push(id);
    await store.userJobs.insert({
      tenantId: tenant?.id ?? '',
      id,
      action: 'enable',
      users: { ids: [userId] },
      roles: [],
      state: 'running',
      position: { index: 0 },
      done: 0,
      failed: 0,
      keyId: undefined,
      memberId: undefined,
      requestId: '',
      createdAt: testApp().now(),
      endedAt: undefined,
      leaseUntil: new Date(testApp().now().getTime() + 3_600_000),
    });
  }
  expect(await failureOf(byKey().startUserJob({ action: 'enable', userIds: [userId] }))).toMatchObject({
    code: 'FailedPrecondition',
    reason: 'JOB_LIMIT',
  });
  for (const jobId of ids) await byKey().cancelUserJob({ jobId });
});

test('a job processes a user who matches two names once', async () => {
  const marker = `Parv${randomBytes(4).toString('hex')}`;
  for (const [firstName, lastName] of [
    [marker, `${marker}i`],
    [`${marker}é`, marker.toUpperCase()],
  ] as const)
    await byKey().createUser({ email: freshEmail(), firstName, lastName, silent: true });
  const request = { action: 'end-sessions', query: marker.toLowerCase() };
  expect(await ended((await byKey().startUserJob(request)).job?.jobId ?? '')).toMatchObject({
    done: 2,
    failed: 0,
  });
});
