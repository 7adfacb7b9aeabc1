import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    // The stories of e2e need a cluster; e2e/run.ts runs them.
    exclude: ['**/node_modules/**', 'e2e/**'],
    // A process per file: stores hold native handles, and a test may end its process.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
