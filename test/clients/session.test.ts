import { Code, ConnectError } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import * as connect from '../../src/clients/connect.ts';
import { ManagementService } from '../../src/clients/management.ts';
import { createPageSession } from '../../src/clients/page-session.ts';
import { createProofKey } from '../../src/clients/proof-key.ts';
import { createSession, memoryStorage, type StoredTokens } from '../../src/clients/tokens.ts';
import { createManam } from '../../src/clients/web.ts';
import { password, useTestApp } from '../support/app.ts';
import { thrownBy } from '../support/errors.ts';
import { signUp } from '../support/journey.ts';
import { makeMember } from '../support/members.ts';

const testApp = useTestApp();
const start = Date.UTC(2026, 0, 1);

/** A session whose tokens are counted: access-1 comes with refresh-1, and so on. */
function startSession(fail?: () => Error | undefined) {
  let nowMs = start;
  let refreshes = 0;
  const used: string[] = [];
  let ends = 0;
  const storage = memoryStorage();
  const session = createSession({
    auth: {
      refreshToken: async ({ refreshToken = '' }) => {
        used.push(refreshToken);
        await new Promise((resolve) => setTimeout(resolve, 20));
        const error = fail?.();
        if (error !== undefined) throw error;
        refreshes += 1;
        const tokens = {
          accessToken: `access-${refreshes + 1}`,
          refreshToken: `refresh-${refreshes + 1}`,
          expiresIn: 600,
        };
        return { tokens } as Awaited<ReturnType<connect.Manam['auth']['refreshToken']>>;
      },
    },
    storage,
    onEnd: () => {
      ends += 1;
    },
    now: () => nowMs,
  });
  return {
    session,
    storage,
    used,
    ends: () => ends,
    pass: (ms: number) => {
      nowMs += ms;
    },
    begin: () => session.set({ accessToken: 'access-1', refreshToken: 'refresh-1', expiresIn: 600 }),
  };
}

test('a token is used until shortly before its end, and then renewed', async () => {
  const { session, used, pass, begin } = startSession();
  expect(await session.get()).toBeUndefined();
  await begin();
  pass(569_000);
  expect(await session.get()).toBe('access-1');
  expect(used).toEqual([]);
  pass(2000);
  expect(await session.get()).toBe('access-2');
  expect(used).toEqual(['refresh-1']);
});

test('calls that need a new token at the same time share one refresh', async () => {
  const { session, used, pass, begin } = startSession();
  await begin();
  pass(600_000);
  const tokens = await Promise.all(Array.from({ length: 20 }, () => session.get()));
  expect(new Set(tokens)).toEqual(new Set(['access-2']));
  expect(used).toEqual(['refresh-1']);
});

test('renews a rejected token once and shares the result with later calls', async () => {
  const { session, used, begin } = startSession();
  await begin();
  expect(await Promise.all([session.renew('access-1'), session.renew('access-1')])).toEqual([
    'access-2',
    'access-2',
  ]);
  expect(await session.renew('access-1')).toBe('access-2');
  expect(used).toEqual(['refresh-1']);
});

test('a token that another page has renewed is taken from the storage', async () => {
  const { session, storage, used, begin } = startSession();
  await begin();
  const other: StoredTokens = { accessToken: 'other', refreshToken: 'r', expiresAtMs: start + 600_000 };
  await storage.save(other);
  expect(await session.renew('access-1')).toBe('other');
  expect(used).toEqual([]);
});

test('keeps the session through an outage and reports its end once', async () => {
  let error: Error | undefined = new ConnectError('out of reach', Code.Unavailable);
  const { session, ends, pass, begin } = startSession(() => error);
  await begin();
  pass(600_000);
  expect(await thrownBy(session.get())).toBe(error);
  error = undefined;
  expect(await session.get()).toBe('access-2');
  expect(ends()).toBe(0);
});

test('a renewal that is under way when the person signs out brings nothing back', async () => {
  const { session, pass, begin } = startSession();
  await begin();
  pass(600_000);
  const late = session.get();
  await session.clear();
  expect(await late).toBeUndefined();
  expect(await session.get()).toBeUndefined();
});

