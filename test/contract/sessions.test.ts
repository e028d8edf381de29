import { expect, test } from 'vitest';
import type { Challenge, ChallengePurpose } from '../../src/domain/challenge.ts';
import { latestSessions } from '../../src/domain/device.ts';
import { DuplicateError } from '../../src/domain/repositories.ts';
import { maxSessions } from '../../src/domain/session.ts';
import { overEveryStore, type Scene } from './stores.ts';

async function makeChallenge(
  { store, tenantId, makeUser, uuid, at }: Scene,
  changes: Partial<Challenge> = {},
): Promise<Challenge> {
  const { user } = await makeUser();
  const id = uuid();
  const challenge: Challenge = {
    id,
    tenantId,
    userId: user.id,
    purpose: 'recover-sms',
    slot: id,
    digest: Buffer.alloc(32, 3),
    identifier: '+989120000001',
    channel: 'sms',
    data: Buffer.from('x'),
    expiresAt: at(60_000),
    ...changes,
  };
  await store.challenges.put(challenge);
  return challenge;
}

overEveryStore('challenges', (scene) => {
  test('finds a live challenge by id, slot, user and digest, until it expires', async () => {
    const own = scene();
    const { store, tenantId, now, at } = own;
    const challenge = await makeChallenge(own);
    const { id, userId, purpose, slot, digest } = challenge;
    const found = async (time: Date) => [
      await store.challenges.findById(tenantId, id, purpose, time),
      await store.challenges.findInSlot(tenantId, purpose, slot, time),
      ...(await store.challenges.listLive(tenantId, userId, purpose, time)),
    ];
    expect(await found(now)).toEqual([challenge, challenge, challenge]);
    expect(await found(at(60_000))).toEqual([undefined, undefined]);
    expect(await store.challenges.findUnexpired(tenantId, purpose, { id, digest }, now)).toEqual([
      { ...challenge, isRedeemed: false },
    ]);
    expect(
      await store.challenges.findUnexpired(tenantId, purpose, { digest: Buffer.alloc(32) }, now),
    ).toEqual([]);
    expect(await store.challenges.findById(tenantId, id, 'sign-in', now)).toBeUndefined();
  });

  test('a new challenge in a slot replaces the old one', async () => {
    const own = scene();
    const { store, tenantId, uuid, now } = own;
    const first = await makeChallenge(own);
    const second = { ...first, id: uuid(), digest: Buffer.alloc(32, 4) };
    await store.challenges.put(second);
    expect(await store.challenges.findInSlot(tenantId, first.purpose, first.slot, now)).toEqual(second);
    expect(await store.challenges.findById(tenantId, first.id, first.purpose, now)).toBeUndefined();
  });

  test('a free slot takes one challenge: one whose challenge is redeemed, expired or out of attempts is free', async () => {
    const own = scene();
    const { store, tenantId, uuid, now, at } = own;
    const slot = uuid();
    const make = () => {
      const data = Buffer.from('192.0.2.1');
      const sent = { identifier: 'sara@example.com', channel: 'email', data, expiresAt: at(60_000) } as const;
      const kept = { purpose: 'sign-in-code', slot, digest: Buffer.alloc(32, 3) } as const;
      return { id: uuid(), tenantId, userId: '', ...kept, ...sent };
    };
    const [first, second, third, fourth] = [make(), make(), make(), make()];
    const live = (time = now) =>
      store.challenges.listInSlots(tenantId, 'sign-in-code', [slot, uuid()], 2, time);
    await store.challenges.putInFreeSlot(first, 2, now);
    expect(await live()).toEqual([first]);
    expect(await live(at(60_000))).toEqual([]);
    await expect(store.challenges.putInFreeSlot(second, 2, now)).rejects.toThrow(DuplicateError);
    await store.challenges.countAttempt(tenantId, first.id, 2);
    await store.challenges.countAttempt(tenantId, first.id, 2);
    expect(await live()).toEqual([]);
    await store.challenges.putInFreeSlot(second, 2, now);
    expect(await store.challenges.countAttempt(tenantId, second.id, 2)).toBe(true);
    await store.challenges.consume(tenantId, second.id, now);
    await store.challenges.putInFreeSlot(third, 2, now);
    expect(await live()).toEqual([third]);
    expect(await store.challenges.replace(first.id, fourth)).toBe(false);
    await store.challenges.putInFreeSlot({ ...fourth, expiresAt: at(120_000) }, 2, at(60_000));
    expect(await live(at(60_000))).toEqual([{ ...fourth, expiresAt: at(120_000) }]);
  });

  test('counts attempts up to the limit, and is consumed by one of many', async () => {
    const own = scene();
    const { store, tenantId, now } = own;
    const { id, purpose, digest } = await makeChallenge(own);
    const counted = await Promise.all(
      Array.from({ length: 8 }, () => store.challenges.countAttempt(tenantId, id, 5)),
    );
    expect(counted.filter((mayTry) => mayTry)).toHaveLength(5);
    const consumed = await Promise.all(
      Array.from({ length: 8 }, () => store.challenges.consume(tenantId, id, now)),
    );
    expect(consumed.filter((won) => won)).toHaveLength(1);
    expect(await store.challenges.findById(tenantId, id, purpose, now)).toBeUndefined();
    expect(await store.challenges.findUnexpired(tenantId, purpose, { digest }, now)).toMatchObject([
      { isRedeemed: true },
    ]);
  });

  test('what a user has not redeemed yet is listed by purpose', async () => {
    const own = scene();
    const { store, tenantId, now } = own;
    const waiting = await makeChallenge(own);
    const { userId, purpose, id } = waiting;
    const list = (purposes: readonly ChallengePurpose[]) =>
      store.challenges.listPending(tenantId, userId, purposes);
    expect((await list(['login-code', purpose])).map((each) => each.id)).toEqual([id]);
    expect(await list(['login-code'])).toEqual([]);
    await store.challenges.consume(tenantId, id, now);
    expect(await list([purpose])).toEqual([]);
  });

  test('invalidates everything of a user that is not redeemed', async () => {
    const own = scene();
    const { store, tenantId, now } = own;
    const { id, userId, purpose, digest } = await makeChallenge(own);
    await store.challenges.invalidateAll(tenantId, userId);
    expect(await store.challenges.findById(tenantId, id, purpose, now)).toBeUndefined();
    const redeemed = await makeChallenge(own);
    await store.challenges.consume(tenantId, redeemed.id, now);
    await store.challenges.invalidateAll(tenantId, redeemed.userId);
    expect(
      await store.challenges.findUnexpired(tenantId, purpose, { id: redeemed.id, digest }, now),
    ).toHaveLength(1);
  });
});

