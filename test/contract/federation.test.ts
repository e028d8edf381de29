import { expect, test } from 'vitest';
import { defaultSettings } from '../../src/domain/connection.ts';
import { sha256 } from '../../src/domain/token.ts';
import { overEveryStore } from './stores.ts';

overEveryStore('sessions of providers', (scene) => {
  test('sessions that began at a provider are found by their user and by the session there', async () => {
    const { store, tenantId, makeUser, makeSession } = scene();
    const { user } = await makeUser();
    const [first, second] = [await makeSession(user, {}), await makeSession(user, {})];
    const subjectDigest = sha256('subject');
    const noted = { tenantId, userId: user.id, provider: 'example', subjectDigest };
    const sidDigest = sha256('sid');
    await store.identities.noteSession({ ...noted, sessionId: first.id, sidDigest });
    await store.identities.noteSession({ ...noted, sessionId: second.id, sidDigest: undefined });
    const idsOf = async (of: { subjectDigest?: Buffer; sidDigest?: Buffer }, provider = 'example') =>
      (await store.identities.listSessions(tenantId, provider, of)).map(({ sessionId }) => sessionId).sort();
    expect(await idsOf({ subjectDigest })).toEqual([first.id, second.id].sort());
    expect(await idsOf({ subjectDigest: sidDigest })).toEqual([]);
    expect(await idsOf({ sidDigest })).toEqual([first.id]);
    expect(await idsOf({ subjectDigest, sidDigest })).toEqual([first.id]);
    expect(await idsOf({ sidDigest }, 'github')).toEqual([]);
  });
});

overEveryStore('connections', (scene) => {
  test('a connection is changed in place, keeps its secret, and takes it along', async () => {
    const { store, tenantId, now, at } = scene();
    const { connections } = store;
    const settings = { ...defaultSettings, clientId: 'client', issuer: 'https://issuer.example' };
    const row = { tenantId, name: 'example', settings, createdAt: now, updatedAt: now };
    await connections.setSecret(tenantId, 'example', 'lost');
    expect(await connections.findSecret(tenantId, 'example')).toBeUndefined();
    await connections.save(row);
    await connections.save({ ...row, name: 'another' });
    await connections.setSecret(tenantId, 'example', 'secret');
    const changed = { ...row, settings: { ...settings, enabled: false }, createdAt: at(5), updatedAt: at(5) };
    await connections.save(changed);
    expect(await connections.find(tenantId, 'example')).toEqual({
      ...changed,
      createdAt: now,
      hasSecret: true,
    });
    expect(await connections.findSecret(tenantId, 'example')).toBe('secret');
    expect((await connections.list(tenantId)).map(({ name, hasSecret }) => [name, hasSecret])).toEqual([
      ['another', false],
      ['example', true],
    ]);
    await connections.setSecret(tenantId, 'example', '');
    expect(await connections.findSecret(tenantId, 'example')).toBeUndefined();
    expect(await connections.delete(tenantId, 'example')).toBe(true);
    expect(await connections.delete(tenantId, 'example')).toBe(false);
    expect(await connections.find(tenantId, 'example')).toBeUndefined();
  });
});
