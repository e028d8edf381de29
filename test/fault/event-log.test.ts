import { expect, test } from 'vitest';
import { migrate } from '../../src/store/migrate.ts';
import { createTestDatabase } from '../support/database.ts';
import { runEventStorm } from '../support/event-storm.ts';
import { tell } from '../support/figures.ts';

/** Events of a run; `npm run test:fault` writes 100,000. */
const count = process.env['FAULT_SECONDS'] === undefined ? 6000 : 100_000;

test('readers see every event once and in order, whatever happens to sequencers, readers and commits', async () => {
  const database = await createTestDatabase();
  const urls = [database.url];
  await migrate(database.url);
  const report = await runEventStorm({ writerUrls: urls, sequencerUrls: urls, readerUrls: urls, count });
  tell('a storm of events', report);
  expect(report.written).toBeGreaterThanOrEqual(count);
  expect(report.killed).toBeGreaterThan(0);
  expect(report.frozen).toBeGreaterThan(0);
  expect(report.readerRestarts).toBeGreaterThan(0);
  await database.drop();
}, 1_200_000);
