import { encodeCBOR } from '@levischuck/tiny-cbor';
import { hash } from 'bcrypt';
import { generateSync } from 'otplib';
import { beforeAll, expect, test } from 'vitest';
import { ImportState } from '../../gen/manam/admin/v1/admin_service_pb.js';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { PasskeyService } from '../../gen/manam/v1/passkey_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import { type Admin, connectAdmin, makeTenant } from '../support/admin.ts';
import { freshEmail, password, useTestApp } from '../support/app.ts';
import { makeAuthenticator } from '../support/authenticator.ts';
import { failure, failureOf } from '../support/errors.ts';
import { bearer, enrolTotp, freshMobile, signUp } from '../support/journey.ts';
import { atSite, pageOrigin } from '../support/passkeys.ts';

const testApp = useTestApp({ config: { ...atSite, admin: { host: '127.0.0.1', port: 0 } } });
const tenant = 'dev';
let admin: Admin;
beforeAll(async () => {
  admin = await connectAdmin(testApp());
});
const auth = () => testApp().client(AuthService);

/** bcrypt of "U*U", by crypt_blowfish. */
const bcrypt = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';
const seed = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';

async function importInto(to: string, records: object[], options = {}) {
  const lines = records.map((record) => JSON.stringify(record));
  return (await admin.importUsers({ tenant: to, records: lines, ...options })).results;
}

test('rejects a line with a duplicate member or malformed Unicode', async () => {
  const address = () => JSON.stringify(freshEmail());
  for (const line of [
    `{"email":${address()},"email":${address()}}`,
    `{"email":${address()},"first_name":"\\ud800"}`,
    `{"email":${address()},"\\udc00":1}`,
    `[{"email":${address()}}]`,
    `{"email":${address()}} {}`,
  ]) {
    const [result] = (await admin.importUsers({ tenant, records: [line] })).results;
    expect(
      result?.problems.map(({ field, reason }) => [field, reason]),
      line,
    ).toEqual([['record', 'FIELD_TYPE']]);
    expect(result?.problems[0]?.description).toContain('must be one JSON object');
  }
  const [backslash] = (
    await admin.importUsers({
      tenant,
      records: [`{"email":${address()},"first_name":"a \\\\ud800"}`],
      dryRun: true,
    })
  ).results;
  expect(ImportState[backslash?.state ?? 0]).toBe('IMPORTED');
});

test('the error for an invalid record repeats none of its values', async () => {
  const secret = 'TOPSECRET-value';
  const records = [
    { email: freshEmail(), password_hash: secret },
    { email: freshEmail(), passkeys: [{ transports: [secret] }] },
    { email: freshEmail(), [`${secret} with blanks`]: 1 },
    { email: freshEmail(), locale: secret },
  ];
  for (const { problems } of await importInto(tenant, records)) {
    expect(problems.length).toBeGreaterThan(0);
    expect(JSON.stringify(problems)).not.toContain(secret);
    for (const { description } of problems) expect(description).not.toBe('');
  }
});

/** The result per record, with the wrong fields. */
function outline(results: Awaited<ReturnType<typeof importInto>>) {
  return results.map(({ state, problems }) => [
    ImportState[state],
    Object.fromEntries(problems.map(({ field, reason }) => [field, reason])),
  ]);
}

async function hashOf(email: string): Promise<string> {
  const [row] = await testApp().sql(
    'SELECT c.password_hash AS h FROM credentials c JOIN identifiers i ON i.user_id = c.user_id WHERE i.canonical = ?',
    [email],
  );
  return String(row?.['h']);
}

