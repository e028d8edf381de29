import { expect, test } from 'vitest';
import type { Former } from '../../src/domain/account-change.ts';
import { latestSessions, type SignInOrigin } from '../../src/domain/device.ts';
import { DuplicateError } from '../../src/domain/repositories.ts';
import { overEveryStore } from './stores.ts';

/** Where a sign-in comes from. */
const origin = (changes: Partial<SignInOrigin> = {}): SignInOrigin => ({
  address: '192.0.2.1',
  device: 'a browser @ 192.0.2.0',
  jkt: '',
  ...changes,
});

overEveryStore('users', (scene) => {
  test('finds a user by id and by identifier, and the password hash with it', async () => {
    const { store, tenantId, makeUser, now } = scene();
    const { user, identifier } = await makeUser();
    const view = { user, email: identifier, mobile: undefined };
    expect(await store.users.findById(tenantId, user.id)).toEqual(view);
    expect(await store.users.findIdentifier(tenantId, identifier)).toEqual({
      ...identifier,
      locale: 'en',
      senderEmail: '',
      confirmUrl: '',
      origin: 'self',
      status: 'active',
      isOwnerConfirmed: true,
      passwordHash: 'a hash',
    });
    const history = { hasSessions: false, hasDevices: false, isKnownDevice: false, isKnownAddress: false };
    const account = {
      ...view,
      enrolled: { kinds: [], smsNumber: undefined, isPasskeyOnly: false },
      liveSessions: 0,
      oldestSession: undefined,
      history,
    };
    expect(await store.users.findForSession(tenantId, user.id, origin(), now)).toEqual(account);
    expect(await store.users.findForLogin(tenantId, identifier, origin(), now)).toEqual({
      ...account,
      identifier,
      passwordHash: 'a hash',
      totalFailures: 0,
    });
    expect(await store.users.findHistory(tenantId, user.id, origin())).toEqual(history);
    expect(await store.users.findById(scene().tenantId, user.id)).toBeUndefined();
  });

  test('knows live sessions and the addresses they began from', async () => {
    const { store, tenantId, makeUser, makeSession, now } = scene();
    const { user, identifier } = await makeUser();
    const jkt = Buffer.alloc(32, 1).toString('base64url');
    await makeSession(user, { binding: { jkt, bindsAccess: false, since: 0 } });
    await makeSession(user, { device: '' });
    const at = (changes: object) => store.users.findForSession(tenantId, user.id, origin(changes), now);
    const history = { hasSessions: true, hasDevices: true };
    expect(await at({})).toMatchObject({ history: { ...history, isKnownDevice: true } });
    expect(await at({ device: 'another' })).toMatchObject({ history: { ...history, isKnownDevice: false } });
    expect(await at({ device: 'another', jkt })).toMatchObject({
      history: { ...history, isKnownDevice: true },
    });
    expect(await store.users.findForLogin(tenantId, identifier, origin(), now)).toMatchObject({
      liveSessions: 2,
      history: { isKnownAddress: true },
    });
    expect(await store.users.findForLogin(tenantId, identifier, origin({ address: '' }), now)).toMatchObject({
      history: { isKnownAddress: false },
    });
  });

  test.each([
    ['that are open', latestSessions.open, false],
    ['that were ended', latestSessions.ended, true],
  ])('remembers device, address and key of the latest sessions %s, not of all', async (_, most, isEnded) => {
    const { store, tenantId, makeUser, makeSession, now, at } = scene();
    const { user, identifier } = await makeUser();
    const first = { client: { address: '192.0.2.7', userAgent: 'an old browser' }, device: 'an old browser' };
    const jkt = Buffer.alloc(32, 2).toString('base64url');
    const binding = { jkt, bindsAccess: false, since: 0 };
    let ended = 0;
    const use = async (changes?: Parameters<typeof makeSession>[1]) => {
      const { id } = await makeSession(user, changes);
      if (isEnded) await store.sessions.revoke(tenantId, user.id, id, at(ended++));
    };
    await use({ ...first, binding, expiresAt: at(300_000) });
    for (let count = 1; count < most; count += 1) await use();
    const from = origin({ ...first, address: '192.0.2.7' });
    const find = () => store.users.findHistory(tenantId, user.id, from);
    const history = { hasSessions: true, hasDevices: true, isKnownDevice: true, isKnownAddress: true };
    expect(await find()).toEqual(history);
    expect(await store.sessions.isKeyOf(tenantId, identifier, jkt)).toBe(true);
    await use();
    expect(await store.sessions.isKeyOf(tenantId, identifier, jkt)).toBe(false);
    expect(await find()).toEqual({ ...history, isKnownDevice: false, isKnownAddress: false });
    // Those that are open tell for themselves, however many there are.
    expect(await store.users.findForLogin(tenantId, identifier, from, now)).toMatchObject({
      history: isEnded ? { hasSessions: false, isKnownDevice: false } : history,
      liveSessions: isEnded ? 0 : most + 1,
    });
  });

  test('takes an identifier once', async () => {
    const { store, tenantId, makeUser } = scene();
    const [one, other] = [await makeUser(), await makeUser()];
    const claim = { ...one.identifier, userId: other.user.id };
    await expect(store.users.addIdentifier(tenantId, claim)).rejects.toThrow(DuplicateError);
    await expect(store.users.replaceIdentifier(tenantId, claim)).rejects.toThrow(DuplicateError);
  });

  test('confirms an identifier once, and only for its owner', async () => {
    const { store, tenantId, makeUser, at, now } = scene();
    const { user, identifier } = await makeUser();
    const mobile = {
      ...identifier,
      kind: 'mobile' as const,
      canonical: '989120000001',
      confirmedAt: undefined,
    };
    await store.users.addIdentifier(tenantId, mobile);
    expect(await store.users.confirmIdentifier(tenantId, scene().uuid(), mobile, now)).toBe(false);
    expect(await store.users.confirmIdentifier(tenantId, user.id, mobile, at(1))).toBe(true);
    expect(await store.users.confirmIdentifier(tenantId, user.id, mobile, at(2))).toBe(false);
    expect((await store.users.findById(tenantId, user.id))?.mobile?.confirmedAt).toEqual(at(1));
  });

  test('voids an unproved registration that another party disputes, and no proved one', async () => {
    const { store, tenantId, makeUser, uuid, now } = scene();
    const { user } = await makeUser();
    expect(await store.users.dispute(tenantId, user.id)).toBe(false);
    const unproved = { ...user, id: uuid() };
    await store.users.insert(unproved, undefined, 'a hash');
    expect(await store.users.dispute(tenantId, unproved.id)).toBe(true);
    expect(await store.users.findPasswordHash(tenantId, unproved.id)).toBeUndefined();
    await store.users.markConfirmed(tenantId, unproved.id, now);
    expect(await store.users.dispute(tenantId, unproved.id)).toBe(false);
  });

  test('replaces an unconfirmed registration of the same password only', async () => {
    const { store, tenantId, makeUser, uuid, now } = scene();
    const { user } = await makeUser();
    const unproved = { ...user, id: uuid() };
    const claim = {
      kind: 'email',
      canonical: `${unproved.id}@example.com`,
      address: `${unproved.id}@example.com`,
    } as const;
    const held = { ...claim, userId: unproved.id, confirmedAt: undefined, addedAt: now };
    await store.users.insert(unproved, held, 'first hash');
    const again = { ...unproved, locale: 'fa' as const };
    expect(await store.users.replaceUnconfirmed(again, held, 'other hash')).toBe(false);
    expect(await store.users.replaceUnconfirmed(again, held, 'first hash')).toBe(true);
    expect((await store.users.findById(tenantId, unproved.id))?.user.locale).toBe('fa');
    await store.users.confirmIdentifier(tenantId, unproved.id, held, now);
    expect(await store.users.replaceUnconfirmed(again, held, 'first hash')).toBe(false);
  });

  test('a proof takes an identifier from a registration, and leaves a proved one alone', async () => {
    const { store, tenantId, makeUser, uuid, now } = scene();
    const { user, identifier } = await makeUser();
    await store.users.releaseClaim(tenantId, identifier, uuid(), 'proved');
    expect(await store.users.findById(tenantId, user.id)).toBeDefined();
    const claimer = { ...user, id: uuid() };
    const claim = {
      ...identifier,
      canonical: `${claimer.id}@example.com`,
      userId: claimer.id,
      confirmedAt: undefined,
    };
    await store.users.insert(claimer, claim, undefined);
    await store.users.releaseClaim(tenantId, claim, user.id, 'proved');
    expect(await store.users.findById(tenantId, claimer.id)).toBeUndefined();
    const backEnd = { ...user, id: uuid(), origin: 'back-end' as const };
    await store.users.insert(backEnd, { ...claim, userId: backEnd.id, addedAt: now }, undefined);
    await store.users.releaseClaim(tenantId, claim, user.id, 'claimed');
    expect((await store.users.findById(tenantId, backEnd.id))?.email).toBeDefined();
    await store.users.releaseClaim(tenantId, claim, user.id, 'proved');
    expect((await store.users.findById(tenantId, backEnd.id))?.email).toBeUndefined();
  });

  test('updates only what is set, and deletes every row of a user', async () => {
    const { store, tenantId, makeUser, makeSession, now } = scene();
    const { user } = await makeUser();
    await store.users.update(tenantId, user.id, { firstName: 'Sara', roles: ['admin'] });
    const view = await store.users.findById(tenantId, user.id);
    expect([view?.user.profile.firstName, view?.user.profile.lastName, view?.user.roles]).toEqual([
      'Sara',
      '',
      ['admin'],
    ]);
    const session = await makeSession(user);
    await store.users.delete(tenantId, user.id);
    expect(await store.users.findById(tenantId, user.id)).toBeUndefined();
    expect(await store.users.findPasswordHash(tenantId, user.id)).toBeUndefined();
    expect(await store.sessions.findLive(tenantId, session.id, now)).toBeUndefined();
  });

  test('searches by the beginning of an identifier, in pages by id', async () => {
    const { store, tenantId, makeUser } = scene();
    const made = [await makeUser(), await makeUser(), await makeUser()];
    const ids = made.map(({ user }) => user.id).sort();
    const search = async (prefix: string, afterId: string | undefined) =>
      (await store.users.search(tenantId, { prefix, afterId }, 2)).map(({ user }) => user.id);
    expect(await search('contract', undefined)).toEqual(ids.slice(0, 2));
    expect(await search('contract', ids[1])).toEqual(ids.slice(2));
    expect(await search('contract%', undefined)).toEqual([]);
  });
});

