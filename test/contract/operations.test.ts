import { expect, test } from 'vitest';
import { noLimits } from '../../src/domain/api-key.ts';
import { defaultApplication } from '../../src/domain/application.ts';
import { commitmentOf, type EventLog } from '../../src/domain/event-log.ts';
import type { Event } from '../../src/domain/events.ts';
import type { Callout, Message } from '../../src/domain/message.ts';
import { DuplicateError } from '../../src/domain/repositories.ts';
import { defaultPolicy } from '../../src/domain/tenant-policy.ts';
import { overEveryStore, type Scene } from './stores.ts';

const email: Message = {
  channel: 'email',
  to: 'Sara@example.com',
  from: '',
  locale: 'en',
  subject: 'Hello',
  text: 'Hello',
  html: '',
  code: '',
  link: '',
};

const salt = Buffer.alloc(16, 9);

const eventOf = ({ tenantId, uuid, now }: Scene, changes: Partial<Event>): Event => ({
  id: uuid(),
  tenantId,
  type: 'session.started',
  outcome: 'success',
  reason: '',
  details: { method: 'password', amr: 'pwd' },
  keyId: undefined,
  requestId: 'r',
  createdAt: now,
  userId: undefined,
  sessionId: undefined,
  address: '192.0.2.1',
  ...changes,
});

overEveryStore('events', (scene) => {
  test('lists what matches, newest first, or from an event on', async () => {
    const own = scene();
    const { store, tenantId, uuid } = own;
    const userId = uuid();
    const made = [
      eventOf(own, { userId, sessionId: uuid(), keyId: uuid() }),
      eventOf(own, {
        type: 'sign_in.failed',
        outcome: 'failure',
        reason: 'CREDENTIALS_INVALID',
        details: {},
      }),
      eventOf(own, { userId }),
    ] as const;
    await store.events.add(...made.map((event) => ({ event, salt })));
    expect(await store.events.list({ tenantId }, 10)).toEqual([...made].reverse());
    expect(await store.events.list({ tenantId, userId }, 1)).toEqual([made[2]]);
    expect(await store.events.list({ tenantId, type: 'sign_in.failed', outcome: 'failure' }, 10)).toEqual([
      made[1],
    ]);
    expect(await store.events.list({ tenantId, afterId: made[0].id }, 1)).toEqual([made[1]]);
  });

  test('an erasure removes the personal part and nothing else', async () => {
    const own = scene();
    const { store, tenantId, uuid } = own;
    const event = eventOf(own, { userId: uuid(), sessionId: uuid() });
    await store.events.add({ event, salt });
    expect(await store.events.removePersonalPart(tenantId, event.userId ?? '')).toBe(1);
    expect(await store.events.list({ tenantId }, 10)).toEqual([
      { ...event, userId: undefined, sessionId: undefined, address: '' },
    ]);
  });

  test('stores a failure with its user, and without personal data after an erasure', async () => {
    const own = scene();
    const { store, tenantId, makeUser, uuid } = own;
    const { user } = await makeUser();
    const [ofSomeone, ofNobody] = [eventOf(own, { userId: user.id, sessionId: uuid() }), eventOf(own, {})];
    const ofErased = eventOf(own, { userId: uuid(), sessionId: uuid() });
    for (const event of [ofSomeone, ofNobody, ofErased]) await store.events.addFailure({ event, salt });
    const kept = await store.events.list({ tenantId }, 10);
    expect(kept).toHaveLength(3);
    expect(kept).toEqual(
      expect.arrayContaining([
        ofSomeone,
        ofNobody,
        { ...ofErased, userId: undefined, sessionId: undefined, address: '' },
      ]),
    );
    const rows = await store.eventLogs.listUnnumbered(tenantId, 500);
    const saltOf = ({ id }: { id: string }) => rows.find((row) => row.id === id)?.seal?.salt;
    expect([ofSomeone, ofNobody, ofErased].map(saltOf)).toEqual([salt, salt, undefined]);
  });

  test('storing a failure waits for an erasure under way', async () => {
    const own = scene();
    const { store, tenantId, makeUser } = own;
    const { user } = await makeUser();
    const event = eventOf(own, { userId: user.id });
    let adding: Promise<void> | undefined;
    await store.transaction(async ({ users, events }) => {
      expect(await users.lock(tenantId, user.id)).toBe(true);
      await users.delete(tenantId, user.id);
      await events.removePersonalPart(tenantId, user.id);
      adding = store.events.addFailure({ event, salt });
      await Promise.race([adding, new Promise((resolve) => setTimeout(resolve, 100))]);
    });
    await adding;
    expect((await store.events.list({ tenantId }, 10)).map(({ userId }) => userId)).toEqual([undefined]);
    expect(await store.users.lock(tenantId, user.id)).toBe(false);
  });
});