overEveryStore('sessions', (scene) => {
  test('finds a live session of an active user, with what a call needs', async () => {
    const { store, tenantId, makeUser, makeSession, now, at } = scene();
    const { user, identifier } = await makeUser();
    const session = await makeSession(user);
    expect(await store.sessions.findLive(tenantId, session.id, now)).toEqual({
      ...session,
      kinds: [],
      roles: [],
    });
    const { id, userId, level, amr, authTime, deviceId } = session;
    expect(await store.sessions.findOfCall(tenantId, id, now)).toEqual({
      id,
      userId,
      level,
      amr,
      authTime,
      deviceId,
      holder: { user, email: identifier, mobile: undefined },
    });
    expect(await store.sessions.findLive(tenantId, id, at(60_000))).toBeUndefined();
    await store.users.setStatus(tenantId, user.id, 'disabled');
    expect(await store.sessions.findLive(tenantId, id, now)).toBeUndefined();
  });

  test('inserts a session for an active user only, and a concurrent disabling ends it', async () => {
    const { store, tenantId, makeUser, makeSession, uuid, now } = scene();
    const { user } = await makeUser();
    const session = await makeSession(user);
    const begin = (id: string) => store.sessions.insert({ ...session, id });
    const later = uuid();
    let beginning: Promise<boolean> | undefined;
    await store.transaction(async (repositories) => {
      await repositories.users.setStatus(tenantId, user.id, 'disabled');
      beginning = begin(later);
      // It waits for this transaction where there is another connection to wait on.
      await Promise.race([beginning, new Promise((resolve) => setTimeout(resolve, 100))]);
      await repositories.sessions.revokeOthers(tenantId, user.id, undefined, now);
    });
    expect(await beginning).toBe(false);
    expect(await begin(uuid())).toBe(false);
    expect(await store.sessions.insert({ ...session, id: uuid(), userId: uuid() })).toBe(false);
    await store.users.setStatus(tenantId, user.id, 'active');
    expect(await store.sessions.listLive(tenantId, user.id, now)).toEqual([]);
    expect(await begin(uuid())).toBe(true);
  });

  test('finds the sessions of many calls at once, each with its own user, and none that has ended', async () => {
    const { store, tenantId, makeUser, makeSession, now } = scene();
    const sessions: { id: string; userId: string }[] = [];
    for (let number = 0; number < 19; number += 1) {
      const { user } = await makeUser();
      sessions.push(await makeSession(user));
    }
    const [ended, ...live] = sessions;
    await store.sessions.revoke(tenantId, ended?.userId ?? '', ended?.id ?? '', now);
    const asked = [...sessions, ...live.slice(0, 3)];
    const found = await Promise.all(asked.map(({ id }) => store.sessions.findOfCall(tenantId, id, now)));
    expect(found.map((session) => session?.holder.user.id)).toEqual([
      undefined,
      ...[...live, ...live.slice(0, 3)].map(({ userId }) => userId),
    ]);
    const rows = await Promise.all(asked.map(({ id }) => store.sessions.findLive(tenantId, id, now)));
    expect(rows.map((row) => row?.id)).toEqual([undefined, ...asked.slice(1).map(({ id }) => id)]);
    const elsewhere = await store.sessions.findOfCall(live[0]?.userId ?? '', live[0]?.id ?? '', now);
    expect(elsewhere).toBeUndefined();
  });

  test('knows the key of a session by an identifier of its user', async () => {
    const { store, tenantId, makeUser, makeSession } = scene();
    const { user, identifier } = await makeUser();
    const jkt = Buffer.alloc(32, 7).toString('base64url');
    await makeSession(user, { binding: { jkt, bindsAccess: false, since: 0 } });
    const other = await makeUser();
    expect(await store.sessions.isKeyOf(tenantId, identifier, jkt)).toBe(true);
    expect(await store.sessions.isKeyOf(tenantId, other.identifier, jkt)).toBe(false);
    const foreign = Buffer.alloc(32, 8).toString('base64url');
    expect(await store.sessions.isKeyOf(tenantId, identifier, foreign)).toBe(false);
    await store.sessions.forgetDevices(tenantId, user.id);
    expect(await store.sessions.isKeyOf(tenantId, identifier, jkt)).toBe(false);
  });

  test('a session without the second factor that its user has by now is not live', async () => {
    const { store, tenantId, makeUser, makeSession, uuid, now } = scene();
    const { user } = await makeUser();
    const session = await makeSession(user);
    const data = Buffer.from('+989120000001');
    const row = { label: '', lookup: undefined, counter: 0, flags: 0, lastUsedAt: undefined, createdAt: now };
    await store.authenticators.insert({
      ...row,
      tenantId,
      id: uuid(),
      userId: user.id,
      kind: 'sms',
      slot: 'sms',
      data,
    });
    expect(await store.sessions.findLive(tenantId, session.id, now)).toBeUndefined();
    await store.sessions.addSecondFactor(tenantId, session.id, 'sms', now);
    expect(await store.sessions.findLive(tenantId, session.id, now)).toMatchObject({
      amr: ['pwd', 'sms', 'mfa'],
      kinds: ['sms'],
    });
  });

  test('rotates a refresh token once per counter', async () => {
    const { store, tenantId, makeUser, makeSession, now, at } = scene();
    const session = await makeSession((await makeUser()).user);
    const next = {
      level: session.level,
      refreshedAt: at(1),
      idleExpiresAt: at(70_000),
      client: { address: '192.0.2.9', userAgent: 'another' },
      binding: { jkt: Buffer.alloc(32, 9).toString('base64url'), bindsAccess: false, since: 1 },
    };
    const won = await Promise.all(Array.from({ length: 8 }, () => store.sessions.rotate(session, next)));
    expect(won.filter((each) => each)).toHaveLength(1);
    expect(await store.sessions.findLive(tenantId, session.id, now)).toMatchObject({
      refreshCounter: 1,
      refreshedAt: at(1),
      client: { address: '192.0.2.9', userAgent: 'a browser' },
      binding: next.binding,
    });
  });

  test('ends one session, all others, and the oldest beyond a number', async () => {
    const { store, tenantId, makeUser, makeSession, now } = scene();
    const { user } = await makeUser();
    const sessions = [];
    for (let count = 0; count < 4; count += 1) sessions.push(await makeSession(user));
    const live = async () => (await store.sessions.listLive(tenantId, user.id, now)).map(({ id }) => id);
    const ids = sessions
      .map(({ id }) => id)
      .sort()
      .reverse();
    expect(await live()).toEqual(ids);
    const [newest = '', second = '', third = '', oldest = ''] = ids;
    expect(await store.sessions.revoke(tenantId, user.id, second, now)).toBe(true);
    expect(await store.sessions.revoke(tenantId, user.id, second, now)).toBe(false);
    const ended = await Promise.all(
      [2, 2].map((kept) => store.sessions.revokeBeyond(tenantId, user.id, kept, now)),
    );
    expect(ended.flat()).toEqual([oldest]);
    expect(await live()).toEqual([newest, third]);
    expect(await store.sessions.revokeOthers(tenantId, user.id, third, now)).toBe(1);
    expect(await live()).toEqual([third]);
    expect(await store.sessions.revoke(tenantId, user.id, oldest, now)).toBe(false);
  });

  test('ends all sessions beyond a number, however many there are', async () => {
    const { store, tenantId, makeUser, makeSession, now } = scene();
    const { user } = await makeUser();
    const ids: string[] = [];
    for (let count = 0; count < 35; count += 1) ids.push((await makeSession(user)).id);
    const [kept, ...beyond] = ids.sort().reverse();
    expect((await store.sessions.revokeBeyond(tenantId, user.id, 1, now)).sort()).toEqual(beyond.reverse());
    expect((await store.sessions.listLive(tenantId, user.id, now)).map(({ id }) => id)).toEqual([kept]);
  });

  test('a look at an account with as many sessions as may be names the oldest, which ends with one more', async () => {
    const { store, tenantId, makeUser, makeSession, now, at } = scene();
    const { user, identifier } = await makeUser();
    const ids: string[] = [];
    for (let count = 1; count < maxSessions; count += 1) ids.push((await makeSession(user)).id);
    const origin = { address: '', device: '', jkt: '' };
    const oldest = async (time = now) => {
      const found = await store.users.findForSession(tenantId, user.id, origin, time);
      const atLogin = await store.users.findForLogin(tenantId, identifier, origin, time);
      expect(atLogin?.oldestSession).toBe(found?.oldestSession);
      return found?.oldestSession;
    };
    expect(await oldest()).toBeUndefined();
    const { id } = await makeSession(user, { idleExpiresAt: at(5) });
    expect(await oldest()).toBe([...ids, id].sort()[0]);
    // With one that is over, and with one too many, it takes another look.
    expect(await oldest(at(5))).toBeUndefined();
    await makeSession(user);
    expect(await oldest()).toBeUndefined();
  });

  test('sessions that were ended hide no live one, however many there are and however long they were to last', async () => {
    const { store, tenantId, makeUser, makeSession, now, at } = scene();
    const { user } = await makeUser();
    const ids: string[] = [];
    for (let count = 0; count < maxSessions; count += 1) ids.push((await makeSession(user)).id);
    for (let count = 0; count < latestSessions.open + latestSessions.ended; count += 1) {
      const { id } = await makeSession(user, { expiresAt: at(900_000) });
      await store.sessions.revoke(tenantId, user.id, id, now);
    }
    const origin = { address: '', device: '', jkt: '' };
    expect(await store.users.findForSession(tenantId, user.id, origin, now)).toMatchObject({
      liveSessions: maxSessions,
      oldestSession: ids.sort()[0],
      history: { hasSessions: true },
    });
  });

  test('ends the session that is expected beyond a number, and looks for another where it has ended', async () => {
    const { store, tenantId, makeUser, makeSession, now } = scene();
    const { user } = await makeUser();
    const ids: string[] = [];
    for (let count = 0; count < 4; count += 1) ids.push((await makeSession(user)).id);
    const [oldest = '', second = '', third = ''] = ids.sort();
    const end = (kept: number, expected: string) =>
      store.sessions.revokeBeyond(tenantId, user.id, kept, now, expected);
    expect(await end(3, oldest)).toEqual([oldest]);
    expect(await end(2, oldest)).toEqual([second]);
    expect(await end(1, scene().uuid())).toEqual([third]);
    expect(await store.sessions.listLive(tenantId, user.id, now)).toHaveLength(1);
  });

  test('sessions whose idle time is over are no longer counted once a sign-in has met them', async () => {
    const { store, tenantId, makeUser, makeSession, now, at } = scene();
    const { user } = await makeUser();
    const { id } = await makeSession(user);
    await makeSession(user, { idleExpiresAt: at(-1) });
    await makeSession(user, { idleExpiresAt: now });
    const idle = await makeSession(user, { idleExpiresAt: now });
    const origin = { address: '', device: '', jkt: '' };
    const counted = async () =>
      (await store.users.findForSession(tenantId, user.id, origin, now))?.liveSessions;
    expect(await counted()).toBe(4);
    expect(await store.sessions.revokeBeyond(tenantId, user.id, 3, now)).toEqual([]);
    expect(await counted()).toBe(1);
    expect(await store.sessions.findEnded(tenantId, idle.id)).toMatchObject({
      revokedAt: now,
      idleExpiresAt: now,
    });
    expect((await store.sessions.listLive(tenantId, user.id, now)).map((each) => each.id)).toEqual([id]);
  });
});

