import { beforeEach, describe, expect, test } from 'vitest';
import { systemRandom } from '../../src/adapters/random.ts';
import { createVault } from '../../src/adapters/vault.ts';
import { type Caller, originOf } from '../../src/domain/caller.ts';
import type { Challenge } from '../../src/domain/challenge.ts';
import { DomainError } from '../../src/domain/errors.ts';
import { defaultPolicy } from '../../src/domain/tenant-policy.ts';
import { parseHandle } from '../../src/flows/challenges/handle.ts';
import { findByToken, findInSlot, maxAttempts, redeem } from '../../src/flows/challenges/redeem.ts';
import { codeBySms, linkByEmail, maxLive, send, sendIfRoom } from '../../src/flows/challenges/send.ts';
import { createStartCodeSignIn } from '../../src/flows/sign-in/code-start.ts';
import { createCompleteSignIn, type SignIn } from '../../src/flows/sign-in/complete.ts';
import type { SessionGate } from '../../src/flows/sign-in/session-gate.ts';
import { type Scene, sceneOf } from '../contract/stores.ts';
import { createDeadline } from '../support/deadline.ts';
import { createMemoryStore } from '../support/memory/store.ts';

// Flows without a server and a database: their repositories are in memory.

const random = systemRandom;
const vault = createVault([{ id: random.uuid(), key: Buffer.alloc(32, 1) }]);

let scene: Scene;
let caller: Caller;

beforeEach(() => {
  scene = sceneOf(createMemoryStore());
  const tenant = {
    id: scene.tenantId,
    slug: 'acme',
    name: 'Acme',
    status: 'active' as const,
    policy: defaultPolicy('https://id.example', 'acme'),
    createdAt: scene.now,
  };
  caller = {
    tenant,
    requestId: random.uuid(),
    client: { address: '192.0.2.1', userAgent: 'a browser' },
    key: undefined,
    session: undefined,
    pending: undefined,
    locale: 'en',
    deadline: createDeadline(),
    idempotency: undefined,
  };
});

const clock = () => scene.now;
const deps = () => ({ store: scene.store, vault, clock, random });

describe('a challenge', () => {
  const to = (kind: 'email' | 'mobile', address: string) => ({
    kind,
    address,
    userLocale: 'en',
    senderEmail: '',
  });

  async function sendCode(code: string): Promise<Challenge> {
    const { user } = await scene.makeUser();
    const outOfBand = codeBySms(deps(), caller, to('mobile', '+989120000001'), {
      userId: user.id,
      purpose: 'sign-in',
      slot: 'a slot',
      subject: 'a slot',
      template: 'sign-in-sms',
      code,
      lifetimeMs: 60_000,
    });
    await send(scene.store, outOfBand);
    return outOfBand.challenge;
  }

  test('is found by its code, and each attempt counts before the comparison', async () => {
    const { id } = await sendCode('123456');
    const find = (code: string) => findInSlot(deps(), caller, 'sign-in', 'a slot', code);
    expect((await find('123456'))?.id).toBe(id);
    for (let attempt = 1; attempt < maxAttempts; attempt += 1) expect(await find('654321')).toBeUndefined();
    expect(await find('123456')).toBeUndefined();
  });

  test('is redeemed by one of many concurrent callers', async () => {
    const challenge = await sendCode('123456');
    const results = await Promise.all(
      Array.from({ length: 20 }, () => redeem(scene.store, clock, caller, challenge)),
    );
    expect(results.filter(Boolean)).toHaveLength(1);
  });

  test('is found by its link until it is redeemed, and a sixth link is not sent', async () => {
    const { user } = await scene.makeUser();
    const links = Array.from({ length: maxLive + 1 }, () =>
      linkByEmail(deps(), caller, to('email', 'sara@example.com'), {
        userId: user.id,
        purpose: 'recover-email',
        template: 'recover',
        page: 'https://acme.example/recover',
        parameter: 'token',
        lifetimeMs: 60_000,
      }),
    );
    for (const link of links) await sendIfRoom(scene.store, link, scene.now);
    const live = await scene.store.challenges.listLive(scene.tenantId, user.id, 'recover-email', scene.now);
    expect(live.map(({ id }) => id).sort()).toEqual(
      links
        .slice(0, maxLive)
        .map(({ challenge }) => challenge.id)
        .sort(),
    );
    const [first] = links;
    const token = new URL(JSON.stringify(first?.message).match(/https:[^"\\]*token=[^"\\]*/)?.[0] ?? '')
      .searchParams;
    const find = () => findByToken(deps(), caller, 'recover-email', token.get('token') ?? '');
    expect((await find())?.id).toBe(first?.challenge.id);
    await redeem(scene.store, clock, caller, first?.challenge as Challenge);
    expect(await find()).toBeUndefined();
  });
});

