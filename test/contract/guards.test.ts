import { expect, test } from 'vitest';
import { overEveryStore } from './stores.ts';

overEveryStore('proofs', (scene) => {
  test('a proof is spent by one of many callers, once for each tenant', async () => {
    const { store, tenantId, uuid, at } = scene();
    const proof = { id: Buffer.alloc(32, 5).toString('base64url'), expiresAt: at(60_000) };
    const spent = await Promise.all(Array.from({ length: 8 }, () => store.proofs.spend(tenantId, proof)));
    expect(spent.filter(Boolean)).toHaveLength(1);
    expect(await store.proofs.spend(uuid(), proof)).toBe(true);
    expect(await store.retention.purge('proofs', tenantId, at(60_001), 10)).toBe(1);
    expect(await store.proofs.spend(tenantId, proof)).toBe(true);
  });
});

overEveryStore('attempts', (scene) => {
  const policy = { kind: 'second-factor', free: 3, firstDelayS: 30, maxDelayS: 100, cap: 6 } as const;

  test('locks after the free failures, each time for longer, and for good at the cap', async () => {
    const { store, tenantId, uuid, now, at } = scene();
    const subject = uuid();
    const fail = async (time: Date) => {
      const counted = await store.attempts.count(tenantId, policy, subject, time);
      if (typeof counted === 'number')
        await store.attempts.countWrong(tenantId, { kind: policy.kind, subject }, time);
      return counted;
    };
    expect([await fail(now), await fail(now), await fail(now)]).toEqual([1, 2, 3]);
    expect([await fail(at(29_999)), await fail(at(30_000))]).toEqual(['locked', 4]);
    expect([await fail(at(89_000)), await fail(at(90_000))]).toEqual(['locked', 5]);
    expect([await fail(at(189_000)), await fail(at(190_000))]).toEqual(['locked', 6]);
    expect(await fail(at(10_000_000))).toBe('locked');
    await store.attempts.lower(tenantId, policy.kind, subject, 2);
    expect(await store.attempts.count(tenantId, policy, subject, at(10_200_000))).toBe(3);
    await store.attempts.reset(tenantId, { kind: policy.kind, subject });
    expect(await store.attempts.count(tenantId, policy, subject, at(10_200_001))).toBe(1);
  });

  test('counts on however many have failed, with the longest delay', async () => {
    const { store, tenantId, uuid, at } = scene();
    const subject = uuid();
    const endless = { ...policy, cap: 1_000_000 };
    for (let count = 1; count <= 1100; count += 1)
      expect(await store.attempts.count(tenantId, endless, subject, at(count * 100_000))).toBe(count);
    expect(await store.attempts.count(tenantId, endless, subject, at(1100 * 100_000 + 99_000))).toBe('busy');
  }, 60_000);

  test('attempts under way are not failures: another one is busy, and one taken back counts nothing', async () => {
    const { store, tenantId, uuid, now } = scene();
    const subject = uuid();
    const counter = { kind: policy.kind, subject };
    for (let count = 0; count < 3; count += 1) await store.attempts.count(tenantId, policy, subject, now);
    expect(await store.attempts.count(tenantId, policy, subject, now)).toBe('busy');
    await store.attempts.uncount(tenantId, counter);
    expect(await store.attempts.count(tenantId, policy, subject, now)).toBe(3);
  });

  test('a right password resets its counters, unless it was changed since', async () => {
    const { store, tenantId, makeUser, now } = scene();
    const { user } = await makeUser();
    const counter = { kind: policy.kind, subject: user.id };
    const total = { kind: 'password-total' as const, subject: user.id };
    await store.attempts.count(tenantId, policy, user.id, now, total);
    const reset = (hash: string) =>
      store.attempts.resetForPassword(tenantId, [counter, total], user.id, hash);
    expect(await reset('another hash')).toBe(false);
    expect(await reset('a hash')).toBe(true);
    expect(await store.attempts.count(tenantId, policy, user.id, now)).toBe(1);
    await store.attempts.forget(tenantId, user.id);
    expect(await store.attempts.count(tenantId, policy, user.id, now)).toBe(1);
  });

  test('a right password is right where retention took the counters that another sign-in had reset', async () => {
    const { store, tenantId, makeUser, now, at } = scene();
    const { user } = await makeUser();
    const counter = { kind: policy.kind, subject: user.id };
    // Two at once: one succeeds, and retention comes before the other does.
    for (let count = 0; count < 2; count += 1) await store.attempts.count(tenantId, policy, user.id, now);
    const reset = (hash: string) => store.attempts.resetForPassword(tenantId, [counter], user.id, hash);
    expect(await reset('a hash')).toBe(true);
    expect(await store.retention.purge('attempts', tenantId, at(0), 10)).toBe(1);
    expect(await reset('another hash')).toBe(false);
    expect(await reset('a hash')).toBe(true);
  });
});