overEveryStore('the log of events', (scene) => {
  const logOf = ({ tenantId, uuid, now }: Scene, changes: Partial<EventLog> = {}): EventLog => ({
    tenantId,
    number: 1,
    logId: uuid(),
    start: 0,
    size: 0,
    startedAt: now,
    ...changes,
  });

  test('committed events have no position until they are numbered, and are read by it', async () => {
    const own = scene();
    const { store, tenantId } = own;
    const made = [eventOf(own, {}), eventOf(own, {}), eventOf(own, {})] as const;
    for (const event of made) await store.events.add({ event, salt });
    const rows = (await store.eventLogs.listUnnumbered(tenantId, 500)).filter(
      (each) => each.tenantId === tenantId,
    );
    expect(rows.map(({ seal: _, ...event }) => event)).toEqual(made);
    expect(await store.eventLogs.oldestPosition(tenantId)).toBeUndefined();
    const numbered = rows.map((event, index) => ({ event, position: 3 - index, seal: undefined }));
    expect(await store.eventLogs.number(tenantId, numbered)).toBe(3);
    expect(await store.eventLogs.number(tenantId, numbered)).toBe(0);
    expect(await store.eventLogs.read(tenantId, 1, 2, 10)).toEqual([{ ...made[1], position: 2 }]);
    expect((await store.eventLogs.read(tenantId, 0, 3, 2)).map(({ id }) => id)).toEqual([
      made[2].id,
      made[1].id,
    ]);
    const [sealed] = await store.eventLogs.readSealed(tenantId, 0, 1, 1);
    expect(sealed?.seal).toMatchObject({ salt, commitment: commitmentOf(made[2], salt) });
    expect(await store.eventLogs.oldestPosition(tenantId)).toBe(1);
  });

  test('a row that is set aside is beyond every log', async () => {
    const own = scene();
    const { store, tenantId } = own;
    const event = eventOf(own, {});
    await store.events.add({ event, salt });
    await store.eventLogs.refuse(tenantId, [event.id]);
    expect(await store.eventLogs.listRefused(1000)).toContainEqual({ tenantId, id: event.id });
    expect(await store.eventLogs.oldestPosition(tenantId)).toBeUndefined();
    const waiting = await store.eventLogs.listUnnumbered(tenantId, 500);
    expect(waiting.some(({ id }) => id === event.id)).toBe(false);
  });

  test('a log grows from where it was, and the newest is the current one', async () => {
    const own = scene();
    const { store, tenantId } = own;
    const first = logOf(own);
    expect(await store.eventLogs.findCurrent([tenantId])).toEqual([]);
    await store.eventLogs.insert(first);
    expect(await store.eventLogs.grow(first, 5)).toBe(true);
    expect(await store.eventLogs.grow(first, 9)).toBe(false);
    const second = logOf(own, { number: 2, start: 5, size: 5 });
    await store.eventLogs.insert(second);
    expect(await store.eventLogs.list(tenantId)).toEqual([{ ...first, size: 5 }, second]);
    expect(await store.eventLogs.findCurrent([tenantId, own.uuid()])).toEqual([second]);
  });

  test('tiles are written over', async () => {
    const own = scene();
    const { store, tenantId } = own;
    const log = logOf(own);
    const hashes = Buffer.alloc(32, 5);
    await store.eventLogs.writeTiles(log, [{ level: 0, tile: 0, hashes }]);
    await store.eventLogs.writeTiles(log, [{ level: 0, tile: 0, hashes: Buffer.concat([hashes, hashes]) }]);
    expect(await store.eventLogs.readTile(tenantId, 1, 0, 0)).toEqual(Buffer.concat([hashes, hashes]));
    expect(await store.eventLogs.readTile(tenantId, 1, 1, 0)).toEqual(Buffer.alloc(0));
  });

  test('one instance numbers events, until its time is over', async () => {
    const { store, uuid, at } = scene();
    const [first, second] = [uuid(), uuid()];
    expect(await store.eventLogs.takeOver(first, at(0), at(3000))).toBe(true);
    expect(await store.eventLogs.takeOver(first, at(1000), at(4000))).toBe(true);
    expect(await store.eventLogs.takeOver(second, at(2000), at(5000))).toBe(false);
    expect(await store.eventLogs.advance(first, 1)).toBe(true);
    expect(await store.eventLogs.takeOver(second, at(4000), at(7000))).toBe(true);
    expect(await store.eventLogs.advance(first, 1)).toBe(false);
    expect(await store.eventLogs.advance(second, 1)).toBe(true);
    await store.eventLogs.saveOpening(Buffer.from('sealed'));
    expect(await store.eventLogs.findOpening()).toEqual(Buffer.from('sealed'));
  });
});