overEveryStore('authenticators', (scene) => {
  const row = { label: '', lookup: undefined, counter: 5, flags: 0, lastUsedAt: undefined };

  test('keeps one authenticator per slot, opens its data, and knows the kinds in order', async () => {
    const { store, tenantId, makeUser, uuid, now } = scene();
    const { user } = await makeUser();
    const own = { ...row, tenantId, userId: user.id, createdAt: now };
    const sms = { ...own, id: uuid(), kind: 'sms' as const, slot: 'sms', data: Buffer.from('+989120000001') };
    const totp = {
      ...own,
      id: uuid(),
      kind: 'totp' as const,
      slot: 'totp',
      data: Buffer.from('JBSWY3DPEHPK3PXP'),
    };
    await store.authenticators.insert(sms);
    await store.authenticators.insert(totp);
    const enrolled = { kinds: ['totp', 'sms'], smsNumber: '+989120000001', isPasskeyOnly: false };
    expect(await store.authenticators.findEnrolled(tenantId, user.id)).toEqual(enrolled);
    expect(
      await store.transaction(({ authenticators }) => authenticators.findForUpdate(tenantId, user.id)),
    ).toEqual(enrolled);
    expect(await store.authenticators.findInSlot(tenantId, user.id, 'totp')).toEqual(totp);
    expect(await store.authenticators.list(tenantId, user.id)).toEqual([sms, totp]);
    await expect(store.authenticators.insert({ ...totp, id: uuid() })).rejects.toThrow(DuplicateError);
    expect(await store.authenticators.remove(tenantId, user.id, 'sms')).toBe(true);
    expect(await store.authenticators.remove(tenantId, user.id, 'sms')).toBe(false);
    await store.authenticators.removeAll(tenantId, user.id);
    expect(await store.authenticators.findEnrolled(tenantId, user.id)).toEqual({
      kinds: [],
      smsNumber: undefined,
      isPasskeyOnly: false,
    });
  });

  test('raises a counter once per value, however many try', async () => {
    const { store, tenantId, makeUser, uuid, now, at } = scene();
    const { user } = await makeUser();
    const id = uuid();
    const data = Buffer.from('JBSWY3DPEHPK3PXP');
    await store.authenticators.insert({
      ...row,
      tenantId,
      userId: user.id,
      id,
      kind: 'totp',
      slot: 'totp',
      data,
      createdAt: now,
    });
    const tries = await Promise.all(
      Array.from({ length: 10 }, () => store.authenticators.raiseCounter(tenantId, id, 6, at(1))),
    );
    expect(tries.filter((won) => won)).toHaveLength(1);
    expect(await store.authenticators.raiseCounter(tenantId, id, 6, at(1))).toBe(false);
    expect(await store.authenticators.raiseCounter(tenantId, id, 4, at(1))).toBe(false);
    expect(await store.authenticators.findInSlot(tenantId, user.id, 'totp')).toMatchObject({
      counter: 6,
      lastUsedAt: at(1),
    });
  });

  test('a recovery code is used once, and new ones replace all of them', async () => {
    const { store, tenantId, makeUser } = scene();
    const { user } = await makeUser();
    const [one, two] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    await store.recoveryCodes.replace(tenantId, user.id, [one, two]);
    await store.recoveryCodes.insertForeign(tenantId, user.id, ['a foreign hash']);
    expect(await store.recoveryCodes.count(tenantId, user.id)).toBe(3);
    expect(await store.recoveryCodes.use(tenantId, user.id, one)).toBe(true);
    expect(await store.recoveryCodes.use(tenantId, user.id, one)).toBe(false);
    expect(await store.recoveryCodes.listForeign(tenantId, user.id)).toEqual(['a foreign hash']);
    expect(await store.recoveryCodes.useForeign(tenantId, user.id, 'a foreign hash')).toBe(true);
    expect(await store.recoveryCodes.useForeign(tenantId, user.id, 'a foreign hash')).toBe(false);
    await store.recoveryCodes.replace(tenantId, user.id, []);
    expect(await store.recoveryCodes.count(tenantId, user.id)).toBe(0);
  });
});

