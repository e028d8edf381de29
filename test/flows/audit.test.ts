import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { systemRandom } from '../../src/adapters/random.ts';
import { record } from '../../src/flows/events/record.ts';
import { masterKeys, password, useTestApp } from '../support/app.ts';
import { failureOf } from '../support/errors.ts';
import { bearer, signUp } from '../support/journey.ts';

const testApp = useTestApp();
const run = promisify(execFile);
const root = new URL('../..', import.meta.url).pathname;

test('records actor, event, network and outcome of every decision, and no secret', async () => {
  const { client, app } = testApp();
  const user = await signUp(testApp());
  await failureOf(client(AuthService).login({ email: user.email, password: 'wrong-password-47' }));
  await client(AuthService).refreshToken({ refreshToken: user.refreshToken });
  await client(AuthService, bearer(user.accessToken)).reauthenticate({ password });
  await client(AuthService, bearer(user.accessToken)).revokeOtherSessions({});
  await client(AuthService, bearer(user.accessToken)).logout({});

  const tenant = await app.store.tenants.findBySlug('dev');
  const events = await app.store.events.list({ tenantId: tenant?.id ?? '', userId: user.userId }, 100);
  expect(events.reverse().map(({ type, outcome, reason }) => `${type} ${outcome} ${reason}`.trim())).toEqual([
    'user.registered success',
    'identifier.confirmed success',
    'session.started success',
    'sign_in.failed failure CREDENTIALS_INVALID',
    'session.refreshed success',
    'step_up.completed success',
    'sessions.ended success',
    'session.ended success',
  ]);
  const text = JSON.stringify(events);
  for (const secret of [user.email, password, user.accessToken, user.refreshToken])
    expect(text).not.toContain(secret);
});

test('following the log by small pages misses no event', async () => {
  const { store } = testApp().app;
  const tenantId = (await store.tenants.findBySlug('dev'))?.id ?? '';
  const user = await signUp(testApp());
  await testApp().client(AuthService, bearer(user.accessToken)).logout({});
  const [first, ...later] = (await store.events.list({ tenantId, userId: user.userId }, 100)).reverse();
  const seen: string[] = [];
  for (let afterId = first?.id ?? ''; ; ) {
    const page = (await store.events.list({ tenantId, userId: user.userId, afterId }, 1)).reverse();
    if (page.length === 0) break;
    seen.push(...page.map(({ id }) => id));
    afterId = page.at(-1)?.id ?? '';
  }
  expect(seen).toEqual(later.map(({ id }) => id));
  expect(seen.length).toBeGreaterThan(1);
});

test('searches and follows the log', async () => {
  const { client, databaseUrl } = testApp();
  const user = await signUp(testApp());
  await failureOf(client(AuthService).login({ email: user.email, password: 'wrong-password-47' }));
  const env = {
    ...process.env,
    DATABASE_URL: databaseUrl,
    MANAM_MASTER_KEY: masterKeys.current.toString('base64'),
  };
  const manam = (...args: string[]) =>
    run('node', ['src/main.ts', 'audit', ...args], {
      cwd: root,
      env,
    });

  const { stdout } = await manam('search', '--user', user.userId, '--outcome', 'failure', '--json');
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>);
  expect(lines).toMatchObject([
    {
      action: 'sign_in.failed',
      outcome: 'failure',
      reason: 'CREDENTIALS_INVALID',
      details: { method: 'password' },
      userId: user.userId,
    },
  ]);
  const table = await manam('search', '--user', user.userId, '--action', 'session.started');
  expect(table.stdout.split('\n')[0]).toBe('createdAt\taction\toutcome\treason\tuserId\taddress\trequestId');
  await expect(manam('search', '--tenant', 'nobody')).rejects.toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/^manam: \S/),
  });
  await expect(manam('search', '--limit', '0')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('whole number'),
  });

  const tail = execFile('node', ['src/main.ts', 'audit', 'tail', '--json'], {
    cwd: root,
    env,
  });
  const seen = new Promise<void>((resolve) => {
    let output = '';
    tail.stdout?.on('data', (chunk: string) => {
      output += chunk;
      if (output.includes('"action":"session.ended"')) resolve();
    });
  });
  await client(AuthService, bearer(user.accessToken)).logout({});
  await seen;
  tail.kill('SIGTERM');
  expect(await new Promise((resolve) => tail.once('exit', resolve))).toBe(0);
}, 60_000);

test('rejects an event that the called method does not declare', async () => {
  const { store } = testApp().app;
  const tenantId = (await store.tenants.findBySlug('dev'))?.id ?? '';
  const actor = {
    tenant: { id: tenantId },
    key: undefined,
    requestId: systemRandom.uuid(),
    client: { address: '', userAgent: '' },
    emits: new Set(['session.ended']),
  };
  const deps = { clock: () => new Date(), random: systemRandom };
  await expect(record(store, deps, actor, { type: 'user.disabled' })).rejects.toMatchObject({
    reason: 'INTERNAL',
    cause: new Error('the method does not declare to emit user.disabled'),
  });
  expect((await store.events.list({ tenantId }, 100)).map(({ type }) => type)).not.toContain('user.disabled');
});