test('an imported user signs in with their old password, which is hashed anew at once, and their old second factor', async () => {
  const [email, mobile] = [freshEmail(), freshMobile()];
  const record = {
    email,
    email_confirmed: true,
    mobile,
    password_hash: bcrypt,
    totp_secret: seed,
    first_name: 'Sara',
    created_at: '2019-05-01T10:00:00Z',
    roles: ['user'],
    custom_fields: [{ key: 'plan', value: 'gold' }],
    external_identities: [{ issuer: 'https://accounts.google.com', subject: `g-${email}` }],
  };
  expect(outline(await importInto(tenant, [record]))).toEqual([['IMPORTED', {}]]);
  expect((await admin.getUser({ tenant, user: email })).user).toMatchObject({
    email,
    emailConfirmed: true,
    mobileConfirmed: false,
    roles: ['user'],
    createTime: { seconds: 1556704800n },
  });
  expect(await hashOf(email)).toBe(bcrypt);
  expect(await failureOf(auth().login({ email, password: 'U*V' }))).toEqual(
    failure('Unauthenticated', 'CREDENTIALS_INVALID'),
  );
  const { twoFactor } = await auth().login({ email, password: 'U*U' });
  expect(await hashOf(email)).toMatch(/^\$argon2id\$/);
  const factors = testApp().client(TwoFactorService, bearer(twoFactor?.twoFactorToken ?? ''));
  const code = generateSync({ secret: seed, epoch: Math.floor(testApp().now().getTime() / 1000) });
  expect((await factors.validateTotp({ code })).tokens?.accessToken).not.toBe('');
  expect((await auth().login({ email, password: 'U*U' })).twoFactor).toBeDefined();
});

test('a row of authboss comes with its password and its recovery codes, each valid once', async () => {
  const email = freshEmail();
  const codes = await Promise.all(['a1b2c-d3e4f', 'f6a7b-c8d9e'].map((code) => hash(code, 4)));
  const row = {
    id: 17,
    pid: email,
    email,
    confirmed: 1,
    password: bcrypt,
    totp_secret_key: seed,
    recovery_codes: `${codes.join(',')},${codes[0]}`,
    mobile: freshMobile(),
    deleted_at: null,
    confirm_selector: 'x',
    name: 'Sara',
  };
  const mapping = 'authboss';
  expect(
    outline(
      await importInto(
        tenant,
        [
          { ...row, shoe_size: 40 },
          { ...row, deleted_at: '2020-01-01' },
          { ...row, oauth2_provider: 'facebook', oauth2_uid: '77' },
        ],
        { mapping },
      ),
    ),
  ).toEqual([
    ['REFUSED', { shoe_size: 'FIELD_UNKNOWN' }],
    ['REFUSED', { deleted_at: 'FIELD_UNKNOWN' }],
    ['REFUSED', { oauth2_provider: 'FIELD_UNKNOWN' }],
  ]);
  expect(outline(await importInto(tenant, [row], { mapping }))).toEqual([['IMPORTED', {}]]);
  expect((await admin.getUser({ tenant, user: email })).user?.mobileConfirmed).toBe(false);
  const recover = async () => {
    const { twoFactor } = await auth().login({ email, password: 'U*U' });
    const factors = testApp().client(TwoFactorService, bearer(twoFactor?.twoFactorToken ?? ''));
    return await factors.validateTotp({ recoveryCode: 'A1B2C-D3E4F' });
  };
  expect((await recover()).tokens?.accessToken).not.toBe('');
  expect(await failureOf(recover())).toEqual(failure('Unauthenticated', 'CODE_INVALID'));
});