overEveryStore('identities and consents', (scene) => {
  test('an identity belongs to one user, and consents are kept once', async () => {
    const { store, tenantId, makeUser, uuid, now } = scene();
    const { user } = await makeUser();
    const identity = {
      tenantId,
      issuer: 'https://issuer.example',
      subject: uuid(),
      userId: user.id,
      provider: 'example',
      profile: { name: 'Sara' },
      createdAt: now,
    };
    await store.identities.insert(identity);
    await expect(store.identities.insert(identity)).rejects.toThrow(DuplicateError);
    expect(await store.identities.find(tenantId, identity.issuer, identity.subject)).toEqual(identity);
    await store.identities.updateProfile({ ...identity, profile: { name: 'S' } });
    expect(await store.identities.findOfUser(tenantId, user.id, identity.issuer)).toMatchObject({
      profile: { name: 'S' },
    });
    expect(await store.identities.remove(tenantId, user.id, 'github')).toBe(0);
    expect(await store.identities.remove(tenantId, user.id, undefined)).toBe(1);
    expect(await store.identities.listOfUser(tenantId, user.id)).toEqual([]);
    const other = uuid();
    for (let time = 0; time < 2; time += 1) await store.identities.consent(tenantId, user.id, other, now);
    expect(await store.identities.listConsents(tenantId, user.id)).toEqual([other]);
    expect(await store.identities.hasConsented(tenantId, user.id, other)).toBe(true);
    expect(await store.identities.hasConsented(tenantId, user.id, uuid())).toBe(false);
  });
});