overEveryStore('outbox', (scene) => {
  const add = async ({ store, tenantId, uuid, now, at }: Scene, message: Message | Callout = email) => {
    const entry = { id: uuid(), tenantId, message, createdAt: now, expiresAt: at(60_000) };
    await store.outbox.add(entry);
    return entry;
  };

  test('one instance claims a message, and a claim that was lost settles nothing', async () => {
    const own = scene();
    const { store, now, at } = own;
    const entry = await add(own);
    const claim = async (time: Date, until: Date) =>
      (await store.transaction(({ outbox }) => outbox.claim('email', 100, time, until))).find(
        ({ id }) => id === entry.id,
      );
    const first = await claim(now, at(10));
    expect(first).toMatchObject({ message: email, claims: 1, attempts: 0, charged: false });
    expect(await claim(at(5), at(15))).toBeUndefined();
    const second = await claim(at(10), at(20));
    const sent = { status: 'sent', attempts: 1, charged: false, error: '', at: at(11) } as const;
    if (first === undefined || second === undefined) throw new Error('not claimed');
    expect(await store.outbox.recordOutcome(first, sent)).toBe(false);
    expect(await store.outbox.recordOutcome(second, sent)).toBe(true);
    expect(await store.outbox.find(entry.id)).toMatchObject({ status: 'sent', attempts: 1, endedAt: at(11) });
    expect((await store.outbox.listPending(1000)).map(({ id }) => id)).not.toContain(entry.id);
  });

  test('lists, counts, retries, drops and wipes what waits', async () => {
    const own = scene();
    const { store, tenantId, now, at } = own;
    const [one, two] = [
      await add(own),
      await add(own, { channel: 'http', to: 'https://t.example', headers: {}, body: '' }),
    ];
    expect(
      (await store.outbox.list({ tenantId, status: 'queued', afterId: undefined }, 10)).map(({ id }) => id),
    ).toEqual([one.id, two.id]);
    expect((await store.outbox.countWaiting()).filter((each) => each.tenantId === tenantId)).toHaveLength(2);
    expect((await store.outbox.listPending(1000)).map(({ id }) => id)).not.toContain(two.id);
    expect(await store.outbox.requeue(one.id, now)).toBe(true);
    expect(await store.outbox.requeue(one.id, at(60_000))).toBe(false);
    expect(await store.outbox.drop(one.id, now)).toBe(true);
    expect(await store.outbox.drop(one.id, now)).toBe(false);
    expect(await store.outbox.find(one.id)).toMatchObject({
      status: 'dropped',
      error: 'DROPPED_BY_OPERATOR',
    });
  });

  test('deletes what goes to a recipient in any spelling; a decoy is not shown', async () => {
    const own = scene();
    const { store, tenantId, uuid, now, at } = own;
    await add(own);
    await store.outbox.addDecoy({ id: uuid(), tenantId, createdAt: now, expiresAt: at(1) });
    expect(await store.outbox.list({ tenantId, status: undefined, afterId: undefined }, 10)).toHaveLength(1);
    expect(await store.outbox.deleteTo(tenantId, 'sara@EXAMPLE.com')).toBe(1);
    expect(await store.outbox.list({ tenantId, status: undefined, afterId: undefined }, 10)).toEqual([]);
  });
});

