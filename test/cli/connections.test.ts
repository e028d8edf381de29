import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { masterKeys, useTestApp } from '../support/app.ts';
import { runCommand } from '../support/command.ts';

const testApp = useTestApp();
let env: Record<string, string> = {};
beforeAll(() => {
  env = {
    MANAM_ISSUER: 'https://id.example.com',
    DATABASE_URL: testApp().databaseUrl,
    MANAM_MASTER_KEY: masterKeys.current.toString('base64'),
  };
});
const manam = (...args: string[]) => runCommand(args, env);

/** A command in a process of its own, with something to read. */
async function withInput(input: string, ...args: string[]): Promise<string> {
  const root = new URL('../..', import.meta.url).pathname;
  const running = promisify(execFile)(process.execPath, [`${root}src/main.ts`, ...args], {
    env: { ...process.env, ...env },
  });
  running.child.stdin?.end(input);
  return (await running).stdout;
}

test('an operator connects a tenant with a provider, and is told what to register there', async () => {
  const made = await manam(
    ...['connection', 'set', 'dev', 'okta', '--set', 'issuer=https://acme.okta.com'],
    ...['--set', 'clientId=0oa1', '--set', 'domains=["acme.com"]'],
  );
  expect(made).toMatchObject({ code: 0, err: '' });
  expect(made.out).toMatch(
    /^NAME +KIND +ENABLED +SECRET +CLIENT ID +CHANGED\nokta +oidc +yes +no +0oa1 +20\d\d-/,
  );
  expect(made.out).toContain('redirect URI  https://id.example.com/login/callback/dev/okta\n');
  expect(made.out).toContain('logout URI    https://id.example.com/login/logout/dev/okta\n');
  expect(made.out).toContain('next: npm run -s manam -- connection secret dev okta < secret.txt\n');
  expect(await withInput('top secret\n', 'connection', 'secret', 'dev', 'okta')).toBe('kept\n');
  await expect(withInput('', 'connection', 'secret', 'dev', 'okta')).rejects.toMatchObject({
    code: 2,
    stderr: 'manam: standard input is empty: say --forget to forget the secret\n',
  });
  const listed = await manam('connection', 'list', 'dev', '--json');
  expect(JSON.parse(listed.out)).toMatchObject({
    connections: [{ name: 'okta', has_secret: true, settings: { kind: 'oidc', domains: ['acme.com'] } }],
  });
  expect(listed.out).not.toContain('top secret');
  expect((await manam('connection', 'list', 'dev')).out).toMatch(/okta +oidc +yes +yes/);
  expect(await manam('connection', 'delete', 'dev', 'okta', '--yes')).toMatchObject({
    code: 0,
    out: 'deleted\n',
  });
}, 60_000);

test('an id of digits stays a text', async () => {
  const made = await manam(
    'connection',
    'set',
    'dev',
    'facebook',
    '--set',
    'kind=facebook',
    '--set',
    'clientId=123456789012345',
  );
  expect(made).toMatchObject({ code: 0, err: '' });
}, 60_000);

test('a mistake is told by its path, and ends with its own code', async () => {
  const wrong = await manam(
    'connection',
    'set',
    'dev',
    'okta',
    '--set',
    'clientId=x',
    '--set',
    'issuer=nothing',
  );
  expect(wrong.code).not.toBe(0);
  expect(wrong.err).toContain('settings.issuer');
  const missing = await manam('connection', 'delete', 'dev', 'nothing', '--yes');
  expect(missing.code).not.toBe(0);
}, 60_000);
