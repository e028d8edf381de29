import { create, fromJson } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { AuthService, ConfirmSmsResponseSchema } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { IdentifierType } from '../../gen/manam/v1/user_pb.js';
import { freshEmail, password, useTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import { bearer, freshMobile, signUp, signUpByMobile } from '../support/journey.ts';

const testApp = useTestApp();
const profileOf = ({ accessToken }: { accessToken: string }) =>
  testApp().client(ProfileService, bearer(accessToken));
const auth = () => testApp().client(AuthService);
const wrongSession = failure('Unauthenticated', 'TOKEN_INVALID');
const codeTo = async (to: string) => (await testApp().messagesTo(to))[0]?.code ?? '';

test('a user registers by mobile, confirms with the code of the SMS, and signs in with any spelling', async () => {
  const mobile = freshMobile();
  await auth().register({ type: IdentifierType.MOBILE, mobile, mobileSeed: '+98', password });
  expect(await failureOf(auth().login({ mobile, password }))).toEqual(
    failure('Unauthenticated', 'CREDENTIALS_INVALID'),
  );
  const address = `+98${mobile.slice(1)}`;
  const [message] = await testApp().messagesTo(address);
  expect(message).toMatchObject({
    channel: 'sms',
    text: expect.stringContaining(message?.code ?? '-'),
    link: '',
    html: '',
  });
  expect(message?.code).toMatch(/^[0-9A-HJKMNP-TV-Z]{8}$/);

  await auth().confirmSms({ cnf: ` ${message?.code.toLowerCase()} ` });
  // A double click.
  expect(await auth().confirmSms({ cnf: message?.code ?? '' })).toEqual(create(ConfirmSmsResponseSchema));
  const { account } = await auth().login({ mobile: address, password });
  expect(account).toMatchObject({ type: IdentifierType.MOBILE, mobile, mobileSeed: '+98', email: '' });
});

test('every code that was sent confirms, for ten minutes', async () => {
  const mobile = freshMobile();
  const address = `+98${mobile.slice(1)}`;
  await auth().register({ type: IdentifierType.MOBILE, mobile, password });
  const first = await codeTo(address);
  testApp().advance(600_001);
  expect(await failureOf(auth().confirmSms({ cnf: first }))).toEqual(
    failure('Unauthenticated', 'CONFIRMATION_INVALID'),
  );
  await auth().sendConfirmSms({ mobile });
  const second = await codeTo(address);
  await auth().sendConfirmSms({ mobile });
  await auth().confirmSms({ cnf: second });
  await auth().confirmSms({ cnf: await codeTo(address) });
});

test('two users whose codes happen to be the same are both refused', async () => {
  const [one, two] = [freshMobile(), freshMobile()];
  await auth().register({ type: IdentifierType.MOBILE, mobile: one, password });
  await auth().register({ type: IdentifierType.MOBILE, mobile: two, password });
  const code = await codeTo(`+98${one.slice(1)}`);
  await testApp().sql(
    'UPDATE challenges a JOIN challenges b ON b.identifier = ? SET a.digest = b.digest WHERE a.identifier = ?',
    [`+98${one.slice(1)}`, `+98${two.slice(1)}`],
  );
  expect(await failureOf(auth().confirmSms({ cnf: code }))).toEqual(
    failure('Unauthenticated', 'CONFIRMATION_INVALID'),
  );
});

test('one user holds a confirmed address and a confirmed number and signs in with either', async () => {
  const user = await signUp(testApp());
  const mobile = freshMobile();
  await profileOf(user).startMobileChange({ mobile });
  const code = await codeTo(`+98${mobile.slice(1)}`);
  expect(code).toMatch(/^\d{6}$/);
  await profileOf(user).confirmMobileChange({
    code: [...code].map((digit) => '۰۱۲۳۴۵۶۷۸۹'[Number(digit)]).join(''),
  });
  const byMobile = await auth().login({ mobile, password });
  expect(byMobile.userId).toBe(user.userId);
  expect(byMobile.account).toMatchObject({ email: user.email, mobile });
  expect((await auth().login({ email: user.email, password })).userId).toBe(user.userId);
  expect(await testApp().messagesTo(user.email)).toMatchObject([
    { subject: 'Your sign-in details at Dev have changed' },
    {},
  ]);
});

test('five wrong codes for a new number kill the right one', async () => {
  const user = await signUp(testApp());
  const mobile = freshMobile();
  await profileOf(user).startMobileChange({ mobile });
  const code = await codeTo(`+98${mobile.slice(1)}`);
  const wrong = code === '000000' ? '000001' : '000000';
  const guesses = await Promise.all(
    Array.from({ length: 20 }, () => failureOf(profileOf(user).confirmMobileChange({ code: wrong }))),
  );
  for (const guess of guesses) expect(guess).toEqual(failure('Unauthenticated', 'CODE_INVALID'));
  expect(await failureOf(profileOf(user).confirmMobileChange({ code }))).toEqual(
    failure('Unauthenticated', 'CODE_INVALID'),
  );
});

test('a new address counts once verified; the old one is notified, other sessions end', async () => {
  const user = await signUp(testApp());
  const other = await auth().login({ email: user.email, password });
  const email = freshEmail();
  await profileOf(user).startEmailChange({ email });
  expect((await profileOf(user).viewUser({})).user?.email).toBe(user.email);
  const token = await codeTo(email);

  const stranger = await signUp(testApp());
  expect(await failureOf(profileOf(stranger).confirmEmailChange({ token }))).toEqual(
    failure('Unauthenticated', 'CONFIRMATION_INVALID'),
  );
  await profileOf(user).confirmEmailChange({ token });
  expect((await profileOf(user).viewUser({})).user).toMatchObject({ email, emailConfirmed: true });
  expect(await failureOf(profileOf(user).confirmEmailChange({ token }))).toEqual(
    failure('Unauthenticated', 'CONFIRMATION_INVALID'),
  );
  expect(await failureOf(profileOf({ accessToken: other.tokens?.accessToken ?? '' }).viewUser({}))).toEqual(
    wrongSession,
  );
  expect((await testApp().messagesTo(user.email))[0]?.subject).toBe(
    'Your sign-in details at Dev have changed',
  );
  expect(await failureOf(auth().login({ email: user.email, password }))).toEqual(
    failure('Unauthenticated', 'CREDENTIALS_INVALID'),
  );
  await auth().login({ email, password });
});

test('an address that has an account gets a notice, and the caller the same answer', async () => {
  const [mine, theirs] = [await signUp(testApp()), await signUp(testApp())];
  const toFree = await profileOf(mine).startEmailChange({ email: freshEmail() });
  const toTaken = await profileOf(mine).startEmailChange({ email: theirs.email });
  expect(toTaken).toEqual(toFree);
  expect((await testApp().messagesTo(theirs.email))[0]).toMatchObject({
    subject: 'You already have an account at Dev',
    link: '',
  });
});

test('an address that another user proves while its change waits is not taken over', async () => {
  const user = await signUp(testApp());
  const email = freshEmail();
  await profileOf(user).startEmailChange({ email });
  const token = await codeTo(email);
  await auth().register({ email, password });
  await auth().confirmEmail({ cnf: await codeTo(email) });
  expect(await failureOf(profileOf(user).confirmEmailChange({ token }))).toEqual(
    failure('Unauthenticated', 'CONFIRMATION_INVALID'),
  );
  expect((await profileOf(user).viewUser({})).user?.email).toBe(user.email);
});

const whole = {
  firstName: 'Sara',
  lastName: 'Mohammadi',
  nationalCode: '12344',
  picture: 'butypic',
  address: 'address',
  postalCode: 'posss',
  birthday: '1370-01-03',
  maritalStatus: 'single',
  facebookId: 'f',
  instagramId: 'i',
  twitterId: 't',
  linkedinId: 'l',
  document: 'document1',
  telephone: '091383184',
  locale: 'fa',
};

test('an edit writes the fields that are sent and leaves the others alone', async () => {
  const user = await signUp(testApp());
  const first = await profileOf(user).editUser({ ...whole, email: user.email });
  expect(first.user).toMatchObject(whole);
  expect(first.name).toBe('Sara Mohammadi');
  const second = await profileOf(user).editUser({ address: '', telephone: '1' });
  expect(second.user).toMatchObject({ ...whole, address: '', telephone: '1' });
  const [row] = await testApp().sql(
    "SELECT CAST(birthday_gregorian AS CHAR) AS day FROM users WHERE id = UNHEX(REPLACE(?, '-', ''))",
    [user.userId],
  );
  expect(row?.['day']).toBe('1991-03-23');
});

test('a refused edit names every field and leaves the row as it was', async () => {
  const user = await signUp(testApp());
  await profileOf(user).editUser(whole);
  const rowOf = () =>
    testApp().sql("SELECT * FROM users WHERE id = UNHEX(REPLACE(?, '-', ''))", [user.userId]);
  const before = JSON.stringify(await rowOf());
  const depth = (levels: number): object => (levels === 0 ? {} : { a: depth(levels - 1) });
  const bad = {
    firstName: '<script>',
    birthday: '1371-12-30',
    telephone: '1'.repeat(33),
    locale: 'de',
    mobile: '123',
    email: 'x',
    customFields: fromJson(ValueSchema, JSON.parse(JSON.stringify(depth(10)))),
    address: 'ok',
  };
  expect(await failureOf(profileOf(user).editUser(bad))).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', {
      first_name: 'NAME_INVALID',
      birthday: 'DATE_INVALID',
      telephone: 'FIELD_TOO_LONG',
      locale: 'FIELD_INVALID',
      mobile: 'MOBILE_INVALID',
      email: 'EMAIL_INVALID',
      custom_fields: 'CUSTOM_FIELDS_INVALID',
    }),
  );
  expect(JSON.stringify(await rowOf())).toBe(before);
});