overEveryStore('budgets', (scene) => {
  const budget = { name: 'contract', max: 3, windowMs: 10_000 };
  const subject = Buffer.alloc(32, 9);

  test('spends a budget in a window, says when there is some again, and gives back', async () => {
    const { store, tenantId, now, at } = scene();
    const charge = (time: Date, amount?: number) =>
      store.budgets.charge(tenantId, budget, subject, time, amount);
    expect([await charge(now), await charge(now), await charge(now)]).toEqual([0, 0, 0]);
    const retryMs = await charge(at(1));
    expect(retryMs).toBeGreaterThan(0);
    expect(retryMs).toBeLessThanOrEqual(budget.windowMs * 2);
    await store.budgets.refund({ tenantId, name: budget.name, subject, uses: [now] });
    expect(await charge(at(2))).toBe(0);
    expect(await charge(at(100_000), 3)).toBe(0);
    expect(await charge(at(100_000), 4)).toBe(budget.windowMs);
  });

  test('gives back to the window in which it was counted, and not what that window no longer holds', async () => {
    const { store, tenantId, now, at } = scene();
    const charge = (time: Date, amount?: number) =>
      store.budgets.charge(tenantId, budget, subject, time, amount);
    const giveBack = (...uses: Date[]) =>
      store.budgets.refund({ tenantId, name: budget.name, subject, uses });
    const isFull = async (time: Date) => (await charge(time)) > 0;
    // Counted in the window before: it opens nothing for the failures of this one.
    await charge(now);
    await charge(at(budget.windowMs + 1), 3);
    await giveBack(now);
    await giveBack(now, now);
    expect(await isFull(at(budget.windowMs * 2))).toBe(true);
    // Nor what is older than both.
    await charge(at(budget.windowMs * 5), 3);
    await giveBack(now, at(budget.windowMs + 1));
    expect(await isFull(at(budget.windowMs * 5 + 1))).toBe(true);
    await giveBack(at(budget.windowMs * 5));
    expect(await isFull(at(budget.windowMs * 5 + 1))).toBe(false);
    expect(await isFull(at(budget.windowMs * 5 + 2))).toBe(true);
  });
});

overEveryStore('idempotency', (scene) => {
  test('one caller claims a key and stores its response; a crashed one loses the claim', async () => {
    const { store, tenantId, now, at } = scene();
    const digest = Buffer.alloc(32, 5);
    const requestDigest = Buffer.alloc(32, 6);
    const claimOf = (from: number) => ({
      tenantId,
      digest,
      requestDigest,
      leaseUntil: at(from + 10),
      expiresAt: at(from + 1000),
    });
    expect(await store.idempotency.claim(claimOf(0), now)).toBe(true);
    expect(await store.idempotency.claim(claimOf(1), at(1))).toBe(false);
    expect(await store.idempotency.claim(claimOf(11), at(11))).toBe(true);
    expect(await store.idempotency.complete(claimOf(0), 'late')).toBe(false);
    expect(await store.idempotency.complete(claimOf(11), 'answer')).toBe(true);
    expect(await store.idempotency.find(tenantId, digest)).toMatchObject({ answer: 'answer', requestDigest });
    await store.idempotency.release(claimOf(11));
    expect(await store.idempotency.find(tenantId, digest)).toMatchObject({ answer: 'answer' });
    expect(await store.idempotency.claim(claimOf(2000), at(2000))).toBe(true);
    await store.idempotency.release(claimOf(2000));
    expect(await store.idempotency.find(tenantId, digest)).toBeUndefined();
  });
});
