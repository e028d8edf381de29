import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { createProgram } from '../../src/cli/program.ts';
import { policyPatch } from '../../src/cli/tenant.ts';
import { makeAdminKey } from '../support/admin.ts';
import { freshEmail, masterKeys, password, useTestApp } from '../support/app.ts';
import { runCommand } from '../support/command.ts';
import { createTestDatabase } from '../support/database.ts';
import { enrolTotp, freshMobile, register, signUp } from '../support/journey.ts';

const testApp = useTestApp({ config: { admin: { host: '127.0.0.1', port: 0 } } });
const root = new URL('../..', import.meta.url).pathname;
let local: Record<string, string> = {};
let remote: Record<string, string> = {};
beforeAll(async () => {
  local = {
    MANAM_ISSUER: 'https://id.example.com',
    DATABASE_URL: testApp().databaseUrl,
    MANAM_MASTER_KEY: masterKeys.current.toString('base64'),
  };
  remote = { MANAM_ADMIN_URL: testApp().adminUrl, MANAM_ADMIN_KEY: await makeAdminKey(testApp()) };
});

const manam = (args: string[], env: Record<string, string> = local) => runCommand(args, env);

async function json(args: string[], env: Record<string, string> = local): Promise<Record<string, unknown>> {
  const { code, out, err } = await manam([...args, '--json'], env);
  if (code !== 0) throw new Error(`manam ${args.join(' ')} ended with ${code}: ${err}`);
  return JSON.parse(out) as Record<string, unknown>;
}

test('an operator makes a tenant with its keys, and its users can sign up', async () => {
  const made = await manam([
    'tenant',
    'create',
    'shop',
    '--name',
    'My Shop',
    '--set',
    'senders.default=info@shop.example',
    '--set',
    'countries=["IR","DE"]',
  ]);
  expect(made).toMatchObject({ code: 0, err: '' });
  expect(made.out).toMatch(/^ID +SLUG +NAME +STATE +CREATED\n[0-9a-f-]{36} +shop +My Shop +active +20\d\d-/);
  const shown = await manam([
    ...['key', 'create', '--tenant', 'shop', '--kind', 'publishable'],
    ...['--name', 'Shop page', '--days', '30'],
  ]);
  const [key = ''] = shown.out.split('\n');
  expect(shown.out.split('\n')[1]).toContain('not shown again');
  const user = await signUp(testApp(), { apieco_key: key });
  expect((await json(['user', 'show', user.email, '--tenant', 'shop']))['user']).toMatchObject({
    user_id: user.userId,
    email_confirmed: true,
  });
  const listed = await manam(['key', 'list', '--tenant', 'shop']);
  expect(listed.out).toMatch(
    /Shop page +publishable +- +20\d\d-[\dT:-]+Z +(?:-|20\d\d-[\dT:-]+Z) +20\d\d-[\dT:-]+Z\n$/,
  );
  expect(listed.out).not.toContain('manam_pk_');
  const { tenant } = (await json(['tenant', 'show', 'shop'])) as { tenant: { policy: object } };
  expect(tenant.policy).toMatchObject({
    countries: ['IR', 'DE'],
    senders: { addresses: ['info@shop.example'] },
  });
  expect((await manam(['tenant', 'list'])).out).toMatch(/^SLUG .*\ndev .*\nmanam .*\nshop +My Shop/);
}, 60_000);

test('the same command asks a service at a distance, with an operator’s key', async () => {
  const [here, there] = [
    await json(['tenant', 'show', 'dev']),
    await json(['tenant', 'show', 'dev'], remote),
  ];
  expect(there).toEqual(here);
  expect(await manam(['tenant', 'list'], { ...remote, MANAM_ADMIN_KEY: 'manam_ak_wrong' })).toMatchObject({
    code: 4,
    err: "manam: This operator's key is not valid.\n",
  });
  expect(await manam(['tenant', 'list'], { MANAM_ADMIN_URL: 'http://127.0.0.1:1' })).toMatchObject({
    code: 2,
  });
  expect(await manam(['tenant', 'list'], { ...remote, MANAM_ADMIN_URL: 'http://127.0.0.1:1' })).toMatchObject(
    { code: 5 },
  );
}, 60_000);