test('a dry run writes nothing and reports errors by field and record', async () => {
  const good = { email: freshEmail(), email_confirmed: true };
  const taken = await signUp(testApp());
  await importInto(tenant, [
    {
      email: freshEmail(),
      email_confirmed: true,
      external_identities: [{ issuer: 'https://idp.example', subject: 'taken' }],
    },
  ]);
  const records = [
    good,
    { email: 'nonsense', password_hash: 'plain', totp_secret: '1', roles: ['king'], birthday: 'x' },
    { mobile: '12' },
    {},
    { email: taken.email },
    { ...good, colour: 'red' },
    { email: 17 },
    { email: freshEmail(), totp_secret: seed },
    {
      email: freshEmail(),
      password_hash: `$pbkdf2-sha1$i=1$${'c2Fs'.repeat(80)}$SwB5AbdlSJq+rUnZJvch0GWkKcE`,
    },
    {
      mobile: freshMobile(),
      mobile_confirmed: true,
      external_identities: [{ issuer: 'x', subject: 'ی'.repeat(200) }],
    },
    {
      email: freshEmail(),
      email_confirmed: true,
      external_identities: [{ issuer: 'https://idp.example', subject: 'taken' }],
    },
  ];
  const expected = [
    ['IMPORTED', {}],
    [
      'REFUSED',
      {
        email: 'EMAIL_INVALID',
        password_hash: 'FIELD_INVALID',
        totp_secret: 'FIELD_INVALID',
        roles: 'ROLE_UNKNOWN',
        birthday: 'DATE_INVALID',
        email_confirmed: 'FIELD_REQUIRED',
      },
    ],
    ['REFUSED', { mobile: 'MOBILE_INVALID' }],
    ['REFUSED', { email: 'FIELD_REQUIRED' }],
    ['REFUSED', { email: 'IDENTIFIER_TAKEN' }],
    ['REFUSED', { colour: 'FIELD_UNKNOWN' }],
    ['REFUSED', { email: 'FIELD_TYPE' }],
    ['REFUSED', { email_confirmed: 'FIELD_REQUIRED' }],
    ['REFUSED', { password_hash: 'FIELD_TOO_LONG' }],
    ['REFUSED', { 'external_identities.0.subject': 'FIELD_TYPE' }],
    ['REFUSED', { external_identities: 'IDENTITY_TAKEN' }],
  ];
  expect(outline(await importInto(tenant, records, { dryRun: true }))).toEqual(expected);
  expect(await failureOf(admin.getUser({ tenant, user: good.email }))).toEqual(
    failure('NotFound', 'NOT_FOUND'),
  );
  expect(outline(await importInto(tenant, records))).toEqual(expected);
  const { results } = await admin.importUsers({ tenant, records: ['{'] });
  expect(outline(results)).toEqual([['REFUSED', { record: 'FIELD_TYPE' }]]);
  expect(await failureOf(admin.importUsers({ tenant, records: ['{}'], mapping: 'x' }))).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', { mapping: 'FIELD_INVALID' }),
  );
});

test('an import that is run again continues where it was, also beside itself', async () => {
  const records = Array.from({ length: 20 }, () => ({ email: freshEmail(), first_name: 'Sara' }));
  await importInto(tenant, records.slice(0, 7));
  const states = async () => (await importInto(tenant, records)).map(({ state }) => state);
  const both = await Promise.all([states(), states()]);
  for (const run of both) expect(run.slice(0, 7)).toEqual(Array(7).fill(ImportState.PRESENT));
  const [first = [], second = []] = both;
  for (const index of records.keys())
    expect([first[index], second[index]].filter((state) => state === ImportState.IMPORTED).length).toBe(
      index < 7 ? 0 : 1,
    );
  expect(await states()).toEqual(Array(20).fill(ImportState.PRESENT));
});

