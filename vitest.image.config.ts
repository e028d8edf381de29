import { defineConfig } from 'vitest/config';

// The image, built and run: `npm run test:image`, as root, on Debian.
export default defineConfig({
  test: {
    include: ['test/deploy/image.ts'],
    testTimeout: 120_000,
    hookTimeout: 1_200_000,
  },
});