overEveryStore('leases and SMS usage', (scene) => {
  test('a lease has one holder until it ends', async () => {
    const { store, uuid, now, at } = scene();
    const [name, one, two] = [uuid(), uuid(), uuid()];
    expect(await store.leases.take(name, one, now, at(10))).toBe(true);
    expect(await store.leases.take(name, two, at(5), at(15))).toBe(false);
    expect(await store.leases.take(name, one, at(5), at(15))).toBe(true);
    expect(await store.leases.take(name, two, at(15), at(25))).toBe(true);
  });

  test('each further SMS to a number waits twice as long, until it is forgotten', async () => {
    const { store, tenantId, now, at } = scene();
    const number = Buffer.alloc(32, 4);
    const delay = { firstDelayS: 60, maxDelayS: 100, forgetAfterS: 3600 };
    const send = (time: Date) => store.smsUsage.backOff(tenantId, number, delay, time);
    expect(await send(now)).toBeUndefined();
    expect(await send(at(59_000))).toEqual(at(60_000));
    expect(await send(at(60_000))).toBeUndefined();
    expect(await send(at(61_000))).toEqual(at(160_000));
    await store.smsUsage.forgetBackOff(tenantId, number);
    expect(await send(at(61_000))).toBeUndefined();
    expect(await send(at(4_000_000))).toBeUndefined();
    expect(await send(at(4_000_001))).toEqual(at(4_060_000));
  });

  test('adds up what was sent and confirmed since a time', async () => {
    const { store, tenantId, now, at } = scene();
    const hour = (count: number) => ({
      country: 'IR',
      hour: at(count * 3_600_000),
      audience: 'user' as const,
    });
    await store.smsUsage.countSent(tenantId, hour(0), 1);
    await store.smsUsage.countSent(tenantId, hour(1), 1);
    await store.smsUsage.countSent(tenantId, hour(1), 1);
    await store.smsUsage.countSent(tenantId, hour(1), -1);
    await store.smsUsage.countConfirmed(tenantId, hour(1));
    expect(await store.smsUsage.totals(tenantId, 'IR', 'user', now)).toEqual({ sent: 2, confirmed: 1 });
    expect(await store.smsUsage.totals(tenantId, 'IR', 'user', at(1))).toEqual({ sent: 1, confirmed: 1 });
    expect(await store.smsUsage.totals(tenantId, 'IR', 'anonymous', now)).toEqual({ sent: 0, confirmed: 0 });
  });
});