test('reports an error in a policy by its path and sets the exit code', async () => {
  const wrong = await manam(['tenant', 'set', 'dev', '--set', 'password.minLength=3', '--set', 'colour=red']);
  expect(wrong).toMatchObject({
    code: 2,
    out: '',
    err: 'manam: policy.password.minLength: must be at least 8\nmanam: policy.colour: This field is not known.\n',
  });
  expect(await manam(['tenant', 'show', 'nobody'])).toMatchObject({
    code: 3,
    out: '',
    err: 'manam: not found: tenant nobody\n',
  });
  expect(await manam(['tenant', 'create', 'dev', '--set', 'senders.default=a@b.com'])).toMatchObject({
    code: 4,
  });
  expect(await manam(['tenant', 'create'])).toMatchObject({
    code: 2,
    err: expect.stringContaining("missing required argument 'slug'"),
  });
  expect(
    await manam(['tenant', 'list'], { ...local, DATABASE_URL: 'mysql://root@127.0.0.1:1/manam' }),
  ).toMatchObject({ code: 5 });
  expect(await manam(['tenant', 'list'], { ...local, MANAM_MASTER_KEY: 'AAAA' })).toMatchObject({ code: 2 });
}, 60_000);

test('a command that is not told where the service is makes no tenant whose links lead nowhere', async () => {
  const { MANAM_ISSUER: _, ...untold } = local;
  const made = await manam(
    ['tenant', 'create', 'lost', '--set', 'senders.default=info@lost.example'],
    untold,
  );
  expect(made).toMatchObject({
    code: 2,
    err: expect.stringContaining('policy.pages.confirm: must be an https URL'),
  });
});

test('a next master key of the environment is taken over by the data folder that it seals', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'manam-key-'));
  const database = await createTestDatabase();
  const env = { DATABASE_URL: database.url, MANAM_DATA: folder, MANAM_ISSUER: 'https://id.example.com' };
  await manam(['migrate', 'up'], env);
  await manam(['signing-key', 'list'], env);
  const next = Buffer.from('a next master key, of 32 bytes..').toString('base64');
  await json(['master-key', 'rotate', '--yes'], { ...env, MANAM_NEXT_MASTER_KEY: next });
  expect(readFileSync(join(folder, 'master.key'), 'utf8')).toBe(next);
  expect((await manam(['signing-key', 'list'], env)).code).toBe(0);
  rmSync(folder, { recursive: true });
  await database.drop();
});

test('what cannot be undone asks first, and where no one can be asked wants --yes', async () => {
  await json(['tenant', 'create', 'gone', '--set', 'senders.default=info@gone.example']);
  const refused = { code: 4, out: '', err: 'manam: nobody can be asked here: say --yes to go on\n' };
  expect(await manam(['tenant', 'suspend', 'gone'])).toMatchObject(refused);
  expect(await manam(['tenant', 'delete', 'gone', '--yes'])).toMatchObject({
    code: 4,
    err: 'manam: The tenant has to be suspended first.\n',
  });
  expect(await manam(['tenant', 'suspend', 'gone', '--yes'])).toMatchObject({ code: 0 });
  expect(await json(['tenant', 'delete', 'gone', '--yes'])).toEqual({ done: true, deleted_users: 0 });
  expect(await manam(['tenant', 'show', 'gone'])).toMatchObject({ code: 3 });
  for (const args of [
    ['user', 'delete', 'x', '--tenant', 'dev'],
    ['key', 'revoke', 'x', '--tenant', 'dev'],
    ['master-key', 'rotate'],
    ['admin-key', 'revoke', 'x'],
  ]) {
    expect(await manam(args), args.join(' ')).toMatchObject(refused);
  }
}, 60_000);

test('users are disabled, enabled, confirmed, given roles and deleted', async () => {
  const { email } = await signUp(testApp());
  const of = ['--tenant', 'dev'];
  expect((await manam(['user', 'disable', email, ...of])).out).toContain('disabled');
  await expect(testApp().client(AuthService).login({ email, password })).rejects.toThrowError();
  expect((await manam(['user', 'enable', email, ...of])).out).toContain('active');
  expect((await json(['user', 'role', email, ...of, '--role', 'admin']))['user']).toMatchObject({
    roles: ['admin'],
  });
  expect((await json(['user', 'confirm', email, ...of]))['user']).toMatchObject({ email_confirmed: true });
  const { users } = (await json(['user', 'search', email.slice(0, 12), ...of])) as { users: object[] };
  expect(users).toMatchObject([{ email }]);
  expect(await manam(['user', 'delete', email, ...of, '--yes'])).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^deleted; the receipt: eyJ[\w-]+\.[\w-]+\.[\w-]+\n$/),
  });
  expect(await manam(['user', 'show', email, ...of])).toEqual({
    code: 3,
    out: '',
    err: `manam: not found: user ${email}, tenant dev\n`,
  });
}, 60_000);

