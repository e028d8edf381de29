import { systemRandom } from '../../src/adapters/random.ts';
import { createVault } from '../../src/adapters/vault.ts';
import type { Grant } from '../../src/domain/grant.ts';
import { openDatabase } from '../../src/store/database.ts';
import { createStore } from '../../src/store/store.ts';
import { sceneOf } from '../contract/stores.ts';

/**
 * Redeems each of a number of codes on two servers of one cluster at the same time. Returns how many codes had how many
 * winners, for the code and for the first rotation of the refresh token after it.
 */
export async function runRedeemRace(urls: readonly [string, string], count: number) {
  const vault = createVault([{ id: '00000000-0000-7000-8000-000000000001', key: Buffer.alloc(32, 3) }]);
  const databases = urls.map((url) => openDatabase({ url, connections: 4 }));
  const stores = databases.map((database) => createStore(database, vault));
  const [first] = stores;
  if (first === undefined) throw new Error('there is no server');
  const { makeUser, makeSession, tenantId, uuid, now, at } = sceneOf(first);
  const { user } = await makeUser();
  const { id: sessionId } = await makeSession(user);
  const life = { idleExpiresAt: at(60_000), expiresAt: at(600_000) };
  const winnersOf = async (race: (store: (typeof stores)[number]) => Promise<boolean>) =>
    (await Promise.all(stores.map(race))).filter((hasWon) => hasWon).length;
  const redeemed: Record<number, number> = {};
  const rotated: Record<number, number> = {};
  try {
    for (let round = 0; round < count; round += 1) {
      const grant: Grant = {
        tenantId,
        id: uuid(),
        userId: user.id,
        clientId: uuid(),
        sessionId,
        scopes: ['openid'],
        resources: [],
        authTime: now,
        amr: ['pwd'],
        refreshCounter: 0,
        refreshSalt: systemRandom.bytes(32),
        refreshedAt: now,
        createdAt: now,
        ...life,
      };
      await first.grants.insert(grant, undefined);
      const codes = await winnersOf(({ grants }) => grants.redeem(grant, life, now));
      redeemed[codes] = (redeemed[codes] ?? 0) + 1;
      const next = { refreshedAt: now, idleExpiresAt: life.idleExpiresAt };
      const tokens = await winnersOf(({ grants }) => grants.rotate(grant, next));
      rotated[tokens] = (rotated[tokens] ?? 0) + 1;
    }
    return { redeemed, rotated };
  } finally {
    await Promise.all(databases.map((database) => database.close()));
  }
}
