import { once } from 'node:events';
import { request } from 'node:http';
import { availableParallelism } from 'node:os';
import { beforeAll, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { networkOf } from '../../src/domain/network.ts';
import { sha256 } from '../../src/domain/token.ts';
import { freshEmail, password, useTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import { signUp } from '../support/journey.ts';
import { protocols } from '../support/protocols.ts';

// A hash that takes a good part of a second, so that a queue of a few is one of seconds.
const slow = { memoryKiB: 131_072, passes: 8 };
/** Length of the hash queue (R6). */
const maxWaiting = 64;
/** More than can be served while one waits for their turn. */
const crowd = 10 * availableParallelism();

const testApp = useTestApp({ config: { hash: slow, metrics: { host: '127.0.0.1', port: 0 } } });
const limited = { ...failure('ResourceExhausted', 'RATE_LIMITED'), retryable: true as const };

/** Less than it takes until one who comes to a queue has their hash, and far more than it takes to refuse them. */
let shortMs = 0;

beforeAll(async () => {
  // The first hashes give the queue its duration estimate.
  const { email } = await signUp(testApp());
  // The shortest of a few: a moment in which the machine was slow says nothing of the next one.
  const durations: number[] = [];
  for (let turn = 0; turn < 3; turn += 1) {
    const startedAt = performance.now();
    await testApp().client(AuthService).login({ email, password });
    durations.push(performance.now() - startedAt);
  }
  shortMs = Math.ceil(1.2 * Math.min(...durations));
});

/** Sign-ins that fill the queue; some of them are refused, and none fails otherwise. */
function crowdIn(): Promise<unknown>[] {
  const auth = testApp().client(AuthService);
  return Array.from({ length: crowd }, () => failureOf(auth.login({ email: freshEmail(), password })));
}

test('over every protocol a call whose deadline cannot be met is rejected at once, and nothing is done for it', async () => {
  const waiting = crowdIn();
  const clients = protocols.map(({ connect }) =>
    connect(AuthService, testApp().url, { apieco_key: testApp().dev.publishable }),
  );
  await untilHashing(waiting);
  const refused = clients.map((client) =>
    failureOf(client.login({ email: freshEmail(), password }, { timeoutMs: shortMs })),
  );
  expect(await Promise.all(refused)).toEqual(protocols.map(() => limited));
  // Not even the limit of their network keeps a count of them: a refusal that came after it was given back.
  const counted = () =>
    testApp().sql("SELECT used FROM budgets WHERE name = 'guess.network' AND subject = ? AND used > 0", [
      sha256(networkOf('127.0.0.1')),
    ]);
  await expect.poll(counted).toEqual([]);
  const ends = await Promise.all(waiting);
  expect(ends).toContainEqual(failure('Unauthenticated', 'CREDENTIALS_INVALID'));
});

test('over REST, a wait that would be too long is rejected with Retry-After', async () => {
  const login = async () => {
    const answer = await fetch(`${testApp().url}/auth/login`, {
      method: 'POST',
      headers: { apieco_key: testApp().dev.publishable, 'content-type': 'application/json' },
      body: JSON.stringify({ email: freshEmail(), password }),
    });
    const { reason } = (await answer.json()) as { reason: string };
    return { status: answer.status, reason, retryAfterS: Number(answer.headers.get('retry-after')) };
  };
  const answers = await Promise.all(Array.from({ length: crowd }, login));
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(0);
  for (const answer of refused) {
    expect(answer).toMatchObject({ reason: 'RATE_LIMITED' });
    expect(answer.retryAfterS).toBeGreaterThan(0);
  }
  const others = answers.filter(({ status }) => status !== 429);
  expect(others).toEqual(others.map(() => ({ status: 401, reason: 'CREDENTIALS_INVALID', retryAfterS: 0 })));
});

test('calls whose body never comes keep no one from signing in', async () => {
  const { hostname, port } = new URL(testApp().url);
  const headers = {
    apieco_key: testApp().dev.publishable,
    'content-type': 'application/json',
    'content-length': 100,
  };
  const silent = Array.from({ length: maxWaiting + 1 }, () => {
    const call = request({ hostname, port, method: 'POST', path: '/auth/login', headers });
    call.on('error', () => {});
    call.flushHeaders();
    return call;
  });
  await Promise.all(silent.map((call) => once(call, 'socket')));
  // Their places are kept for a moment, and long before the calls end no one waits for them any more.
  const login = () => failureOf(testApp().client(AuthService).login({ email: freshEmail(), password }));
  await expect
    .poll(login, { timeout: 8000, interval: 500 })
    .toEqual(failure('Unauthenticated', 'CREDENTIALS_INVALID'));
  for (const call of silent) call.destroy();
});

test('calls that need no hash continue while the queue for hashes is full', async () => {
  const waiting = crowdIn();
  await untilHashing(waiting);
  const ready = await fetch(`${testApp().url}/readyz`);
  expect(ready.status).toBe(200);
  const token = testApp().client(AuthService).refreshToken({ refreshToken: 'mrt_unknown' });
  expect(await failureOf(token)).toEqual(failure('Unauthenticated', 'TOKEN_INVALID'));
  await Promise.all(waiting);
});

/** Waits until every core is busy with a hash. On a slow machine no call may wait behind them. */
async function untilHashing(crowd: Promise<unknown>[]): Promise<void> {
  let isOver = false;
  void Promise.all(crowd).then(() => {
    isOver = true;
  });
  while (!isOver) {
    const text = await (await fetch(`${testApp().metricsUrl}/metrics`)).text();
    const [running, waiting] = ['running', 'waiting'].map((state) =>
      Number(new RegExp(`^manam_hash_queue\\{state="${state}"\\} (\\d+)$`, 'm').exec(text)?.[1]),
    );
    if (Number(running) + Number(waiting) >= availableParallelism()) return;
  }
  throw new Error('the crowd was served before every core was busy');
}
