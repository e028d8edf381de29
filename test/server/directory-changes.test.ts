import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createDirectoryCache } from '../../src/server/directory-cache.ts';
import { createDirectoryChanges } from '../../src/server/directory-changes.ts';

let nowMs = 0;
beforeEach(() => {
  nowMs = 1_000_000;
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
});
afterEach(() => vi.restoreAllMocks());

/** A directory whose database answers with what the test puts into `changed`, or not at all. */
function startDirectory() {
  const answer = { changed: [] as string[], isDown: false };
  const changes = createDirectoryChanges(async () => {
    if (answer.isDown) throw new Error('down');
    return answer.changed;
  });
  /** Lets time pass, with a question each second. */
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second += 1) {
      nowMs += 1000;
      await changes.ask().catch(() => {});
    }
  };
  return { answer, changes, pass };
}

test('data of a tenant is valid for five seconds while the database does not answer', async () => {
  const { answer, changes, pass } = startDirectory();
  answer.isDown = true;
  const readAtMs = nowMs;
  await pass(4);
  expect(changes.isCurrent('a', readAtMs)).toBe(true);
  await pass(1);
  expect(changes.isCurrent('a', readAtMs)).toBe(false);
});

test('data that has not changed is valid for five minutes and then read again', async () => {
  const { changes, pass } = startDirectory();
  await pass(1);
  const readAtMs = nowMs;
  await pass(299);
  expect(changes.isCurrent('a', readAtMs)).toBe(true);
  await pass(1);
  expect(changes.isCurrent('a', readAtMs)).toBe(false);
});

test('what has changed is read again, and for as long as it is named', async () => {
  const { answer, changes, pass } = startDirectory();
  await pass(1);
  const readAtMs = nowMs;
  answer.changed = ['a'];
  await pass(1);
  expect(changes.isCurrent('a', readAtMs)).toBe(false);
  expect(changes.isCurrent('b', readAtMs)).toBe(true);
  // A read that started just now may have missed a transaction that has committed since.
  const again = nowMs + 1;
  await pass(1);
  expect(changes.isCurrent('a', again)).toBe(false);
  answer.changed = [];
  const last = nowMs + 1;
  await pass(60);
  expect(changes.isCurrent('a', last)).toBe(true);
});

test('an entry without a tenant is valid for five seconds', async () => {
  const { changes, pass } = startDirectory();
  await pass(1);
  const readAtMs = nowMs;
  await pass(5);
  expect(changes.isCurrent(undefined, readAtMs)).toBe(false);
});

test('after an outage everything is read anew', async () => {
  const { answer, changes, pass } = startDirectory();
  await pass(1);
  const readAtMs = nowMs;
  answer.isDown = true;
  await pass(20);
  expect(changes.isCurrent('a', readAtMs)).toBe(false);
  answer.isDown = false;
  await pass(1);
  expect(changes.isCurrent('a', readAtMs)).toBe(false);
  const since = nowMs;
  await pass(60);
  expect(changes.isCurrent('a', since)).toBe(true);
});

test('more changes at once than are listed stand for all tenants', async () => {
  const { answer, changes, pass } = startDirectory();
  await pass(1);
  const readAtMs = nowMs;
  answer.changed = Array.from({ length: 1001 }, (_, number) => `tenant ${number}`);
  await pass(6);
  expect(changes.isCurrent('another', readAtMs)).toBe(false);
});

test('a question that has no answer yet is not asked twice', async () => {
  const list = vi.fn(() => new Promise<string[]>(() => {}));
  const changes = createDirectoryChanges(list);
  expect(changes.ask()).toBe(changes.ask());
  expect(list).toHaveBeenCalledTimes(1);
});

test('a value is read once for any number of callers, and again when its tenant has changed or it has ended', async () => {
  const { answer, changes, pass } = startDirectory();
  const read = vi.fn(async (key: string) => ({ tenantId: key, end: new Date(60_000) }));
  let now = new Date(0);
  const cache = createDirectoryCache({
    read,
    changes,
    clock: () => now,
    tenantOf: ({ tenantId }) => tenantId,
    endOf: ({ end }) => end,
  });
  await pass(1);
  await Promise.all(Array.from({ length: 50 }, () => cache.find('a')));
  await pass(30);
  await cache.find('a');
  expect(read).toHaveBeenCalledTimes(1);
  answer.changed = ['a'];
  await pass(1);
  await Promise.all(Array.from({ length: 50 }, () => cache.find('a')));
  expect(read).toHaveBeenCalledTimes(2);
  answer.changed = [];
  await pass(1);
  await cache.find('a');
  now = new Date(60_000);
  const before = read.mock.calls.length;
  await cache.find('a');
  expect(read).toHaveBeenCalledTimes(before + 1);
});

test('whoever waits for a value gets it, also where it is forgotten or displaced meanwhile; what is asked for afresh is read anew', async () => {
  const { changes } = startDirectory();
  const reads: PromiseWithResolvers<string>[] = [];
  const cache = createDirectoryCache({
    read: (_: string) => {
      const read = Promise.withResolvers<string>();
      reads.push(read);
      return read.promise;
    },
    changes,
    clock: () => new Date(0),
    tenantOf: (_, key) => key,
    max: 2,
  });
  const forgotten = cache.find('a');
  cache.forget('a');
  const displaced = [cache.find('b'), cache.find('c'), cache.find('d')];
  const afresh = [cache.find('d', true), cache.find('d', true)];
  for (const [index, { resolve }] of reads.entries()) resolve(`${index}`);
  expect(await forgotten).toBe('0');
  expect(await Promise.all(displaced)).toEqual(['1', '2', '3']);
  await expect.poll(() => reads.length).toBe(5);
  const others = cache.find('d', true);
  reads[4]?.resolve('4');
  expect(await Promise.all(afresh)).toEqual(['4', '4']);
  await expect.poll(() => reads.length).toBe(6);
  reads[5]?.resolve('5');
  expect(await others).toBe('5');
  expect(await cache.find('d')).toBe('5');
  // What was forgotten while it was read is not kept.
  void cache.find('a');
  expect(reads).toHaveLength(7);
});
