import { defineConfig } from 'vitest/config';

// biome-ignore lint/style/noDefaultExport: vitest reads it so
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['stories/*.e2e.ts'],
    // One cluster, one story at a time, in the order of the files' names.
    pool: 'forks',
    fileParallelism: false,
    maxWorkers: 1,
    sequence: { concurrent: false, shuffle: false },
    hookTimeout: 300_000,
    disableConsoleIntercept: true,
  },
});