overEveryStore('tenants and keys', (scene) => {
  const makeTenant = async ({ store, tenantId, now }: Scene) => {
    const slug = `t-${tenantId}`;
    const policy = { ...defaultPolicy('https://id.example', slug), origins: [`https://${slug}.example`] };
    const tenant = { id: tenantId, slug, name: 'T', status: 'active', policy, createdAt: now } as const;
    await store.tenants.insert(tenant);
    return tenant;
  };

  test('keeps a tenant under one slug, with its secrets', async () => {
    const own = scene();
    const { store, uuid } = own;
    const tenant = await makeTenant(own);
    await expect(store.tenants.insert({ ...tenant, id: uuid() })).rejects.toThrow(DuplicateError);
    expect(await store.tenants.findById(tenant.id)).toEqual(tenant);
    expect(await store.tenants.findBySlug(tenant.slug)).toEqual(tenant);
    expect(await store.tenants.listOrigins()).toContain(`https://${tenant.slug}.example`);
    await store.tenants.setSecret(tenant.id, 'google_client_secret', 'secret');
    expect(await store.tenants.findSecret(tenant.id, 'google_client_secret')).toBe('secret');
    await store.tenants.setSecret(tenant.id, 'google_client_secret', '');
    expect(await store.tenants.findSecret(tenant.id, 'google_client_secret')).toBeUndefined();
    await store.tenants.update(tenant.id, { status: 'suspended' });
    expect(await store.tenants.listOrigins()).not.toContain(`https://${tenant.slug}.example`);
  });

  test('a key opens its tenant until it ends or is revoked', async () => {
    const own = scene();
    const { store, uuid, now, at } = own;
    const tenant = await makeTenant(own);
    const digest = Buffer.from(tenant.id.replaceAll('-', '').repeat(2), 'hex');
    const key = { id: uuid(), tenantId: tenant.id, kind: 'secret', scopes: ['users.read'] } as const;
    await store.tenants.insertKey({ ...key, digest }, now);
    expect(await store.tenants.findByKeyDigest(digest, now)).toEqual({ tenant, key });
    expect(await store.tenants.endKey(tenant.id, key.id, at(10))).toBe(true);
    expect(await store.tenants.endKey(tenant.id, key.id, at(20))).toBe(false);
    expect(await store.tenants.findByKeyDigest(digest, at(9))).toBeDefined();
    expect(await store.tenants.findByKeyDigest(digest, at(10))).toBeUndefined();
    expect(await store.tenants.revokeKey(tenant.id, key.id, now)).toBe(true);
    expect(await store.tenants.revokeKey(tenant.id, key.id, now)).toBe(false);
    const whole = { name: '', limits: noLimits, expiresAt: undefined, lastUsedAt: undefined };
    expect(await store.tenants.listKeys(tenant.id)).toEqual([
      { ...key, ...whole, createdAt: now, revokedAt: now },
    ]);
  });

  test('a key ends by itself, keeps its limits and its last use, and ends with its application', async () => {
    const own = scene();
    const { store, uuid, now, at } = own;
    const tenant = await makeTenant(own);
    const digest = Buffer.from(tenant.id.replaceAll('-', '').repeat(2), 'hex');
    const application = {
      tenantId: tenant.id,
      clientId: uuid(),
      settings: { ...defaultApplication('web'), name: 'Shop', origins: ['https://shop.example'] },
      createdAt: now,
      updatedAt: now,
    };
    await store.applications.insert(application);
    const limits = { origins: ['https://a.example'], clientId: application.clientId, networks: [] };
    const key = { id: uuid(), tenantId: tenant.id, kind: 'publishable', scopes: [] } as const;
    await store.tenants.insertKey({ ...key, name: 'web', limits, expiresAt: at(100), digest }, now);
    const found = await store.tenants.findByKeyDigest(digest, at(99));
    expect(found?.key.limits?.origins).toEqual(['https://a.example', 'https://shop.example']);
    expect(await store.tenants.findByKeyDigest(digest, at(100))).toBeUndefined();
    await store.tenants.noteUses([{ keyId: key.id, at: at(5) }]);
    expect(await store.tenants.listKeys(tenant.id)).toMatchObject([
      { name: 'web', limits, expiresAt: at(100), lastUsedAt: at(5) },
    ]);
    await store.applications.delete(tenant.id, application.clientId);
    expect(await store.tenants.findByKeyDigest(digest, at(99))).toBeUndefined();
  });

  test('a purge leaves nothing but the tenant itself', async () => {
    const own = scene();
    const { store, makeUser, makeSession, uuid } = own;
    const tenant = await makeTenant(own);
    await makeSession((await makeUser()).user);
    await store.identities.consent(uuid(), uuid(), uuid(), own.now).catch(() => undefined);
    for (let left = true; left; ) {
      const { users, rows } = await store.tenants.purge(tenant.id, 100);
      left = users + rows > 0;
    }
    await store.tenants.delete(tenant.id);
    expect(await store.tenants.findById(tenant.id)).toBeUndefined();
  });

  test('operators’ keys are live until they are revoked', async () => {
    const { store, uuid, now } = scene();
    const digest = Buffer.from(uuid().replaceAll('-', '').repeat(2), 'hex');
    const key = { id: uuid(), name: 'ci', createdAt: now, revokedAt: undefined };
    await store.adminKeys.insert({ ...key, digest });
    expect(await store.adminKeys.findLive(digest, now)).toEqual(key);
    expect(await store.adminKeys.list()).toContainEqual(key);
    expect(await store.adminKeys.revoke(key.id, now)).toBe(true);
    expect(await store.adminKeys.revoke(key.id, now)).toBe(false);
    expect(await store.adminKeys.findLive(digest, now)).toBeUndefined();
  });

  test('a data key is sealed anew once, and signing keys come and go', async () => {
    const { store, uuid, now } = scene();
    const [from, to] = [Buffer.from('from'), Buffer.from('to')];
    const data = { id: uuid(), sealed: from, createdAt: now };
    await store.keys.insertDataKey(data);
    expect(await store.keys.resealDataKey(data.id, from, to)).toBe(true);
    expect(await store.keys.resealDataKey(data.id, from, to)).toBe(false);
    expect(await store.keys.listDataKeys()).toContainEqual({ ...data, sealed: to });
    const signing = { id: uuid(), sealed: from, createdAt: now, activatesAt: now, publicJwk: { kty: 'OKP' } };
    await store.keys.insertSigningKey(signing);
    expect(await store.keys.listSigningKeys()).toContainEqual(signing);
    await store.keys.deleteSigningKeys([signing.id]);
    expect(await store.keys.listSigningKeys()).not.toContainEqual(signing);
  });
});

