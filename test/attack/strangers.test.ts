import { afterAll, beforeAll, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { IdentifierType } from '../../gen/manam/v1/user_pb.js';
import { createProofKey, type ProofKey } from '../../src/clients/proof-key.ts';
import { createManam, memoryStorage } from '../../src/clients/web.ts';
import { parseConfig } from '../../src/config/config.ts';
import { parseNetworks } from '../../src/domain/network.ts';
import { freshEmail, password, startTestApp, type TestApp } from '../support/app.ts';
import { failureOf } from '../support/errors.ts';
import { changePolicy } from '../support/federation.ts';
import { bearer, enrolSms, freshMobile, signUp, signUpByMobile } from '../support/journey.ts';

// R70: what strangers can start never spends what users need. With production's limits, and
// every call from the address that a trusted proxy names.

const { limits } = parseConfig({}, { production: false });
const day = 86_400_000;
const hour = 3_600_000;
const minute = 60_000;

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ config: { limits, proxies: parseNetworks(['127.0.0.1']) } });
});
afterAll(() => app.close());

let networks = 0;
/** An address of a network that no other test uses. */
const freshAddress = () => {
  networks += 1;
  return `203.${Math.floor(networks / 200)}.${networks % 200}.7`;
};

type Answer = { readonly status: number; readonly json: Record<string, unknown> };