describe('a code to sign in', () => {
  const email = 'sara@example.com';
  const asks = async (address: string, isVouched = false) => {
    const start = createStartCodeSignIn({
      ...deps(),
      chargeRecipient: async () => isVouched,
      signInPage: () => 'https://id.example/account/acme/sign-in',
    });
    const client = { address, userAgent: '' };
    const handle = await start({ ...caller, client }, { type: 'email', email, mobile: '', mobileSeed: '' });
    // Ids grow with time, and the oldest is told by its id.
    await new Promise((resolve) => setTimeout(resolve, 2));
    return handle;
  };
  /** Whether the code of each handle could be redeemed. */
  const areLive = async (handles: readonly string[]) =>
    Promise.all(
      handles.map(async (handle) => {
        const id = parseHandle(vault, scene.tenantId, 'sign-in-code', handle) ?? '';
        return (
          (await scene.store.challenges.findById(scene.tenantId, id, 'sign-in-code', clock())) !== undefined
        );
      }),
    );

  test('one network gives places up to another, and takes none away', async () => {
    const stranger = [];
    for (let count = 0; count < 5; count += 1) stranger.push(await asks('192.0.2.66'));
    const owner = [await asks('198.51.100.1'), await asks('198.51.100.1')];
    expect(await areLive([...stranger, ...owner])).toEqual([false, false, true, true, true, true, true]);
    const further = [await asks('192.0.2.66'), await asks('198.51.100.1')];
    expect(await areLive(further)).toEqual([false, false]);
    expect(await areLive(owner)).toEqual([true, true]);
  });

  test('half of the places are kept for callers who vouch for themselves', async () => {
    const strangers = [];
    for (let network = 1; network <= 5; network += 1) strangers.push(await asks(`203.0.113.${network}`));
    for (let network = 1; network <= 5; network += 1) strangers.push(await asks(`198.18.${network}.1`));
    const owner = [await asks('198.51.100.1', true), await asks('198.51.100.1', true)];
    expect(await areLive(owner)).toEqual([true, true]);
    expect((await areLive(strangers)).filter((isLive) => isLive)).toHaveLength(3);
    for (let network = 6; network <= 9; network += 1) await asks(`198.18.${network}.1`);
    expect(await areLive(owner)).toEqual([true, true]);
    expect(await areLive([await asks('198.51.100.1', true)])).toEqual([false]);
  });
});

describe('the end of a sign-in', () => {
  const accessTokens = {
    lifetimeS: 600,
    sign: async () => 'an access token',
    signPending: async () => 'a pending token',
    verify: async () => {
      throw new Error('not called');
    },
    verifyPending: async () => {
      throw new Error('not called');
    },
  };
  const signIn = (openSession: SessionGate) =>
    createCompleteSignIn({
      ...deps(),
      accessTokens,
      reportPage: () => 'https://id.example/account/acme/report',
      openSession,
    });
  const refusal = () => new DomainError('CREDENTIALS_INVALID');
  const byPassword: SignIn = { method: 'password', amr: ['pwd'], refusal };
  const recorded = async () =>
    (await scene.store.events.list({ tenantId: scene.tenantId }, 10)).map(({ type, details }) => ({
      type,
      details,
    }));

  async function account() {
    const { user } = await scene.makeUser();
    const found = await scene.store.users.findForSession(
      scene.tenantId,
      user.id,
      originOf(caller),
      scene.now,
    );
    if (found === undefined) throw new Error('the user exists');
    return { user, found };
  }

  test('issues tokens for the opened session and records its start', async () => {
    const { user, found } = await account();
    const session = await scene.makeSession(user);
    const open: SessionGate = async () => ({ kind: 'session', session, replaced: [] });
    const result = await signIn(open).complete(caller, found, byPassword);
    expect(result).toMatchObject({
      kind: 'session',
      tokens: { accessToken: 'an access token', expiresInS: 600 },
    });
    expect(await recorded()).toEqual([
      { type: 'session.started', details: { method: 'password', amr: 'pwd' } },
    ]);
  });

  test('returns only a pending token while a second factor is missing', async () => {
    const { found } = await account();
    const open: SessionGate = async () => ({
      kind: 'pending',
      challengeId: random.uuid(),
      kinds: [],
    });
    expect(await signIn(open).complete(caller, found, byPassword)).toEqual({
      kind: 'pending',
      token: 'a pending token',
      methods: [],
      smsNumber: undefined,
    });
    expect(await recorded()).toEqual([{ type: 'sign_in.pending', details: { method: 'password' } }]);
  });

  test('opens no session and records nothing when its preparation fails', async () => {
    const { user, found } = await account();
    const open: SessionGate = async () => ({
      kind: 'session',
      session: await scene.makeSession(user),
      replaced: [],
    });
    const prepare = async () => {
      throw new DomainError('CREDENTIALS_INVALID');
    };
    const completing = signIn(open).complete(caller, found, { ...byPassword, prepare });
    await expect(completing).rejects.toThrow(new DomainError('CREDENTIALS_INVALID'));
    expect(await recorded()).toEqual([]);
    expect(await scene.store.sessions.listLive(scene.tenantId, user.id, scene.now)).toEqual([]);
  });

  test('refuses a user who was disabled since the account was read', async () => {
    const { found } = await account();
    const completing = signIn(async () => undefined).complete(caller, found, byPassword);
    await expect(completing).rejects.toThrow(new DomainError('CREDENTIALS_INVALID'));
    expect(await recorded()).toEqual([]);
  });

  test('rejects a disabled user', async () => {
    const { user } = await scene.makeUser({ status: 'disabled' });
    const complete = signIn(async () => ({ kind: 'pending', challengeId: '', kinds: [] }));
    const active = complete.activeAccount(caller, user.id, () => new DomainError('TOKEN_INVALID'));
    await expect(active).rejects.toThrow(new DomainError('TOKEN_INVALID'));
  });
});