overEveryStore('terms', (scene) => {
  test('keep the first time at which a user accepted each version', async () => {
    const { store, tenantId, makeUser, now, at } = scene();
    const { user } = await makeUser();
    await store.terms.accept(tenantId, user.id, '1', now);
    await store.terms.accept(tenantId, user.id, '1', at(1));
    expect(await store.terms.findAcceptance(tenantId, user.id, '1')).toEqual(now);
    expect(await store.terms.findAcceptance(tenantId, user.id, '2')).toBeUndefined();
    await store.terms.forget(tenantId, user.id);
    expect(await store.terms.findAcceptance(tenantId, user.id, '1')).toBeUndefined();
  });
});

overEveryStore('changes of an account', (scene) => {
  test('are listed oldest first until they end, a freeze lengthens them, and one freeze wins', async () => {
    const { store, tenantId, makeUser, uuid, now, at } = scene();
    const { user, identifier } = await makeUser();
    const { accountChanges } = store;
    const row = { tenantId, userId: user.id, changedAt: now, isProvable: false };
    const formers: Former[] = [
      { kind: 'email', identifier },
      { kind: 'mobile', identifier: undefined },
      { kind: 'password', passwordHash: 'a hash', isPasskeyOnly: true },
      { kind: 'password', passwordHash: undefined, isPasskeyOnly: false },
      { kind: 'passkeys' },
    ];
    const changes = formers.map((former, index) => ({
      ...row,
      id: uuid(),
      former,
      expiresAt: at(index >= 3 ? 1000 : 5000),
    }));
    for (const change of changes) await accountChanges.add(change);
    expect(await accountChanges.list(tenantId, user.id, now)).toEqual(changes);
    expect(await accountChanges.list(tenantId, user.id, at(2000))).toEqual(changes.slice(0, 3));
    const time = { now: at(2000), until: at(9000), since: at(1500) };
    expect(await accountChanges.freeze(tenantId, user.id, time)).toBe(true);
    expect(await accountChanges.freeze(tenantId, user.id, { ...time, until: at(9999) })).toBe(false);
    expect((await store.users.findById(tenantId, user.id))?.frozenUntil).toEqual(at(9000));
    expect(await accountChanges.list(tenantId, user.id, at(8999))).toHaveLength(3);
    await accountChanges.forget(tenantId, user.id, 'password');
    expect(await accountChanges.list(tenantId, user.id, at(8999))).toHaveLength(2);
    await accountChanges.extend(tenantId, user.id, { now: at(3000), until: at(8000) });
    expect(await accountChanges.list(tenantId, user.id, at(8999))).toHaveLength(2);
    await accountChanges.extend(tenantId, user.id, { now: at(9500), until: at(9999) });
    expect(await accountChanges.list(tenantId, user.id, at(9600))).toHaveLength(0);
    await accountChanges.extend(tenantId, user.id, { now: at(3000), until: at(9800) });
    expect(await accountChanges.list(tenantId, user.id, at(9600))).toHaveLength(2);
    await accountChanges.settle(tenantId, user.id, { ageMs: 2000, until: at(1000) });
    expect(
      (await accountChanges.list(tenantId, user.id, at(1999))).map(({ expiresAt }) => expiresAt),
    ).toEqual([at(2000), at(2000)]);
    await accountChanges.extend(tenantId, user.id, { now, until: at(9800) });
    await accountChanges.settle(tenantId, user.id, { ageMs: 2000, until: at(9000) });
    expect(await accountChanges.list(tenantId, user.id, at(9001))).toEqual([]);
    expect(await accountChanges.list(tenantId, user.id, at(8999))).toHaveLength(3);
    await accountChanges.thaw(tenantId, user.id, at(3000));
    expect((await store.users.findById(tenantId, user.id))?.frozenUntil).toEqual(at(3000));
    // A link freezes once: since its own change.
    expect(await accountChanges.freeze(tenantId, user.id, { ...time, now: at(4000) })).toBe(false);
    await accountChanges.forget(tenantId, user.id);
    expect(await accountChanges.list(tenantId, user.id, now)).toEqual([]);
  });
});