test('no one edits another user, and no one but a secret key sets a role', async () => {
  const { client, dev, manam, createKey } = testApp();
  const [mine, theirs] = [await signUp(testApp()), await signUp(testApp())];
  expect(await failureOf(profileOf(mine).editUser({ userId: theirs.userId, address: 'x' }))).toEqual(
    failure('NotFound', 'NOT_FOUND'),
  );
  expect(await failureOf(profileOf(mine).editUser({ role: 'admin' }))).toEqual(
    failure('PermissionDenied', 'ROLE_DENIED'),
  );
  const reader = await createKey('secret', ['users.read']);
  expect(
    await failureOf(client(ProfileService, { apieco_key: reader }).editUser({ email: theirs.email })),
  ).toEqual(failure('PermissionDenied', 'SCOPE_REQUIRED'));
  const foreign = client(ProfileService, { apieco_key: manam.secret });
  expect(await failureOf(foreign.editUser({ userId: theirs.userId, address: 'x' }))).toEqual(
    failure('NotFound', 'NOT_FOUND'),
  );

  const secret = client(ProfileService, { apieco_key: dev.secret });
  const { user } = await secret.editUser({ email: theirs.email, role: 'admin' });
  expect(user).toMatchObject({
    userId: theirs.userId,
    roles: ['admin'],
    permissions: ['users.read', 'users.write'],
  });
  expect(await failureOf(secret.editUser({ email: theirs.email, role: 'root' }))).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', { role: 'ROLE_UNKNOWN' }),
  );
});

