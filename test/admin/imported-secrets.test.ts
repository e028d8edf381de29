import { pbkdf2Sync } from 'node:crypto';
import { hash as bcrypt } from 'bcrypt';
import { beforeAll, expect, test } from 'vitest';
import { ImportState } from '../../gen/manam/admin/v1/admin_service_pb.js';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import { type Admin, connectAdmin } from '../support/admin.ts';
import { freshEmail, useTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';

// Imported secrets are checked by the code that will use them
// when it is hashed anew.

const testApp = useTestApp({ config: { admin: { host: '127.0.0.1', port: 0 } } });
let admin: Admin;
beforeAll(async () => {
  admin = await connectAdmin(testApp());
});

async function importOne(record: object) {
  const { results } = await admin.importUsers({ tenant: 'dev', records: [JSON.stringify(record)] });
  const [result] = results;
  const problems = (result?.problems ?? []).map(({ field, reason }) => [field, reason]);
  return [ImportState[result?.state ?? 0], Object.fromEntries(problems)];
}

const imported = ['IMPORTED', {}];
const login = (email: string, password: string) => testApp().client(AuthService).login({ email, password });
const refused = failure('Unauthenticated', 'CREDENTIALS_INVALID');

const seeds: Record<string, string> = {
  '10 bytes': 'JBSWY3DPEHPK3PXP',
  '15 bytes': 'JBSWY3DPEHPK3PXPJBSWY3DP',
  '20 bytes, in small letters with blanks': 'jbsw y3dp ehpk 3pxp jbsw y3dp ehpk 3pxp',
  '32 bytes, padded': 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXPJBSW====',
};
for (const [what, seed] of Object.entries(seeds)) {
  test(`an imported seed of ${what} is rejected at import or proves the second factor`, async () => {
    const email = freshEmail();
    const password_hash = await bcrypt('quiet-orbit-lantern-47', 4);
    const [state] = await importOne({ email, email_confirmed: true, password_hash, totp_secret: seed });
    if (state !== 'IMPORTED') {
      expect(state).toBe('REFUSED');
      return;
    }
    const { twoFactor } = await login(email, 'quiet-orbit-lantern-47');
    const { generateSync, createGuardrails } = await import('otplib');
    const secret = seed.replaceAll(/[ =]/g, '').toUpperCase();
    const guardrails = createGuardrails({ MIN_SECRET_BYTES: 1, MAX_SECRET_BYTES: 128 });
    const epoch = Math.floor(testApp().now().getTime() / 1000);
    const code = generateSync({ secret, epoch, guardrails });
    const pending = { authorization: `Bearer ${twoFactor?.twoFactorToken}` };
    const client = testApp().client(TwoFactorService, pending);
    const wrong = code === '000000' ? '111111' : '000000';
    expect(await failureOf(client.validateTotp({ code: wrong }))).toEqual(
      failure('Unauthenticated', 'CODE_INVALID'),
    );
    expect((await client.validateTotp({ code })).tokens?.accessToken).toBeTruthy();
  });
}

test.each(['A', '!!!!', 'JBSWY3DPEHPK3P1P', 'A'.repeat(400)])(
  'a seed that no authenticator could use is refused at import: %s',
  async (totp_secret) => {
    const [state, problems] = await importOne({ email: freshEmail(), email_confirmed: true, totp_secret });
    expect([state, Object.keys(problems as object)]).toEqual(['REFUSED', ['totp_secret']]);
  },
);

const long = 'correct horse battery staple, and then some more words of mine '.repeat(3);
for (const bytes of [73, 80, 150]) {
  test(`accepts the first 72 of ${bytes} bytes that bcrypt reads, without locking the owner out`, async () => {
    const email = freshEmail();
    const password = long.slice(0, bytes);
    const password_hash = await bcrypt(password, 4);
    expect(await importOne({ email, email_confirmed: true, password_hash })).toEqual(imported);
    await login(email, `${password.slice(0, 72)} of a stranger`);
    for (let count = 0; count < 3; count += 1) await login(email, password);
    expect(await failureOf(login(email, password.slice(0, 71)))).toEqual(refused);
  });
}

const spellings = [
  'cafe\u0301 au lait 47',
  'quiet… orbit 47',
  'lantern™ orbit 47',
  '\uff11\uff12\uff13 lantern orbit',
  'quiet\u00a0orbit 47',
];
for (const password of spellings) {
  test(`a foreign hash of ${JSON.stringify(password)} takes it as it was typed, and then in every form`, async () => {
    const email = freshEmail();
    const password_hash = await bcrypt(password, 4);
    expect(await importOne({ email, email_confirmed: true, password_hash })).toEqual(imported);
    await login(email, password);
    await login(email, password);
    await login(email, password.normalize('NFKC'));
  });
}

test('hashes are taken as other systems write them', async () => {
  const [password, salt] = ['quiet-orbit-lantern-47', Buffer.from('a salt of sixteen')];
  const derive = (bytes: number, digest: string) => pbkdf2Sync(password, salt, 1000, bytes, digest);
  const b64 = (bytes: Buffer) => bytes.toString('base64');
  const bare = (bytes: Buffer) => b64(bytes).replaceAll('=', '');
  const adapted = (bytes: Buffer) => bare(bytes).replaceAll('+', '.');
  const hashes = [
    `$pbkdf2-sha256$i=1000$${bare(salt)}$${bare(derive(64, 'sha256'))}`,
    `$pbkdf2-sha512$i=1000$${b64(salt)}$${b64(derive(64, 'sha512'))}`,
    `$pbkdf2-sha256$1000$${adapted(salt)}$${adapted(derive(32, 'sha256'))}`,
    `$pbkdf2$1000$${adapted(salt)}$${adapted(derive(20, 'sha1'))}`,
  ];
  for (const password_hash of hashes) {
    const email = freshEmail();
    expect([password_hash, await importOne({ email, email_confirmed: true, password_hash })]).toEqual([
      password_hash,
      imported,
    ]);
    await login(email, password);
  }
});

test('accepts null for absent fields and a byte order mark', async () => {
  const record = { email: freshEmail(), mobile: null, first_name: null, totp_secret: null };
  expect(await importOne(record)).toEqual(imported);
  const line = `\ufeff${JSON.stringify({ email: freshEmail() })}`;
  const { results } = await admin.importUsers({ tenant: 'dev', records: [line] });
  expect(results.map(({ state }) => ImportState[state])).toEqual(['IMPORTED']);
});

test('a locale is taken in every spelling that browsers use', async () => {
  for (const locale of ['fa-IR', 'fa_IR', 'FA', 'en-US'])
    expect([locale, await importOne({ email: freshEmail(), locale })]).toEqual([locale, imported]);
});

test.each(['2021-02-30T00:00:00Z', '0000-01-01T00:00:00Z', '2021-13-01T00:00:00Z', '2021-04-31'])(
  'a date %s that no calendar has is rejected',
  async (created_at) => {
    const [state, problems] = await importOne({ email: freshEmail(), created_at });
    expect([state, Object.keys(problems as object)]).toEqual(['REFUSED', ['created_at']]);
  },
);
