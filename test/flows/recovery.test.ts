import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { IdentifierType } from '../../gen/manam/v1/user_pb.js';
import { createBreachCheck } from '../../src/adapters/breach-check.ts';
import { createPasswordHasher } from '../../src/adapters/password-hasher.ts';
import { defaultLimits, freshEmail, password, startTestApp, useTestApp } from '../support/app.ts';
import { createDeadline } from '../support/deadline.ts';
import { failure, failureOf } from '../support/errors.ts';
import { bearer, freshMobile, register, signUp, signUpByMobile } from '../support/journey.ts';
import { seeded } from '../support/seeded.ts';

const testApp = useTestApp();
const next = 'brand-new-secret-48';
const invalid = failure('Unauthenticated', 'RECOVERY_INVALID');
const recovery = () => testApp().client(RecoveryService);
const login = (email: string, secret: string) =>
  testApp().client(AuthService).login({ email, password: secret });
const newest = async (to: string) => (await testApp().messagesTo(to))[0];
const weak = (reason: string) => failure('InvalidArgument', 'REQUEST_INVALID', { password: reason });

async function recoveryToken(email: string): Promise<string> {
  await recovery().recover({ email });
  return (await newest(email))?.code ?? '';
}

test('the link of the message replaces the password once, ends all sessions and signs no one in', async () => {
  const user = await signUp(testApp());
  const token = await recoveryToken(user.email);
  expect((await newest(user.email))?.link).toBe(`${testApp().url}/account/dev/recover?token=${token}`);
  const answer = await recovery().endRecovery({ token, password: next });
  expect(Object.keys(answer)).toEqual(['$typeName']);
  expect(await failureOf(testApp().client(ProfileService, bearer(user.accessToken)).viewUser({}))).toEqual(
    failure('Unauthenticated', 'TOKEN_INVALID'),
  );
  expect(
    await failureOf(testApp().client(AuthService).refreshToken({ refreshToken: user.refreshToken })),
  ).toEqual(failure('Unauthenticated', 'TOKEN_INVALID'));
  expect(await failureOf(login(user.email, password))).toEqual(
    failure('Unauthenticated', 'CREDENTIALS_INVALID'),
  );
  await login(user.email, next);
  expect(await failureOf(recovery().endRecovery({ token, password: next }))).toEqual(invalid);
  expect((await newest(user.email))?.subject).toBe('Your password at Dev has been changed');
});

test('a refused new password does not consume the token', async () => {
  const user = await signUp(testApp());
  const token = await recoveryToken(user.email);
  for (const [secret, reason] of [
    ['short', 'PASSWORD_TOO_SHORT'],
    ['password1', 'PASSWORD_COMMON'],
    [user.email, 'PASSWORD_COMMON'],
    ['x'.repeat(257), 'PASSWORD_TOO_LONG'],
  ] as const) {
    expect(await failureOf(recovery().endRecovery({ token, password: secret }))).toEqual(weak(reason));
  }
  expect(
    await failureOf(recovery().endRecovery({ token, password: next, confirmPassword: 'other' })),
  ).toEqual(failure('InvalidArgument', 'REQUEST_INVALID', { confirm_password: 'PASSWORD_MISMATCH' }));
  await recovery().endRecovery({ token, password: next });
});

test('five tokens are valid at a time, for half an hour, until one of them is used once of 20 parallel tries', async () => {
  const user = await signUp(testApp());
  const first = await recoveryToken(user.email);
  testApp().advance(1_800_001);
  expect(await failureOf(recovery().endRecovery({ token: first, password: next }))).toEqual(invalid);
  const third = await recoveryToken(user.email);
  const others = [];
  for (let count = 0; count < 4; count += 1) others.push(await recoveryToken(user.email));
  expect(new Set([third, ...others]).size).toBe(5);
  expect(await recoveryToken(user.email), 'no sixth one is sent').toBe(others.at(-1));
  const uses = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) =>
      recovery().endRecovery({ token: third, password: `${next}-${index}` }),
    ),
  );
  expect(uses.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const token of others)
    expect(await failureOf(recovery().endRecovery({ token, password: next }))).toEqual(invalid);
});

