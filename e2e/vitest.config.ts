import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** One story after the other, in the order of the files' names: the first one makes the cluster that the others use. */
class ByName extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return [...files].sort((a, b) => a.moduleId.localeCompare(b.moduleId));
  }
}

// biome-ignore lint/style/noDefaultExport: vitest reads it so
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['{containers,stories}/*.e2e.ts'],
    pool: 'forks',
    fileParallelism: false,
    maxWorkers: 1,
    sequence: { concurrent: false, shuffle: false, sequencer: ByName },
    hookTimeout: 300_000,
    disableConsoleIntercept: true,
  },
});
