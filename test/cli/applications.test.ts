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

test('an operator makes an application, changes it, rotates its secret and deletes it', async () => {
  const made = await manam(
    ...['application', 'create', 'dev', 'web', 'My shop', '--redirect-uri', 'https://shop.example/callback'],
  );
  expect(made).toMatchObject({ code: 0, err: '' });
  expect(made.out).toMatch(/^CLIENT ID +NAME +KIND +ENABLED +AUTHENTICATION +SECRETS +CHANGED\n/);
  expect(made.out).toMatch(/My shop +web +yes +client_secret_basic +1 +20\d\d-/);
  expect(made.out).toContain('issuer         https://id.example.com/t/dev\n');
  const clientId = /client_id {6}(\S+)/.exec(made.out)?.[1] ?? '';
  const secret = /client_secret {2}(manam_as_\S+) {3}\(shown once\)/.exec(made.out)?.[1] ?? '';
  expect(secret).not.toBe('');

  const changed = await manam(
    ...[
      'application',
      'set',
      'dev',
      clientId,
      '--set',
      'accessTokenMinutes=5',
      '--set',
      'firstParty=true',
      '--json',
    ],
  );
  expect(JSON.parse(changed.out)).toMatchObject({
    application: {
      client_id: clientId,
      settings: { accessTokenMinutes: 5, firstParty: true, redirectUris: ['https://shop.example/callback'] },
    },
  });

  const rotated = await manam('application', 'secret', 'dev', clientId, '--overlap-hours', '1');
  expect(rotated.out).toMatch(/^client_secret {2}manam_as_\S+ {3}\(shown once\)\n$/);
  const listed = await manam('application', 'list', 'dev', '--json');
  expect(JSON.parse(listed.out)).toMatchObject({ applications: [{ client_id: clientId, secrets: 2 }] });
  expect(listed.out).not.toContain('manam_as_');
  // A third one ends the first at once.
  await manam('application', 'secret', 'dev', clientId);
  const { applications } = JSON.parse((await manam('application', 'list', 'dev', '--json')).out) as {
    applications: { secrets: number }[];
  };
  expect(applications[0]?.secrets).toBe(2);

  expect(await manam('application', 'delete', 'dev', clientId, '--yes')).toMatchObject({
    code: 0,
    out: 'deleted\n',
  });
  expect((await manam('application', 'delete', 'dev', clientId, '--yes')).code).not.toBe(0);
}, 120_000);

test('a public application has no secret, and gets none', async () => {
  const made = await manam(
    ...['application', 'create', 'dev', 'spa', 'Page', '--redirect-uri', 'https://spa.example/', '--json'],
  );
  const { application, client_secret: secret } = JSON.parse(made.out) as {
    application: { client_id: string };
    client_secret?: string;
  };
  expect(secret ?? '').toBe('');
  const rotated = await manam('application', 'secret', 'dev', application.client_id);
  expect(rotated.code).not.toBe(0);
  expect(rotated.err).toContain('has no secret');
}, 60_000);

test('a mistake is told by its path', async () => {
  const refused = async (...args: string[]) => {
    const { code, err } = await manam('application', 'create', 'dev', ...args);
    expect(code).not.toBe(0);
    return err;
  };
  expect(await refused('web', 'x', '--redirect-uri', 'http://shop.example/')).toContain(
    'settings.redirectUris.0',
  );
  expect(await refused('toaster', 'x')).toContain('settings.kind');
  expect(await refused('machine', 'x', '--set', 'authentication=none')).toContain('settings.authentication');
  expect(await refused('web', 'x', '--set', 'jwksUri=https://a.example/k')).toContain('settings.jwks');
  expect(await refused('spa', 'x', '--set', 'requirePkce=false')).toContain('settings.requirePkce');
  expect(await refused('web', 'x', '--set', 'colour=red')).toContain('settings.colour');
}, 120_000);
