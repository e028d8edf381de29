import { defineConfig } from 'vitest/config';

// What needs more of a machine than every run may ask for: `npm run test:cluster`.
export default defineConfig({
  test: { include: ['test/cluster/*.cluster.ts'], maxWorkers: 1, hookTimeout: 600_000 },
});