overEveryStore('transactions', (scene) => {
  test('what a failed transaction wrote is gone, and its error is the one that was thrown', async () => {
    const own = scene();
    const { store, makeUser, uuid, tenantId } = own;
    const { user } = await makeUser();
    const failing = store.transaction(async ({ users }) => {
      await users.insert({ ...user, id: uuid() }, undefined, undefined);
      await users.setStatus(tenantId, user.id, 'disabled');
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect((await store.users.findById(tenantId, user.id))?.user.status).toBe('active');
  });

  test('expired rows are deleted, and no others', async () => {
    const own = scene();
    const { store, tenantId, makeUser, makeSession, at, now } = own;
    const { user } = await makeUser();
    await makeSession(user, { expiresAt: at(10) });
    await makeSession(user, { expiresAt: at(1000) });
    expect(await store.retention.purge('sessions', tenantId, at(500), 10)).toBe(1);
    expect(await store.retention.purge('sessions', tenantId, at(500), 10)).toBe(0);
    expect(await store.retention.purge('unproved', tenantId, at(1000), 10)).toBe(0);
    const unproved = { ...user, id: own.uuid() };
    await store.users.insert(unproved, undefined, undefined);
    expect(await store.retention.purge('unproved', tenantId, at(1000), 10)).toBe(1);
    expect(await store.users.findById(tenantId, user.id)).toBeDefined();
    expect(now).toBeDefined();
  });
});
