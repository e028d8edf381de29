import { afterEach, expect, test, vi } from 'vitest';
import { createApplicationDirectory } from '../../src/server/application-directory.ts';
import { createDirectoryChanges } from '../../src/server/directory-changes.ts';

afterEach(() => vi.restoreAllMocks());

/** A directory over a list that counts its readings, with a clock of the caches that the test moves. */
function startDirectory() {
  const origins: string[] = [];
  const list = vi.fn(async () => [{ settings: { enabled: true, origins, serves: [] } }]);
  let nowMs = 1;
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
  const directory = createApplicationDirectory(
    { applications: { list } } as never,
    async () => undefined,
    createDirectoryChanges(async () => []),
    () => new Date(),
  );
  const advance = async (ms: number) => {
    nowMs += ms;
    // The cache keeps what the clock said for a millisecond.
    await new Promise((resolve) => setTimeout(resolve, 5));
  };
  return { origins, list, advance, knows: (origin: string) => directory.hasOrigin('tenant', origin) };
}

test('the origin of a new application is accepted a second after another reading', async () => {
  const { origins, advance, knows } = startDirectory();
  expect(await knows('https://new.example')).toBe(false);
  origins.push('https://new.example');
  await advance(1000);
  expect(await knows('https://new.example')).toBe(true);
});

test('origins that no application has cause one reading a second', async () => {
  const { list, advance, knows } = startDirectory();
  for (let call = 0; call < 100; call += 1) expect(await knows(`https://${call}.example`)).toBe(false);
  expect(list).toHaveBeenCalledTimes(1);
  await advance(1000);
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, call) => knows(`https://${call}.example`)),
  );
  expect(answers).not.toContain(true);
  expect(list).toHaveBeenCalledTimes(2);
});
