import { expect, test } from 'vitest';
import { defaultApplication } from '../../src/domain/application.ts';
import type { DeviceAuthorization } from '../../src/domain/device-authorization.ts';
import type { Grant, GrantCode } from '../../src/domain/grant.ts';
import { DuplicateError } from '../../src/domain/repositories.ts';
import type { SessionRow } from '../../src/domain/session.ts';
import { overEveryStore, type Scene } from './stores.ts';

overEveryStore('applications', (scene) => {
  async function makeApplication({ store, tenantId, uuid, now }: Scene) {
    const settings = { ...defaultApplication('web'), name: 'Shop' };
    const application = { tenantId, clientId: uuid(), settings, createdAt: now, updatedAt: now };
    await store.applications.insert(application);
    return application;
  }

  async function makeGrant(
    { store, tenantId, uuid, now, at }: Scene,
    { id: sessionId, userId }: Pick<SessionRow, 'id' | 'userId'>,
    changes: Partial<Grant> = {},
    code?: GrantCode,
  ): Promise<Grant> {
    const grant: Grant = {
      tenantId,
      id: uuid(),
      userId,
      clientId: uuid(),
      sessionId,
      scopes: ['openid'],
      resources: ['https://api.example'],
      authTime: now,
      amr: ['pwd', 'otp', 'mfa'],
      refreshCounter: 0,
      refreshSalt: Buffer.alloc(32, 3),
      refreshedAt: now,
      createdAt: now,
      idleExpiresAt: at(60_000),
      expiresAt: at(60_000),
      ...changes,
    };
    await store.grants.insert(grant, code);
    return grant;
  }

  const life = ({ at }: Scene) => ({ idleExpiresAt: at(60_000), expiresAt: at(600_000) });

  /** A user, a session and a grant that lives. */
  async function live(own: Scene, changes: Partial<Grant> = {}) {
    const { user } = await own.makeUser();
    const session = await own.makeSession(user, { expiresAt: own.at(1_000_000) });
    const grant = await makeGrant(own, session, changes);
    await own.store.grants.redeem(grant, life(own), own.now);
    return { user, session, grant };
  }

  test('an application is kept whole, changed and deleted with its secrets', async () => {
    const own = scene();
    const { store, tenantId, uuid, now, at } = own;
    const application = await makeApplication(own);
    const { clientId } = application;
    expect(await store.applications.find(tenantId, clientId)).toEqual(application);
    expect(await store.applications.find(uuid(), clientId)).toBeUndefined();
    expect(await store.applications.list(tenantId)).toContainEqual(application);
    const changed = {
      ...application,
      settings: { ...application.settings, name: 'Market' },
      updatedAt: at(1),
    };
    await store.applications.update(changed);
    expect(await store.applications.find(tenantId, clientId)).toEqual(changed);
    const secretOf = (expiresAt: Date | undefined) => ({
      id: uuid(),
      digest: Buffer.alloc(32, 5),
      createdAt: now,
      expiresAt,
    });
    const [first, second, third] = [secretOf(undefined), secretOf(at(5000)), secretOf(at(-1))];
    for (const secret of [first, second, third])
      await store.applications.insertSecret(tenantId, clientId, secret);
    expect(await store.applications.listSecrets(tenantId, clientId, now)).toEqual([first, second]);
    expect(await store.applications.findWithSecrets(tenantId, clientId, now)).toMatchObject({
      ...changed,
      secrets: expect.arrayContaining([first, second]),
    });
    expect(await store.applications.findWithSecrets(tenantId, uuid(), now)).toBeUndefined();
    expect(await store.applications.endSecrets(tenantId, clientId, at(1000))).toBe(2);
    expect(await store.applications.listSecrets(tenantId, clientId, at(999))).toHaveLength(2);
    expect(await store.applications.listSecrets(tenantId, clientId, at(1000))).toEqual([]);
    await store.applications.endOldest(tenantId, clientId, [first], now);
    expect(await store.applications.listSecrets(tenantId, clientId, now)).toMatchObject([{ id: second.id }]);
    expect(await store.applications.delete(tenantId, clientId)).toBe(true);
    expect(await store.applications.delete(tenantId, clientId)).toBe(false);
    expect(await store.applications.listSecrets(tenantId, clientId, now)).toEqual([]);
  });

  test('a code is found by its secret and redeemed once, in its time', async () => {
    const own = scene();
    const { store, tenantId, at, now } = own;
    const { user } = await own.makeUser();
    const session = await own.makeSession(user);
    const code: GrantCode = {
      digest: Buffer.alloc(32, 9),
      expiresAt: at(60_000),
      redirectUri: 'https://app.example/callback',
      codeChallenge: 'challenge',
      nonce: 'nonce',
    };
    const grant = await makeGrant(own, session, {}, code);
    expect(await store.grants.findByCode(tenantId, grant.id, Buffer.alloc(32, 8))).toBeUndefined();
    expect(await store.grants.findByCode(tenantId, grant.id, code.digest)).toEqual({
      ...grant,
      code,
      isUsed: false,
    });
    expect(await store.grants.findLive(tenantId, grant.id, now)).toBeUndefined();
    expect(await store.grants.redeem(grant, life(own), at(60_000))).toBe(false);
    const tries = await Promise.all(
      Array.from({ length: 5 }, () => store.grants.redeem(grant, life(own), at(10))),
    );
    expect(tries.filter(Boolean)).toHaveLength(1);
    expect(await store.grants.findByCode(tenantId, grant.id, code.digest)).toMatchObject({ isUsed: true });
    expect(await store.grants.findLive(tenantId, grant.id, at(20))).toMatchObject({
      ...grant,
      ...life(own),
      refreshedAt: at(10),
      holder: { user: { id: user.id } },
    });
    const ended = await makeGrant(own, session);
    await store.grants.end(tenantId, ended.id, now);
    expect(await store.grants.redeem(ended, life(own), now)).toBe(false);
  });

  test('a grant lives as long as it, its session and its user do; offline without the session', async () => {
    const own = scene();
    const { store, tenantId, at, now } = own;
    const { grant, session, user } = await live(own);
    const offline = await makeGrant(own, session, { scopes: ['openid', 'offline_access'] });
    await store.grants.redeem(offline, life(own), now);
    const alive = async (ms: number) =>
      Promise.all(
        [grant, offline].map(
          async ({ id }) => (await store.grants.findLive(tenantId, id, at(ms))) !== undefined,
        ),
      );
    expect(await alive(0)).toEqual([true, true]);
    expect((await store.grants.listLive(tenantId, user.id, now)).map(({ id }) => id)).toEqual([
      offline.id,
      grant.id,
    ]);
    // Idle for itself is too long; a session that is only idle carries on.
    expect(await alive(60_000)).toEqual([false, false]);
    await store.sessions.revoke(tenantId, user.id, session.id, now);
    expect(await alive(0)).toEqual([false, true]);
    await store.users.setStatus(tenantId, user.id, 'disabled');
    expect(await alive(0)).toEqual([false, false]);
  });

  test('one of any number of callers rotates, and none what has ended', async () => {
    const own = scene();
    const { store, tenantId, at, now } = own;
    const { grant } = await live(own);
    const next = { refreshedAt: at(5), idleExpiresAt: at(70_000) };
    const tries = await Promise.all(Array.from({ length: 5 }, () => store.grants.rotate(grant, next)));
    expect(tries.filter(Boolean)).toHaveLength(1);
    expect(await store.grants.find(tenantId, grant.id)).toMatchObject({ refreshCounter: 1, ...next });
    expect(await store.grants.end(tenantId, grant.id, now)).toBe(true);
    expect(await store.grants.end(tenantId, grant.id, now)).toBe(false);
    expect(await store.grants.rotate({ ...grant, refreshCounter: 1 }, next)).toBe(false);
  });

  test('grants of a user end but for one session or for one application', async () => {
    const own = scene();
    const { store, tenantId, now } = own;
    const { user, session, grant } = await live(own);
    const elsewhere = await own.makeSession(user);
    const other = await makeGrant(own, elsewhere);
    await store.grants.redeem(other, life(own), now);
    const { clientId } = other;
    expect(await store.grants.endOfUser(tenantId, user.id, { clientId: own.uuid() }, now)).toBe(0);
    expect(await store.grants.endOfUser(tenantId, user.id, { keptSessionId: elsewhere.id }, now)).toBe(1);
    expect(await store.grants.findLive(tenantId, grant.id, now)).toBeUndefined();
    expect(await store.grants.endOfUser(tenantId, user.id, { clientId }, now)).toBe(1);
    expect(session.id).not.toBe(elsewhere.id);
    await store.grants.deleteOfUser(tenantId, user.id);
    expect(await store.grants.find(tenantId, grant.id)).toBeUndefined();
  });

  test('what has ended is taken once, whatever ended it', async () => {
    const own = scene();
    const { store, tenantId, now } = own;
    const { user, session, grant } = await live(own);
    const unused = await makeGrant(own, session);
    const take = () => store.transaction(({ grants }) => grants.takeEnded(tenantId, user.id, now));
    expect(await take()).toEqual([]);
    await store.grants.end(tenantId, unused.id, now);
    await store.sessions.revoke(tenantId, user.id, session.id, now);
    expect((await take()).map(({ id }) => id)).toEqual([grant.id]);
    expect(await take()).toEqual([]);
  });

  test('a consent grows, is listed and is taken back', async () => {
    const own = scene();
    const { store, tenantId, now, at } = own;
    const { user } = await own.makeUser();
    const clientId = 'https://client.example/metadata.json';
    const consent = { clientId, scopes: ['openid'], resources: ['https://api.example'], createdAt: now };
    await store.grants.consent(tenantId, user.id, consent);
    const more = { scopes: ['email'], resources: ['https://other.example'], createdAt: at(5) };
    await store.grants.consent(tenantId, user.id, { ...consent, ...more });
    expect(await store.grants.listConsents(tenantId, user.id)).toEqual([
      {
        clientId,
        scopes: ['openid', 'email'],
        resources: ['https://api.example', 'https://other.example'],
        createdAt: now,
      },
    ]);
    expect(await store.grants.withdraw(tenantId, user.id, clientId)).toBe(true);
    expect(await store.grants.withdraw(tenantId, user.id, clientId)).toBe(false);
    await store.grants.consent(tenantId, user.id, consent);
    await store.grants.endOfClient(tenantId, clientId, now);
    expect(await store.grants.listConsents(tenantId, user.id)).toEqual([]);
  });

  test('a device is decided once, used once, and slowed down where it hurries', async () => {
    const own = scene();
    const { store, tenantId, uuid, now, at } = own;
    const device: DeviceAuthorization = {
      tenantId,
      id: uuid(),
      digest: Buffer.alloc(32, 4),
      userCode: 'BCDFGHJK',
      clientId: uuid(),
      scopes: ['openid'],
      resources: [],
      address: '192.0.2.1',
      status: 'pending',
      grantId: undefined,
      intervalS: 5,
      createdAt: now,
      expiresAt: at(600_000),
    };
    await store.devices.insert(device);
    await expect(store.devices.insert({ ...device, id: uuid() })).rejects.toThrow(DuplicateError);
    expect(await store.devices.findByUserCode(tenantId, 'BCDFGHJK', now)).toEqual(device);
    expect(await store.devices.findByUserCode(tenantId, 'BCDFGHJK', at(600_000))).toBeUndefined();
    expect(await store.devices.find(tenantId, device.id, Buffer.alloc(32))).toBeUndefined();
    expect(await store.devices.poll(device, at(0))).toBe(true);
    expect(await store.devices.poll(device, at(4000))).toBe(false);
    expect(await store.devices.find(tenantId, device.id, device.digest)).toMatchObject({ intervalS: 10 });
    expect(await store.devices.poll({ ...device, intervalS: 10 }, at(13_000))).toBe(false);
    expect(await store.devices.poll({ ...device, intervalS: 15 }, at(28_000))).toBe(true);
    const grantId = uuid();
    expect(await store.devices.use(tenantId, device.id, now)).toBe(false);
    expect(await store.devices.decide(tenantId, device.id, grantId, now)).toBe(true);
    expect(await store.devices.decide(tenantId, device.id, undefined, now)).toBe(false);
    expect(await store.devices.findByUserCode(tenantId, 'BCDFGHJK', now)).toBeUndefined();
    expect(await store.devices.use(tenantId, device.id, now)).toBe(true);
    expect(await store.devices.use(tenantId, device.id, now)).toBe(false);
    expect(await store.retention.purge('devices', tenantId, at(600_001), 10)).toBe(1);
  });

  test('grants and devices that are over are purged', async () => {
    const own = scene();
    const { store, tenantId, at } = own;
    const { grant } = await live(own);
    expect(await store.retention.purge('grants', tenantId, at(600_000), 10)).toBe(0);
    expect(await store.retention.purge('grants', tenantId, at(600_001), 10)).toBe(1);
    expect(await store.grants.find(tenantId, grant.id)).toBeUndefined();
  });

  test('a proof that was spent is known as such', async () => {
    const { store, tenantId, at } = scene();
    const id = Buffer.alloc(32, 6).toString('base64url');
    expect(await store.proofs.isSpent(tenantId, id)).toBe(false);
    await store.proofs.spend(tenantId, { id, expiresAt: at(1000) });
    expect(await store.proofs.isSpent(tenantId, id)).toBe(true);
  });
});