async function post(rpc: string, address: string, body: object, headers: object = {}): Promise<Answer> {
  const response = await fetch(`${app.url}/manam.v1.${rpc}`, {
    method: 'POST',
    headers: {
      'x-api-key': app.dev.publishable,
      'content-type': 'application/json',
      'x-forwarded-for': address,
      ...headers,
    },
    body: JSON.stringify(body),
  });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

const login = (address: string, body: object) => post('AuthService/Login', address, body);
const reasonOf = ({ json }: Answer) => /"reason":"([A-Z_]+)"/.exec(JSON.stringify(json))?.[1];
const hourOf = (now: Date) => new Date(Math.floor(now.getTime() / hour) * hour);
const smsTo = async (number: string) => (await app.messagesTo(number)).length;

async function makeSmsUser() {
  app.advance(2 * day);
  const user = await signUp(app);
  const { number } = await enrolSms(app, user);
  app.advance(2 * day);
  return { ...user, number };
}

test('made-up numbers from many networks keep no user from the SMS of the second factor', async () => {
  const user = await makeSmsUser();
  const statuses: number[] = [];
  for (let count = 0; count < 60; count += 1) {
    const mobile = `0935${String(1_000_000 + count * 7919).slice(-7)}`;
    const body = { type: 'IDENTIFIER_TYPE_MOBILE', mobile, password };
    // Only sent messages are charged: the breaker counts those.
    const tenant = await app.app.store.tenants.findBySlug('dev');
    const period = { country: 'IR', hour: hourOf(app.now()), audience: 'anonymous' } as const;
    await app.app.store.smsUsage.countSent(tenant?.id ?? '', period, 1);
    statuses.push((await post('AuthService/Register', freshAddress(), body)).status);
  }
  // The breaker holds against the strangers alone.
  expect(statuses).toContain(429);
  const before = await smsTo(user.number);
  const answer = await login(freshAddress(), { email: user.email, password });
  expect(answer.status).toBe(200);
  expect(await smsTo(user.number)).toBe(before + 1);
}, 60_000);

test('codes that a stranger requests for a number delay no sign-in of its owner', async () => {
  const user = await makeSmsUser();
  const mobile = user.number;
  for (const rpc of ['RecoveryService/Recover', 'AuthService/SendConfirmSms', 'AuthService/Register']) {
    for (let count = 0; count < 3; count += 1) {
      await post(rpc, freshAddress(), { type: 'IDENTIFIER_TYPE_MOBILE', mobile, password });
    }
    const before = await smsTo(user.number);
    const answer = await login(freshAddress(), { email: user.email, password });
    expect([rpc, answer.status]).toEqual([rpc, 200]);
    expect(await smsTo(user.number)).toBe(before + 1);
    app.advance(hour);
  }
});

test('wrong recovery codes of strangers close neither the right code nor the right password', async () => {
  app.advance(2 * day);
  const { mobile } = await signUpByMobile(app);
  app.advance(2 * day);
  const number = `+98${mobile.slice(1)}`;
  const type = 'IDENTIFIER_TYPE_MOBILE';
  const [owner, stranger] = [freshAddress(), freshAddress()];
  const asked = await post('RecoveryService/Recover', owner, { type, mobile, withHandle: true });
  const code = (await app.messagesTo(number))[0]?.code ?? '';
  app.advance(2 * minute);
  await post('RecoveryService/Recover', stranger, { type, mobile });
  const wrong = code === '11111111' ? '22222222' : '11111111';
  for (let count = 0; count < 30; count += 1) {
    const body = { mobile, token: wrong, password: 'of-a-stranger-99' };
    expect(
      (await post('RecoveryService/EndRecovery', count % 2 ? stranger : freshAddress(), body)).status,
    ).toBe(401);
  }
  expect((await login(owner, { type, mobile, password })).status).toBe(200);
  const handle = String(asked.json['handle']);
  const proof = { mobile, handle, token: code, password: 'brand-new-secret-48' };
  expect((await post('RecoveryService/EndRecovery', owner, proof)).status).toBe(200);
});

test('wrong recovery codes that strangers send for days close no way to the network that has asked for a code', async () => {
  app.advance(2 * day);
  const { mobile } = await signUpByMobile(app);
  app.advance(2 * day);
  const number = `+98${mobile.slice(1)}`;
  const [owner, stranger] = [freshAddress(), freshAddress()];
  const guess = (address: string) =>
    post('RecoveryService/EndRecovery', address, { mobile, token: '00000000', password: 'of-a-stranger-99' });
  // One network alone does not close the number to the others …
  for (let count = 0; count < 40; count += 1) {
    expect((await guess(stranger)).status).toBe(401);
    app.advance(10 * minute);
  }
  await post('RecoveryService/Recover', freshAddress(), { type: 'IDENTIFIER_TYPE_MOBILE', mobile });
  const redeem = async (address: string) =>
    await post('RecoveryService/EndRecovery', address, {
      mobile,
      token: (await app.messagesTo(number))[0]?.code,
      password: 'brand-new-secret-48',
    });
  expect((await redeem(owner)).status).toBe(200);
  // … and many networks close it to those that have not asked.
  app.advance(2 * day);
  for (let count = 0; count < 300; count += 1) {
    expect((await guess(freshAddress())).status).toBe(401);
    app.advance(10 * minute);
  }
  await guess(freshAddress());
  await post('RecoveryService/Recover', owner, { type: 'IDENTIFIER_TYPE_MOBILE', mobile });
  expect((await redeem(freshAddress())).status).toBe(401);
  expect((await redeem(owner)).status).toBe(200);
}, 120_000);

test('strangers’ wrong passwords lock no owner out, only the attacker', async () => {
  for (const guesses of [6, 12, 25]) {
    const { email } = await signUp(app);
    const stranger = freshAddress();
    for (let count = 0; count < guesses; count += 1) {
      const from = guesses === 12 ? freshAddress() : stranger;
      await login(from, { email, password: `wrong-${count}-lantern` });
    }
    expect([guesses, (await login(freshAddress(), { email, password })).status]).toEqual([guesses, 200]);
    if (guesses !== 12) expect((await login(stranger, { email, password })).status).not.toBe(200);
  }
});

test('a known address can sign in after a hundred failures, even after its sessions ended', async () => {
  const { email, userId } = await signUp(app);
  const own = freshAddress();
  const { json } = await login(own, { email, password });
  const tokens = json['tokens'] as { readonly accessToken: string };
  await post('AuthService/Logout', own, {}, { authorization: `Bearer ${tokens.accessToken}` });
  expect((await login(freshAddress(), { email, password: 'a-wrong-orbit-49' })).status).toBe(401);
  await app.sql("UPDATE guess_counters SET failures = 100 WHERE subject = UNHEX(REPLACE(?, '-', ''))", [
    userId,
  ]);
  expect((await login(freshAddress(), { email, password })).status).toBe(401);
  expect((await login(own, { email, password })).status).toBe(200);
});

test('a stranger’s requests invalidate no link or code of the owner', async () => {
  for (const asked of [1, 3, 8]) {
    const { email } = await signUp(app);
    const owner = freshAddress();
    await post('RecoveryService/Recover', owner, { email });
    const token = (await app.messagesTo(email))[0]?.code ?? '';
    for (let count = 0; count < asked; count += 1) {
      await post('RecoveryService/Recover', freshAddress(), { email });
    }
    const proof = { token, password: 'brand-new-secret-48' };
    expect([asked, (await post('RecoveryService/EndRecovery', owner, proof)).status]).toEqual([asked, 200]);
  }
});

for (const parallel of [6, 12, 24]) {
  test(`reports none of ${parallel} concurrent correct sign-ins as wrong`, async () => {
    const user = await signUp(app);
    const address = freshAddress();
    const session = bearer(user.accessToken);
    const calls = [
      () => login(address, { email: user.email, password }),
      () => post('AuthService/Reauthenticate', address, { password }, session),
    ];
    for (const call of calls) {
      const answers = await Promise.all(Array.from({ length: parallel }, call));
      const refused = answers.filter(({ status }) => status !== 200).map(reasonOf);
      // A slow machine may have no time for all of them: that is not called a wrong password.
      const isLater = (reason = '') => ['RATE_LIMITED', 'UNAVAILABLE'].includes(reason);
      expect(refused.filter((reason) => !isLater(reason))).toEqual([]);
      expect(answers.some(({ status }) => status === 200)).toBe(true);
      expect((await call()).status).toBe(200);
    }
  });
}

test('a limit holds for any ten minutes, wherever they begin', async () => {
  const max = limits.attemptsPerNetwork.max;
  for (const pausedMs of [9 * minute + 50_000, 10 * minute, 10 * minute + 20_000]) {
    app.advance(hour);
    const address = freshAddress();
    const guess = async () =>
      (await login(address, { email: freshEmail(), password: 'wrong-lantern-47' })).status === 401;
    let burst = 0;
    const startedAt = performance.now();
    // The first guess opens the window; the burst comes at its end, and continues beyond it.
    expect(await guess()).toBe(true);
    app.advance(pausedMs - 15_000);
    for (let count = 0; count < max; count += 1) burst += Number(await guess());
    app.advance(15_000);
    for (let count = 0; count < max; count += 1) burst += Number(await guess());
    // The window slides while a slow machine is at it.
    const slid = Math.ceil((max * (performance.now() - startedAt)) / (10 * minute));
    expect(burst).toBeLessThanOrEqual(max + 1 + slid);
    expect(burst).toBeGreaterThanOrEqual(max - 2);
  }
});

test('messages to one address are bounded in any hour, wherever it begins', async () => {
  const { max } = limits.emailsPerRecipient;
  for (const pausedMs of [59 * minute, 60 * minute, 61 * minute]) {
    const { email } = await signUp(app);
    app.advance(3 * hour);
    const address = freshAddress();
    let sent = 0;
    const ask = async () => {
      sent += Number((await post('RecoveryService/Recover', address, { email })).status === 200);
    };
    await ask();
    app.advance(pausedMs - minute);
    const before = sent;
    for (let count = 0; count < max; count += 1) await ask();
    app.advance(minute);
    for (let count = 0; count < max; count += 1) await ask();
    expect(sent - before).toBeLessThanOrEqual(max);
  }
});

test('strangers who use up an address keep its owner’s known device from no code', async () => {
  const { email } = await signUp(app);
  const proveWith = (key: ProofKey) => async (procedure: string) => {
    key.setTime(app.now().getTime() / 1000);
    return { dpop: await key.prove({ method: 'POST', url: `${app.url}/manam.v1.${procedure}` }) };
  };
  const [own, foreign] = [createProofKey(), createProofKey()].map(proveWith);
  await post('AuthService/Login', freshAddress(), { email, password }, await own?.('AuthService/Login'));
  const start = 'AuthService/StartCodeSignIn';
  for (let count = 0; count < 16 * limits.emailsPerRecipient.max; count += 1)
    await post(start, freshAddress(), { email });
  const sent = async () => (await app.messagesTo(email)).length;
  const before = await sent();
  expect(reasonOf(await post(start, freshAddress(), { email }))).toBe('RATE_LIMITED');
  expect(reasonOf(await post(start, freshAddress(), { email }, await foreign?.(start)))).toBe('RATE_LIMITED');
  expect(await sent()).toBe(before);
  expect((await post(start, freshAddress(), { email }, await own?.(start))).status).toBe(200);
  expect(await sent()).toBe(before + 1);
});

test('strangers who use up a number keep a caller who does the work from no code', async () => {
  const smsPerRecipientDay = { ...limits.smsPerRecipientDay, max: 3 };
  // A registration and three recoveries are free.
  const freePerTenant = { ...limits.freePerTenant, max: 4, windowMs: day };
  const own = await startTestApp({
    config: { workCost: 1000, limits: { ...limits, smsPerRecipientDay, freePerTenant } },
  });
  await changePolicy(own, (policy) => ({ ...policy, proofOfWork: 'adaptive' }));
  const { mobile } = await signUpByMobile(own);
  const body = { type: IdentifierType.MOBILE, mobile };
  const recover = () => own.client(RecoveryService).recover(body);
  // The confirmation was the first of the day.
  for (let count = 1; count < 3; count += 1) {
    own.advance(hour);
    await recover();
  }
  own.advance(hour);
  expect(await failureOf(recover())).toMatchObject({ reason: 'RATE_LIMITED' });
  // The network waits between two SMS to a number.
  own.advance(hour);
  const sent = async () => (await own.messagesTo(`+98${mobile.slice(1)}`)).length;
  const before = await sent();
  await createManam({ url: own.url, key: own.dev.publishable, storage: memoryStorage() }).recovery.recover(
    body,
  );
  expect(await sent()).toBe(before + 1);
  await own.close();
});

const forms = [
  ['203.0.113.6:40001', '203.0.114.78:5555'],
  ['"[2001:db8:1::7]:40001"', '[2001:db8:2::7]:5555'],
  ['fe80::1%eth0', '198.51.100.9'],
] as const;
for (const [stranger, owner] of forms) {
  test(`a caller that a proxy writes as ${stranger} locks out no other caller`, async () => {
    const { email } = await signUp(app);
    for (let count = 0; count < 25; count += 1) {
      await login(stranger, { email, password: `wrong-${count}-lantern` });
    }
    expect((await login(owner, { email, password })).status).toBe(200);
    expect((await login(stranger, { email, password })).status).not.toBe(200);
  });
}

test('a proxy may write the callers as parameters of RFC 7239', async () => {
  const { email } = await signUp(app);
  const from = (address: string, secret: string) => login(address, { email, password: secret });
  for (let count = 0; count < 25; count += 1) {
    await from('for="[2001:db8:cafe::17]:4711";proto=https', `wrong-${count}-lantern`);
  }
  for (const other of [
    'for=192.0.2.60;proto=http',
    'proto=http;For="[2001:db8:beef::17]"',
    'for="192.0.2.43:1234"',
  ])
    expect([other, (await from(other, password)).status]).toEqual([other, 200]);
});

test('responses do not distinguish strangers’ numbers from users’', async () => {
  const { mobile } = await signUpByMobile(app);
  const type = IdentifierType.MOBILE;
  app.advance(2 * day);
  for (const each of [mobile, freshMobile(), freshMobile()]) {
    const client = app.client(AuthService);
    await expect(client.sendConfirmSms({ mobile: each })).resolves.toBeDefined();
    const answer = await post('RecoveryService/Recover', freshAddress(), { type, mobile: each });
    expect([answer.status, answer.json]).toEqual([200, {}]);
    app.advance(2 * day);
  }
});
