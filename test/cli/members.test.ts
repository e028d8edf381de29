import { beforeAll, expect, test } from 'vitest';
import { masterKeys, useTestApp } from '../support/app.ts';
import { runCommand } from '../support/command.ts';
import { signUpAtManam } from '../support/members.ts';

const testApp = useTestApp();
let env: Record<string, string> = {};
beforeAll(() => {
  env = {
    MANAM_ISSUER: 'https://id.example.com',
    DATABASE_URL: testApp().databaseUrl,
    MANAM_MASTER_KEY: masterKeys.current.toString('base64'),
  };
});
const manam = (...args: string[]) => runCommand(['member', ...args], env);

test('an operator gives a tenant members, lists them and removes one', async () => {
  const [owner, other] = [await signUpAtManam(testApp()), await signUpAtManam(testApp())];
  const made = await manam('set', 'dev', owner.email, 'owner');
  expect(made).toMatchObject({ code: 0, err: '' });
  expect(made.out).toMatch(/^ID +ROLE +E-MAIL +NAME +SINCE\n/);
  await manam('set', 'dev', other.userId, 'viewer');
  const listed = await manam('list', 'dev', '--json');
  expect(JSON.parse(listed.out)).toMatchObject({
    members: [
      { user_id: owner.userId, role: 'owner', email: owner.email },
      { user_id: other.userId, role: 'viewer' },
    ],
  });
  // The rules of the contract hold for commands as well.
  expect(await manam('set', 'dev', other.userId, 'bosss')).toMatchObject({
    code: 2,
    err: expect.stringMatching(/^manam: role: /),
  });
  expect(await manam('remove', 'dev', other.email, '--yes')).toMatchObject({ code: 0, out: 'removed\n' });
  expect((await manam('list', 'dev')).out).not.toContain(other.email);
  const last = await manam('remove', 'dev', owner.email, '--yes');
  expect(last.code).not.toBe(0);
  expect(last.err).toContain('at least one owner');
});