test('no variant of a token and no other token recovers an account', async () => {
  const user = await signUp(testApp());
  const token = await recoveryToken(user.email);
  const flipped = [...token]
    .map((letter) => (letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()))
    .join('');
  const confirmation = await register(testApp(), freshEmail());
  const variants = [
    token.slice(0, -1),
    `${token}=`,
    `${token}A`,
    flipped,
    encodeURIComponent(encodeURIComponent(`${token}%`)),
    `${token.slice(0, 20)} ${token.slice(20)}`,
    '',
    confirmation,
    user.accessToken,
    user.refreshToken,
  ];
  for (const variant of variants) {
    expect(await failureOf(recovery().endRecovery({ token: variant, password: next })), variant).toEqual(
      invalid,
    );
  }
  const theirs = testApp().client(RecoveryService, { apieco_key: testApp().manam.publishable });
  expect(await failureOf(theirs.endRecovery({ token, password: next }))).toEqual(invalid);
  await recovery().endRecovery({ token, password: next });
});

test('a number and the code of its SMS replace the password; five wrong codes kill the right one', async () => {
  const user = await signUpByMobile(testApp());
  const address = `+98${user.mobile.slice(1)}`;
  await recovery().recover({ type: IdentifierType.MOBILE, mobile: user.mobile });
  const code = (await newest(address))?.code ?? '';
  expect(code).toMatch(/^\d{6}$/);
  const other = await signUpByMobile(testApp());
  expect(
    await failureOf(recovery().endRecovery({ token: code, mobile: other.mobile, password: next })),
  ).toEqual(invalid);
  expect(
    await failureOf(recovery().endRecovery({ token: code, mobile: freshMobile(), password: next })),
  ).toEqual(invalid);
  expect(await failureOf(recovery().endRecovery({ token: code, password: next }))).toEqual(invalid);
  await recovery().endRecovery({ token: code, mobile: user.mobile, password: next });

  await recovery().recover({ mobile: user.mobile });
  const again = (await newest(address))?.code ?? '';
  const wrong = again === '000000' ? '000001' : '000000';
  await Promise.all(
    Array.from({ length: 20 }, () =>
      failureOf(recovery().endRecovery({ token: wrong, mobile: user.mobile, password: next })),
    ),
  );
  expect(
    await failureOf(recovery().endRecovery({ token: again, mobile: user.mobile, password: next })),
  ).toEqual(invalid);
});

test('a locked account can be recovered, and is open again afterwards', async () => {
  const user = await signUp(testApp());
  for (let count = 0; count < 6; count += 1) await failureOf(login(user.email, 'wrong-password-47'));
  const token = await recoveryToken(user.email);
  await recovery().endRecovery({ token, password: next });
  await login(user.email, next);
});

test('an unknown, an unconfirmed and a known address get the same answer, and only the last a message', async () => {
  const known = await signUp(testApp());
  const unconfirmed = freshEmail();
  await register(testApp(), unconfirmed);
  const unknown = freshEmail();
  const answers = [];
  for (const email of [known.email, unconfirmed, unknown])
    answers.push(JSON.stringify(await recovery().recover({ email })));
  expect(new Set(answers).size).toBe(1);
  expect(await testApp().messagesTo(unknown)).toEqual([]);
  expect((await newest(unconfirmed))?.subject).toContain('Confirm');
  expect((await newest(known.email))?.subject).toBe('Choose a new password for Dev');
});