test('users are made and listed, and those who lost a device are helped', async () => {
  const of = ['--tenant', 'dev'];
  const [email, mobile] = [freshEmail(), freshMobile()];
  for (const who of [
    [email, '--first-name', 'Sara'],
    [mobile, '--locale', 'fa'],
  ]) {
    const made = await manam(['user', 'create', ...who, ...of]);
    expect(made).toMatchObject({ code: 0, err: '' });
  }
  expect((await manam(['user', 'list', ...of])).out).toContain(email);
  const user = await enrolTotp(testApp(), await signUp(testApp()));
  const sessions = await manam(['user', 'sessions', user.email, ...of]);
  expect(sessions.out.split('\n')[0]).toMatch(/^ID +BEGAN +LAST USED +ADDRESS +METHODS +DEVICE$/);
  expect((await manam(['user', 'factors', user.email, ...of])).out).toMatch(/yes +0 +yes +no +10/);
  expect(await manam(['user', 'reset-factors', user.email, ...of, '--yes'])).toMatchObject({ code: 0 });
  expect((await manam(['user', 'factors', user.email, ...of])).out).toMatch(/yes +0 +no +no +0/);
  const { tokens } = await testApp().client(AuthService).login({ email: user.email, password });
  expect(tokens?.accessToken).toBeTruthy();
  expect((await manam(['user', 'end-sessions', user.email, ...of, '--yes'])).out).toMatch(/^ended: \d\n$/);
  const view = testApp().client(ProfileService, { authorization: `Bearer ${tokens?.accessToken}` });
  await expect(view.viewUser({})).rejects.toThrowError();
}, 90_000);

test('--version prints the version, and a reader that goes away early ends the command without a word', async () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  expect(await manam(['--version'])).toMatchObject({ code: 0, out: `${version}\n`, err: '' });
  for (const command of ['--help', 'user list --tenant dev', 'tenant list']) {
    const { stdout, stderr } = await promisify(execFile)(
      'sh',
      ['-c', `"$0" src/main.ts ${command} | head -1`, process.execPath],
      { cwd: root, env: { ...process.env, ...local } },
    );
    expect([command, stdout.split('\n').length, stderr]).toEqual([command, 2, '']);
  }
}, 60_000);

test('messages are listed, tried again and dropped, and templates shown', async () => {
  const email = freshEmail();
  await register(testApp(), email);
  const { messages } = (await json(['outbox', 'list', '--tenant', 'dev', '--state', 'queued'])) as {
    messages: { message_id: string }[];
  };
  const id = messages.at(-1)?.message_id ?? '';
  expect((await manam(['outbox', 'list'])).out).toMatch(/^ID +CHANNEL +STATE +ATTEMPTS/);
  expect((await manam(['outbox', 'retry', id])).out).toMatch(/email +queued +0/);
  expect(await manam(['outbox', 'drop', id])).toMatchObject({ code: 4 });
  expect((await manam(['outbox', 'drop', id, '--yes'])).out).toContain('DROPPED_BY_OPERATOR');
  expect(await manam(['outbox', 'retry', id])).toMatchObject({ code: 4 });
  expect(await manam(['outbox', 'list', '--state', 'lost'])).toMatchObject({ code: 2 });

  const file = join(mkdtempSync(join(tmpdir(), 'manam-preview-')), 'preview.html');
  const preview = await manam([
    'template',
    'preview',
    'confirm-email',
    '--locale',
    'fa',
    '--tenant',
    'dev',
    '--html',
    file,
  ]);
  expect(preview.out).toMatch(/^email, fa, the words that come with Manam\n\nتأیید/);
  expect(readFileSync(file, 'utf8')).toContain('dir="rtl"');
  expect((await manam(['template', 'list'])).out).toMatch(/confirm-sms +sms/);
});

test('migrations of an empty database are listed, demanded, and applied', async () => {
  const empty = await createTestDatabase();
  const env = { ...local, DATABASE_URL: empty.url };
  expect((await manam(['migrate', 'status'], env)).out).toMatch(/0001_foundation\.sql +-\n/);
  expect(await manam(['tenant', 'list'], env)).toMatchObject({
    code: 1,
    err: "manam: the database lacks migration 0001_foundation.sql: run 'manam migrate up'\n",
  });
  const unhealthy = await manam(['doctor'], env);
  expect(unhealthy.code).toBe(6);
  expect(unhealthy.out).toMatch(/error +database\.migrations +\d+ not applied.*\n +→ manam migrate up/);
  const start = promisify(execFile)('node', ['src/main.ts', 'start'], {
    cwd: root,
    env: {
      ...env,
      PATH: process.env['PATH'],
      MIGRATE_AT_START: 'false',
      PORT: '0',
      METRICS_PORT: 'off',
      LOG_LEVEL: 'silent',
    },
  });
  await expect(start).rejects.toMatchObject({
    code: 1,
    stderr: "manam: the database lacks migration 0001_foundation.sql: run 'manam migrate up'\n",
  });
  expect((await manam(['migrate', 'up'], env)).out).not.toMatch(/ -\n/);
  expect((await manam(['doctor'], env)).code).toBe(0);
  await empty.drop();
}, 60_000);