test('a renewal that is under way when another party signs in is not their', async () => {
  let error: Error | undefined;
  const { session, ends, pass, begin } = startSession(() => error);
  for (const outcome of [undefined, new ConnectError('ended', Code.Unauthenticated)]) {
    error = outcome;
    await begin();
    pass(600_000);
    const late = session.get();
    await session.set({ accessToken: 'leila', refreshToken: 'r', expiresIn: 600 });
    expect(await late).toBe('leila');
    expect(await session.get()).toBe('leila');
  }
  expect(ends()).toBe(0);
});

test('in an outage a token that is still good is used to its end', async () => {
  const outage = new ConnectError('out of reach', Code.Unavailable);
  const { session, pass, begin } = startSession(() => outage);
  await begin();
  pass(580_000);
  expect(await session.get()).toBe('access-1');
  pass(21_000);
  expect(await thrownBy(session.get())).toBe(outage);
});

test('a session that was ended elsewhere ends here, once, and calls continue without it', async () => {
  const { url, dev } = testApp();
  const user = await signUp(testApp());
  let ends = 0;
  const manam = createManam({ url, key: dev.publishable, onSessionEnd: () => (ends += 1) });
  await manam.auth.login({ email: user.email, password });
  const other = connect.createManam({ url, key: dev.publishable });
  await other.auth.revokeOtherSessions({}, { headers: connect.bearer(user.accessToken) });
  const refusals = await Promise.all(Array.from({ length: 5 }, () => thrownBy(manam.profile.viewUser({}))));
  expect(new Set(refusals.map((error) => connect.readFailure(error).reason))).toEqual(
    new Set(['TOKEN_INVALID']),
  );
  expect(ends).toBe(1);
  expect(connect.readFailure(await thrownBy(manam.auth.listSessions({}))).reason).toBe('TOKEN_MISSING');
});

test('when all access tokens become invalid, as after a theft of a signing key, calls refresh and succeed', async () => {
  const { url, dev, sql } = testApp();
  const user = await signUp(testApp());
  const manam = connect.createManam({ url, key: dev.publishable });
  const session = createSession({ auth: manam.auth });
  await session.set({ accessToken: `${user.accessToken}x`, refreshToken: user.refreshToken, expiresIn: 600 });
  const back = connect.createManam({ url, key: dev.publishable, tokens: session });
  const seen = await Promise.all(Array.from({ length: 10 }, () => back.profile.viewUser({})));
  expect(seen.map((answer) => answer.user?.email)).toEqual(Array.from({ length: 10 }, () => user.email));
  const [row] = await sql(
    "SELECT refresh_counter AS refreshes FROM sessions WHERE user_id = UNHEX(REPLACE(?, '-', ''))",
    [user.userId],
  );
  expect(row?.['refreshes']).toBe(1);
});

test('a page calls as a member of a tenant in the session of its user, and without the key of Manam', async () => {
  const member = await makeMember(testApp(), 'viewer');
  const manam = createManam({
    url: testApp().url,
    key: testApp().manam.publishable,
    storage: memoryStorage(),
  });
  await manam.auth.login({ email: member.email, password });
  const tenant = await manam.clientOf(ManagementService, { tenant: 'dev' }).getTenant({});
  expect(tenant.slug).toBe('dev');
  const { tenants } = await manam.clientOf(ManagementService).listMyTenants({});
  expect(tenants.map(({ slug }) => slug)).toEqual(['dev']);
});

test('a session lives in memory where the browser has no room for its token', async () => {
  const refused = () => Promise.reject(new DOMException('full', 'QuotaExceededError'));
  const browserKey = {
    key: createProofKey(),
    load: async () => undefined,
    save: refused,
    clear: async () => {},
  };
  const closing = new AbortController();
  const session = createPageSession({
    name: 'full',
    auth: {} as never,
    browserKey: Promise.resolve(browserKey),
    signal: closing.signal,
  });
  await session.set({ accessToken: 'a', refreshToken: 'r', expiresIn: 600 });
  expect(await session.get()).toBe('a');
  closing.abort();
});