test('a hundred requests for one victim are three messages, and change nothing else for them', async () => {
  const limits = { emailsPerRecipient: { name: 'email.recipient', max: 3, windowMs: 3_600_000 } };
  const tight = await startTestApp({ config: { limits: { ...defaultLimits, ...limits } } });
  const user = await signUp(tight);
  const before = (await tight.messagesTo(user.email)).length;
  const calls = await Promise.allSettled(
    Array.from({ length: 100 }, () => tight.client(RecoveryService).recover({ email: user.email })),
  );
  expect(calls.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  expect((await tight.messagesTo(user.email)).length - before).toBe(3);
  await tight.client(AuthService).login({ email: user.email, password });
  await tight.client(ProfileService, bearer(user.accessToken)).viewUser({});
  await tight.close();
});

const poison = {
  host: 'evil.test',
  'x-forwarded-host': 'evil.test',
  'x-forwarded-proto': 'http',
  forwarded: 'host=evil.test',
  origin: 'http://localhost:1',
  referer: 'https://evil.test/',
};

test('no header of a request reaches the link, not even as the first request after the start', async () => {
  const app = await startTestApp();
  const { email } = await signUp(app);
  const { request } = await import('node:http');
  for (const [name, value] of Object.entries(poison)) {
    const status = await new Promise((resolve, reject) => {
      const call = request(
        `${app.url}/auth/recover`,
        {
          method: 'POST',
          headers: { apieco_key: app.dev.publishable, 'content-type': 'application/json', [name]: value },
        },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      );
      call.on('error', reject);
      call.end(JSON.stringify({ email }));
    });
    expect(status, name).toBe(200);
    const [message] = await app.messagesTo(email);
    expect(message?.link, name).toBe(`${app.url}/account/dev/recover?token=${message?.code}`);
    expect(message?.html).not.toContain('evil');
  }
  await app.close();
});

test('ChangePassword takes the current password, keeps this session and ends the others', async () => {
  const user = await signUp(testApp());
  const other = await login(user.email, password);
  const own = testApp().client(RecoveryService, bearer(user.accessToken));
  expect(
    await failureOf(own.changePassword({ currentPassword: 'wrong-password-47', password: next })),
  ).toEqual(failure('Unauthenticated', 'CREDENTIALS_INVALID'));
  expect(await failureOf(own.changePassword({ currentPassword: password, password: '12345678' }))).toEqual(
    weak('PASSWORD_COMMON'),
  );
  expect(await failureOf(own.changePassword({ password: next }))).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', { current_password: 'FIELD_REQUIRED' }),
  );
  const token = await recoveryToken(user.email);
  await own.changePassword({ currentPassword: password, password: next, confirmPassword: next });
  await testApp().client(ProfileService, bearer(user.accessToken)).viewUser({});
  expect(
    await failureOf(
      testApp()
        .client(ProfileService, bearer(other.tokens?.accessToken ?? ''))
        .viewUser({}),
    ),
  ).toEqual(failure('Unauthenticated', 'TOKEN_INVALID'));
  expect(await failureOf(recovery().endRecovery({ token, password: 'yet-another-49' }))).toEqual(invalid);
  await login(user.email, next);
});