test('what a back end changes of a user is told in events of its own', async () => {
  const user = await signUp(testApp());
  const secret = testApp().client(ProfileService, { apieco_key: testApp().dev.secret });
  await secret.editUser({ userId: user.userId, email: freshEmail(), role: 'admin', firstName: 'Sara' });
  const rows = await testApp().sql(
    'SELECT type, details FROM events WHERE user_id = UNHEX(?) ORDER BY id DESC',
    [user.userId.replaceAll('-', '')],
  );
  const told = rows.map(({ type }) => String(type));
  for (const type of ['user.updated', 'user.roles_changed', 'identifier.changed', 'sessions.ended'])
    expect(told).toContain(type);
});

test('the owner of an address that another wants is told as they are stored, and not as the other wrote them', async () => {
  const [owner, other] = [await signUp(testApp()), await signUp(testApp())];
  const written = owner.email.toUpperCase();
  await profileOf(other).startEmailChange({ email: written });
  expect(await testApp().messagesTo(written)).toEqual([]);
  expect((await testApp().messagesTo(owner.email))[0]?.subject).toMatch(/already have an account/i);
});

test('another address in an edit starts its verified change for a session, and is set unconfirmed by a secret key', async () => {
  const { client, dev, advance } = testApp();
  const user = await signUp(testApp());
  const [wanted, set] = [freshEmail(), freshEmail()];
  const edited = await profileOf(user).editUser({ email: wanted });
  expect(edited.user?.email).toBe(user.email);
  await profileOf(user).confirmEmailChange({ token: await codeTo(wanted) });
  advance(300_001);
  expect(await failureOf(profileOf(user).editUser({ email: freshEmail() }))).toMatchObject({
    reason: 'REAUTHENTICATION_REQUIRED',
  });

  const secret = client(ProfileService, { apieco_key: dev.secret });
  const { user: changed } = await secret.editUser({ userId: user.userId, email: set });
  expect(changed).toMatchObject({ email: set, emailConfirmed: false });
  expect(await failureOf(profileOf(user).viewUser({}))).toEqual(wrongSession);
  const taken = await signUp(testApp());
  expect(await failureOf(secret.editUser({ userId: user.userId, email: taken.email }))).toEqual(
    failure('AlreadyExists', 'IDENTIFIER_TAKEN'),
  );
});