overEveryStore('trusted devices', (scene) => {
  test('are found by user and key until they expire, and end one by one or together', async () => {
    const { store, tenantId, makeUser, makeSession, uuid, now, at } = scene();
    const { user } = await makeUser();
    const make = async (fill: number) => {
      const jkt = Buffer.alloc(32, fill).toString('base64url');
      const client = { address: '192.0.2.1', userAgent: 'a browser' };
      const times = { createdAt: now, lastUsedAt: now, expiresAt: at(60_000) };
      const device = { tenantId, id: uuid(), userId: user.id, jkt, client, ...times };
      await store.trustedDevices.put(device);
      return device;
    };
    const [first, second] = [await make(1), await make(2)];
    const used = { ...first, lastUsedAt: at(1) };
    expect(await store.trustedDevices.use(tenantId, user.id, first.jkt, at(-1), at(1))).toEqual(used);
    expect(await store.trustedDevices.use(tenantId, uuid(), first.jkt, at(-1), at(1))).toBeUndefined();
    expect(await store.trustedDevices.use(tenantId, user.id, first.jkt, at(-1), at(60_000))).toBeUndefined();
    expect(await store.trustedDevices.use(tenantId, user.id, first.jkt, at(0), at(1))).toBeUndefined();
    const ids = [first.id, second.id].sort().reverse();
    expect((await store.trustedDevices.list(tenantId, user.id, now)).map(({ id }) => id)).toEqual(ids);
    await make(1);
    const again = first;
    expect((await store.trustedDevices.list(tenantId, user.id, now)).map(({ id }) => id)).toEqual(ids);
    const session = await makeSession(user, { deviceId: again.id });
    const other = await makeSession(user);
    expect(await store.trustedDevices.remove(tenantId, user.id, again.id)).toBe(true);
    expect(await store.trustedDevices.remove(tenantId, user.id, again.id)).toBe(false);
    await store.sessions.revokeOfDevice(tenantId, user.id, again.id, now);
    expect((await store.sessions.listLive(tenantId, user.id, now)).map(({ id }) => id)).toEqual([other.id]);
    expect(session.deviceId).toBe(again.id);
    await store.trustedDevices.removeAll(tenantId, user.id);
    expect(await store.trustedDevices.list(tenantId, user.id, now)).toEqual([]);
  });
});

overEveryStore('login requests', (scene) => {
  test('a request is consumed once, and can be recalled after', async () => {
    const { store, tenantId, uuid, now, at } = scene();
    const data = {
      redirectUri: '',
      codeChallenge: '',
      nonce: 'n',
      codeVerifier: 'v',
      userId: '',
      sessionId: '',
      provider: 'example',
    };
    const request = {
      tenantId,
      id: uuid(),
      kind: 'provider',
      digest: Buffer.alloc(32, 8),
      data,
      expiresAt: at(1000),
    } as const;
    await store.loginRequests.insert(request);
    const { id, digest } = request;
    expect(await store.loginRequests.findLive(tenantId, id, digest, now)).toEqual(request);
    expect(await store.loginRequests.findLive(tenantId, id, digest, at(1000))).toBeUndefined();
    const won = await Promise.all(
      Array.from({ length: 5 }, () => store.loginRequests.consume(tenantId, id, now)),
    );
    expect(won.filter((each) => each)).toHaveLength(1);
    expect(await store.loginRequests.findLive(tenantId, id, digest, now)).toBeUndefined();
    expect(await store.loginRequests.find(tenantId, id, digest)).toEqual(request);
  });
});