test('in random walks of 10,000 steps a password changes only by a right and unused token', async () => {
  const seed = Number(process.env['WALK_SEED'] ?? 4711);
  const { below } = seeded(seed);
  const users = await Promise.all(Array.from({ length: 4 }, () => signUp(testApp())));
  const state = users.map(({ email }) => ({
    email,
    secret: password,
    live: '',
    tokens: [] as string[],
    dead: ['x'],
  }));
  type Walker = (typeof state)[number];
  const end = (token: string, secret: string) =>
    recovery()
      .endRecovery({ token, password: secret })
      .then(
        () => true,
        () => false,
      );
  const steps: ((walker: Walker, other: Walker, step: number) => Promise<unknown>)[] = [
    async (walker) => {
      walker.live = await recoveryToken(walker.email);
      walker.tokens.push(walker.live);
    },
    async (walker, _, step) => {
      const changed = await end(walker.live, `walked-to-${step}`);
      expect(changed, `step ${step}`).toBe(walker.live !== '');
      if (!changed) return;
      walker.secret = `walked-to-${step}`;
      walker.dead.push(...walker.tokens.splice(0));
      walker.live = '';
    },
    async (walker, _, step) =>
      expect(await end(walker.dead[below(walker.dead.length)] ?? '', `never-${step}`), `step ${step}`).toBe(
        false,
      ),
    async (walker, _, step) =>
      expect(await end(walker.live.slice(0, -1), `never-${step}`), `step ${step}`).toBe(false),
    async (walker, _, step) => expect(await end(walker.live, 'short'), `step ${step}`).toBe(false),
    async () => expect(await end('', 'never-ever-47')).toBe(false),
  ];
  const weights = [0, 1, 2, 2, 3, 3, 4, 4, 5, 5, 2, 3];
  for (let step = 0; step < 10_000; step += 1) {
    const walker = state[below(state.length)] as Walker;
    const act = steps[weights[below(weights.length)] ?? 5];
    await act?.(walker, state[below(state.length)] as Walker, step);
  }
  for (const { email, secret } of state) await login(email, secret);
}, 600_000);

test('rejects a breached password and accepts one during the service’s outage', async () => {
  const digest = createHash('sha1').update(next).digest('hex').toUpperCase();
  const asked: string[] = [];
  let mode: 'known' | 'unknown' | 'padding' | 'broken' = 'known';
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    if (mode === 'broken') return response.writeHead(500).end();
    const count = mode === 'padding' ? 0 : 3;
    return response.end(mode === 'unknown' ? 'ABC:1' : `FFFF:2\r\n${digest.slice(5)}:${count}\r\n`);
  }).listen(0);
  const { port } = server.address() as { port: number };
  const failures: unknown[] = [];
  const isBreached = createBreachCheck(`http://127.0.0.1:${port}/range/`, (error) => failures.push(error));
  expect(await isBreached(next)).toBe(true);
  expect(asked).toEqual([`/range/${digest.slice(0, 5)}`]);
  for (const other of ['unknown', 'padding'] as const) {
    mode = other;
    expect(await isBreached(next)).toBe(false);
  }
  expect(failures).toEqual([]);
  mode = 'broken';
  expect(await isBreached(next)).toBe(false);
  expect(failures).toHaveLength(1);
  server.close();
});

test('a hash of less than today’s parameters, or without the pepper, is made anew at the next sign-in', async () => {
  const user = await signUp(testApp());
  const weakHasher = await createPasswordHasher({ profile: { memoryKiB: 8, passes: 1 }, cores: 1 });
  const strong = await createPasswordHasher({
    profile: { memoryKiB: 16, passes: 2 },
    cores: 1,
    pepper: Buffer.alloc(16, 7),
  });
  const turn = { tenant: { id: 'a' }, deadline: createDeadline() };
  const weakHash = await weakHasher.hash(turn, password);
  expect(weakHasher.needsRehash(weakHash, password)).toBe(false);
  expect(strong.needsRehash(weakHash, password)).toBe(true);
  expect(await strong.verify(turn, weakHash, password)).toBe(true);
  const peppered = await strong.hash(turn, password);
  expect(await strong.verify(turn, peppered, password)).toBe(true);
  expect(await weakHasher.verify(turn, peppered, password)).toBe(false);

  const raised = await startTestApp({ sibling: testApp(), config: { hash: { memoryKiB: 16, passes: 2 } } });
  const hashOf = async () => {
    const [row] = await testApp().sql(
      "SELECT password_hash AS h FROM credentials WHERE user_id = UNHEX(REPLACE(?, '-', ''))",
      [user.userId],
    );
    return String(row?.['h']);
  };
  expect(await hashOf()).toContain('m=8,');
  await raised.client(AuthService).login({ email: user.email, password });
  expect(await hashOf()).toContain('m=16,');
  await raised.close();
});