test('a deleted account leaves no row but its audit lines, which name no one', async () => {
  const { sql } = testApp();
  const user = await signUpByMobile(testApp());
  await profileOf(user).editUser(whole);
  await profileOf(user).deleteAccount({});
  expect(await failureOf(profileOf(user).viewUser({}))).toEqual(wrongSession);
  const id = user.userId.replaceAll('-', '');
  for (const table of [
    'identifiers',
    'credentials',
    'sessions',
    'challenges',
    'external_identities',
    'consents',
  ]) {
    expect(await sql(`SELECT 1 FROM ${table} WHERE user_id = UNHEX(?)`, [id]), table).toEqual([]);
  }
  expect(await sql('SELECT 1 FROM users WHERE id = UNHEX(?)', [id])).toEqual([]);
  expect(await sql('SELECT 1 FROM guess_counters WHERE subject = UNHEX(?)', [id])).toEqual([]);
  await auth().register({ type: IdentifierType.MOBILE, mobile: user.mobile, password });
});

test('a Manam user is seen by themselves and by a tenant that they have consented to, and by no other', async () => {
  const { client, dev, manam, sql, app } = testApp();
  const user = await signUp(testApp(), { apieco_key: manam.publishable });
  const own = client(ProfileService, bearer(user.accessToken));
  const answer = await own.getManamUserInfo({ email: user.email });
  expect(answer.info).toMatchObject({ case: 'user', value: { email: user.email } });

  const tenant = client(ProfileService, { apieco_key: dev.secret });
  for (const email of [user.email, freshEmail()]) {
    expect(await failureOf(tenant.getManamUserInfo({ email }))).toEqual(failure('NotFound', 'NOT_FOUND'));
  }
  const [manamTenant, devTenant] = [
    await app.store.tenants.findBySlug('manam'),
    await app.store.tenants.findBySlug('dev'),
  ];
  const hex = (id = '') => id.replaceAll('-', '');
  await sql('INSERT INTO consents VALUES (UNHEX(?), UNHEX(?), UNHEX(?), NOW(3))', [
    hex(manamTenant?.id),
    hex(user.userId),
    hex(devTenant?.id),
  ]);
  expect((await tenant.getManamUserInfo({ email: user.email })).info).toMatchObject({
    case: 'user',
    value: { userId: expect.stringMatching(/^[\w-]{43}$/), email: user.email, roles: [] },
  });

  const stranger = await signUp(testApp());
  expect(await failureOf(profileOf(stranger).getManamUserInfo({}))).toEqual(failure('NotFound', 'NOT_FOUND'));
  expect(await failureOf(client(AuthService, bearer(stranger.accessToken)).loginWithManam({}))).toEqual(
    failure('NotFound', 'NOT_FOUND'),
  );

  await sql("INSERT INTO external_identities VALUES (UNHEX(?), ?, ?, UNHEX(?), ?, NOW(3), 'google')", [
    hex(manamTenant?.id),
    'https://accounts.google.com',
    'sub',
    hex(user.userId),
    JSON.stringify({ displayName: 'Sara', email: user.email }),
  ]);
  expect((await client(AuthService, bearer(user.accessToken)).loginWithManam({})).info).toMatchObject({
    case: 'google',
    value: { displayName: 'Sara', email: user.email },
  });
});
