import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // One private database server for the run; every file has a database of its own.
    globalSetup: ['test/support/global-setup.ts'],
    // Two slow cores: more files at a time only make each of them slower.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
