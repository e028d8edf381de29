import { defineConfig } from 'vitest/config';

// An upgrade from an older version, under load: `npm run test:upgrade`, in a clone with its history. It takes minutes,
// because the older version is installed first.
export default defineConfig({
  test: {
    include: ['test/upgrade/upgrade.ts'],
    testTimeout: 900_000,
    hookTimeout: 600_000,
  },
});
