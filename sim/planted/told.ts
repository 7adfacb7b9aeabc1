/** Tells the scripted story of a rule with a planted bug in the code, and looks whether its end is another one. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createVitest } from 'vitest/node';
import { type Patch, patched, patchedFile } from './patch.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const stories = new URL('../stories/', import.meta.url);

/** The files that name a rule: to load the others for each bug would cost most of the time. */
function filesOf(story: string): string[] {
  const names = readdirSync(stories).filter((f) => f.endsWith('.test.ts'));
  const named = new RegExp(`\\b${story}\\b`);
  return names
    .filter((f) => named.test(readFileSync(new URL(f, stories), 'utf8')))
    .map((f) => `sim/stories/${f}`);
}

/** Taken once: of stories told side by side, one would take the code that another has just set. */
const { exitCode } = process;

/**
 * The test that fails and what it says; null when the story ends as it should in spite of the patch.
 * @throws Error when the patch does not fit, when there is no such story, or when it can't be told at all.
 */
export async function failingStory(patch: Patch, story: string): Promise<string | null> {
  for (const edit of patch.edits) patchedFile(edit);
  const include = filesOf(story);
  if (include.length === 0) throw new Error(`no story of sim/stories names ${story}`);
  const vitest = await createVitest(
    {
      root,
      config: false,
      watch: false,
      // What is kept from one run for the next does not know of the patch.
      fsModuleCache: false,
      cache: false,
      include,
      testNamePattern: `\\b${story}\\b`,
      // A bug may make a story go round in circles.
      testTimeout: 10_000,
      pool: 'threads',
      maxWorkers: 1,
      reporters: [{}],
    },
    { logLevel: 'silent', plugins: [planted(patch)] },
  );
  try {
    await vitest.start();
    const modules = vitest.state.getTestModules();
    const broken = modules.flatMap((m) => m.errors())[0];
    if (broken !== undefined) throw new Error(`the story of ${story} was not told: ${broken.message}`);
    const told = modules
      .flatMap((m) => [...m.children.allTests()])
      .filter((t) => t.result().state !== 'skipped');
    if (told.length === 0) throw new Error(`no story of sim/stories names ${story}`);
    const failed = told.find((t) => t.result().state === 'failed');
    return failed === undefined ? null : `${failed.name}: ${failed.result().errors?.[0]?.message ?? ''}`;
  } finally {
    await vitest.close();
    // That a story fails is what is hoped for here.
    process.exitCode = exitCode;
  }
}

/** The patch as the tests' loader applies it. */
const planted = (patch: Patch) => ({
  name: 'planted',
  enforce: 'pre' as const,
  transform(source: string, id: string): string {
    return patch.edits.reduce((s, edit) => (id === root + edit.file ? patched(s, edit) : s), source);
  },
});