test('imports the export of another tenant, with passwords and second factors', async () => {
  const to = await makeTenant(admin, 'moves-to');
  const [user, plain] = [await signUp(testApp()), await signUp(testApp())];
  const { totp } = await enrolTotp(testApp(), user);
  const ours = async (from: string) => {
    const records: string[] = [];
    let pageToken = '';
    do {
      const page = await admin.exportUsers({ tenant: from, pageSize: 3, pageToken });
      records.push(...page.records);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    return records.filter((line) => line.includes(user.email) || line.includes(plain.email));
  };
  const records = await ours(tenant);
  expect(records).toHaveLength(2);
  const { results } = await admin.importUsers({ tenant: to.slug, records });
  expect(outline(results)).toEqual([
    ['IMPORTED', {}],
    ['IMPORTED', {}],
  ]);
  const key = { apieco_key: to.publishable.text };
  const there = testApp().client(AuthService, key);
  expect((await there.login({ email: plain.email, password })).tokens?.accessToken).not.toBe('');
  const { twoFactor } = await there.login({ email: user.email, password });
  const factors = testApp().client(TwoFactorService, { ...bearer(twoFactor?.twoFactorToken ?? ''), ...key });
  expect((await factors.validateTotp({ code: totp() })).tokens?.accessToken).not.toBe('');
  expect(await ours(to.slug)).toEqual(records);
});

test('all that is held of a user is exported for them, and no hash, seed or token', async () => {
  const user = await signUp(testApp());
  const { secret } = await enrolTotp(testApp(), user);
  const { document } = await admin.exportUser({ tenant, user: user.email });
  expect(document).toMatchObject({
    user_id: user.userId,
    email: user.email,
    first_name: 'Sara',
    has_password: true,
    has_totp: true,
    sessions: expect.arrayContaining([expect.objectContaining({ methods: expect.arrayContaining(['pwd']) })]),
    events: expect.arrayContaining([expect.objectContaining({ type: 'user.registered' })]),
  });
  const text = JSON.stringify(document);
  for (const hidden of [await hashOf(user.email), secret, user.accessToken, user.refreshToken])
    expect(text).not.toContain(hidden);
  expect(await failureOf(admin.exportUser({ tenant, user: 'nobody@example.com' }))).toEqual(
    failure('NotFound', 'NOT_FOUND'),
  );
  const view = await testApp().client(ProfileService, bearer(user.accessToken)).viewUser({});
  expect(view.user?.userId).toBe(user.userId);
});

test('passkeys go with their users: an imported one signs in, an export has it, and what cannot work is refused', async () => {
  const authenticator = makeAuthenticator({ origin: pageOrigin, isSynced: true });
  const email = freshEmail();
  const passkey = {
    credential_id: authenticator.credentialId.toString('base64url'),
    public_key: Buffer.from(encodeCBOR(authenticator.cose as never)).toString('base64url'),
    rp_id: new URL(pageOrigin).hostname,
    user_handle: 'c2FyYQ',
    backup_eligible: true,
    backed_up: true,
    user_verified: true,
    label: 'Old phone',
  };
  const record = { email, email_confirmed: true, passkeys: [passkey], passkey_only: true };
  expect(outline(await importInto(tenant, [record]))).toEqual([['IMPORTED', {}]]);
  const anyone = testApp().client(PasskeyService);
  const { options = {} } = await anyone.startPasskeySignIn({ email });
  const asked = { ...options, rp: { id: options['rpId'] }, user: { id: 'c2FyYQ' } };
  authenticator.create(asked);
  const { tokens } = await anyone.finishPasskeySignIn({
    credential: authenticator.get(options) as never,
  });
  expect(tokens?.accessToken).not.toBe('');
  const { records } = await admin.exportUsers({ tenant, pageSize: 200 });
  const exported = records.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(exported.find((each) => each['email'] === email)).toMatchObject({
    passkey_only: true,
    passkeys: [passkey],
  });
  const other = { email: freshEmail(), email_confirmed: true };
  const bad: [object, object][] = [
    [{ ...other, passkeys: [passkey] }, { passkeys: 'PASSKEY_TAKEN' }],
    [{ ...other, passkeys: [{ ...passkey, public_key: 'AAAA' }] }, { passkeys: 'FIELD_INVALID' }],
    [
      { ...other, passkeys: [{ ...passkey, credential_id: '' }] },
      { 'passkeys.0.credential_id': 'FIELD_TYPE' },
    ],
    [{ ...other, passkey_only: true }, { passkeys: 'FIELD_REQUIRED' }],
    [
      { email: other.email, passkeys: [{ ...passkey, credential_id: 'AAAA' }] },
      { email_confirmed: 'FIELD_REQUIRED' },
    ],
  ];
  for (const [value, problems] of bad)
    expect(outline(await importInto(tenant, [value]))).toEqual([['REFUSED', problems]]);
});