overEveryStore('resets of second factors', (scene) => {
  test('one waits for a user, is taken once after its time, and ends', async () => {
    const { store, tenantId, makeUser, now, at } = scene();
    const { user } = await makeUser();
    const { factorResets } = store;
    const own = { tenantId, userId: user.id };
    const reset = { ...own, requestedAt: now, readyAt: at(1000), expiresAt: at(5000) };
    expect(await factorResets.request(reset)).toEqual(reset);
    const later = { ...own, requestedAt: at(500), readyAt: at(1500), expiresAt: at(5500) };
    expect(await factorResets.request(later)).toEqual(reset);
    expect(await factorResets.take(reset, at(999))).toBe(false);
    expect(await factorResets.take(later, at(2000))).toBe(false);
    expect(await factorResets.take(reset, at(2000))).toBe(true);
    expect(await factorResets.take(reset, at(2000))).toBe(false);
    expect(await factorResets.request(later)).toEqual(later);
    expect(await factorResets.end(tenantId, user.id, at(6000))).toBe(false);
    expect(await factorResets.end(tenantId, user.id, at(2000))).toBe(true);
    expect(await factorResets.find(tenantId, user.id, at(2000))).toBeUndefined();
  });
});

overEveryStore('passkeys', (scene) => {
  test('are found by their credential, renamed, and used once per value of their counter', async () => {
    const { store, tenantId, makeUser, uuid, now, at } = scene();
    const { user } = await makeUser();
    const id = uuid();
    const lookup = Buffer.alloc(32, 7);
    const row = {
      ...{ tenantId, id, userId: user.id, kind: 'passkey' as const, slot: id, label: '', lookup },
      ...{ counter: 0, flags: 1, data: Buffer.from('{}'), createdAt: now, lastUsedAt: undefined },
    };
    await store.authenticators.insert(row);
    expect(await store.authenticators.findByLookup(tenantId, lookup)).toEqual(row);
    const second = { ...row, id: uuid(), slot: 'another' };
    await expect(store.authenticators.insert(second)).rejects.toThrow(DuplicateError);
    const use = (counter: number) =>
      store.authenticators.usePasskey(tenantId, id, { counter, flags: 3, now: at(1) });
    expect([await use(0), await use(0), await use(5), await use(5), await use(4), await use(0)]).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(await store.authenticators.rename(tenantId, user.id, id, 'Phone')).toBe(true);
    expect(await store.authenticators.rename(tenantId, user.id, uuid(), 'Phone')).toBe(false);
    expect(await store.authenticators.findInSlot(tenantId, user.id, id)).toMatchObject({
      label: 'Phone',
      counter: 5,
      flags: 3,
    });
    await store.users.setPasskeyOnly(tenantId, user.id, true);
    expect((await store.authenticators.findEnrolled(tenantId, user.id)).isPasskeyOnly).toBe(true);
  });
});