test('the doctor says what is wrong where nothing works', async () => {
  const down = await manam(['doctor'], { ...local, DATABASE_URL: 'mysql://root@127.0.0.1:1/manam' });
  expect(down.code).toBe(6);
  expect(down.out).toMatch(
    /^error +database\.connection +the database does not answer\n +→ check DATABASE_URL/,
  );
  const { findings } = (await json(['doctor'])) as { findings: { check: string; state: string }[] };
  expect(findings.find(({ check }) => check === 'keys.data')?.state).toBe('FINDING_STATE_OK');
  const wrongKey = await manam(['doctor'], {
    ...local,
    MANAM_MASTER_KEY: Buffer.from('another master key, also 32 byte').toString('base64'),
  });
  expect(wrongKey.code).toBe(6);
  expect(wrongKey.out).toMatch(/error +keys\.data +the master key does not open/);
}, 60_000);

test('the master key of a data folder is rotated in place', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'manam-key-'));
  const database = await createTestDatabase();
  const env = { DATABASE_URL: database.url, MANAM_DATA: folder, MANAM_ISSUER: 'https://id.example.com' };
  await manam(['migrate', 'up'], env);
  await json(['tenant', 'create', 'sealed', '--set', 'senders.default=info@sealed.example'], env);
  const before = readFileSync(join(folder, 'master.key'), 'utf8');
  expect(await json(['master-key', 'rotate', '--yes'], env)).toEqual({ data_keys: 1 });
  expect(readdirSync(folder)).toEqual(['master.key']);
  expect(readFileSync(join(folder, 'master.key'), 'utf8')).not.toBe(before);
  expect((await manam(['signing-key', 'list'], env)).code).toBe(0);
  writeFileSync(join(folder, 'master.key'), before);
  expect(await manam(['signing-key', 'list'], env)).toMatchObject({ code: 1 });
  rmSync(folder, { recursive: true });
  await database.drop();
}, 60_000);

test('every command ends its help with an example', () => {
  const walk = (command: ReturnType<typeof createProgram>): string[] =>
    command.commands.length === 0
      ? [command.name()].filter(() => {
          let help = '';
          command
            .configureOutput({
              writeOut: (text) => {
                help += text;
              },
            })
            .outputHelp();
          return !help.includes('Example:') || !help.includes('npm run -s manam -- ');
        })
      : command.commands.flatMap((child) => walk(child as typeof command));
  expect(walk(createProgram({}))).toEqual(['start']);
});

test('a path of --set reaches as deep as it says, and a prototype is not one', () => {
  expect(policyPatch({ set: ['a.b.c=1', 'a.b.d=x', 'e=["f"]', 'g=null'] })).toEqual({
    a: { b: { c: 1, d: 'x' } },
    e: ['f'],
    g: null,
  });
  const patch = policyPatch({ set: ['__proto__.polluted=1'] });
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  expect(Object.keys(patch ?? {})).toEqual(['__proto__']);
  expect(() => policyPatch({ set: ['nonsense'] })).toThrowError('--set nonsense: it has to be path=value');
});

test('a command that does not exist is named with the nearest one, also where a file is', async () => {
  expect(await manam(['nonsense'])).toMatchObject({
    code: 2,
    err: expect.stringContaining("unknown command 'nonsense'"),
  });
  expect(await manam(['tennant', 'list'])).toMatchObject({
    code: 2,
    err: expect.stringContaining("unknown command 'tennant'\n(Did you mean tenant?)"),
  });
  expect(await manam(['start', 'over'])).toMatchObject({
    code: 2,
    err: expect.stringContaining("too many arguments for 'start'"),
  });
  expect(await manam(['import', '/nonexistent.jsonl', '--tenant', 'dev'], local)).toMatchObject({
    code: 2,
    err: expect.stringContaining('/nonexistent.jsonl cannot be read: ENOENT'),
  });
});
