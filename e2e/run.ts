/**
 * `npm run e2e`: the stories on a real Kubernetes cluster, from the image to the verdict. Takes the cluster of
 * KUBECONFIG, else makes one with kind; otherwise it says what is missing. docs/testing-on-kubernetes.md tells more.
 *   npm run e2e -- [--short] [--keep] [--no-build] [-t TITLE]
 */
import { spawn } from 'node:child_process';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root, settings } from './harness/settings.ts';
import { findCluster } from './setup/cluster.ts';
import { buildImages, loadImages } from './setup/images.ts';
import { installOperator, removeOperator } from './setup/operator.ts';

const { values } = parseArgs({
  options: {
    /** The stories of every run; the others take longer. */
    short: { type: 'boolean', default: false },
    /** Leaves the operator and the clusters where they are. */
    keep: { type: 'boolean', default: false },
    /** Takes the images that the cluster has. */
    'no-build': { type: 'boolean', default: false },
    /** Only stories whose title holds this. */
    title: { type: 'string', short: 't' },
  },
});

const began = performance.now();
const say = (text: string): void =>
  console.error(`e2e: ${((performance.now() - began) / 1000).toFixed(0)} s: ${text}`);

let total = { passed: 0, failed: 0, skipped: 0 };
try {
  await rm(settings.out, { recursive: true, force: true });
  await mkdir(settings.out, { recursive: true });
  const cluster = await findCluster(say);
  process.env.KUBECONFIG = cluster.kubeconfig;
  const images = await buildImages(!values['no-build'], say);
  if (!values['no-build']) await loadImages(images, cluster, say);
  Object.assign(process.env, {
    E2E_IMAGE: images.image,
    E2E_NEXT_IMAGE: images.next,
    E2E_LOAD_IMAGE: images.load,
    E2E_SHORT: String(values.short),
  });
  await installOperator(images.image, say);
  total = await tellStories();
  if (!values.keep) {
    await removeOperator(say);
    await cluster.remove();
  }
} catch (error) {
  console.error(`e2e: ${(error as Error).message}`);
  total.failed++;
}
const { passed, failed, skipped } = total;
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed === 0 ? 0 : 1;

async function tellStories(): Promise<typeof total> {
  const report = join(settings.out, 'vitest.json');
  const args = [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    `--config=${join(root, 'e2e/vitest.config.ts')}`,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...(values.title === undefined ? [] : [`--testNamePattern=${values.title}`]),
  ];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const code = await new Promise<number>((ended) => child.on('close', (status) => ended(status ?? 1)));
  await printTable();
  const told = JSON.parse(await readFile(report, 'utf8')) as {
    numPassedTests: number;
    numFailedTests: number;
    numPendingTests: number;
  };
  // A file that cannot be loaded fails the run without failing a story.
  const failed = code === 0 ? told.numFailedTests : Math.max(1, told.numFailedTests);
  return { passed: told.numPassedTests, failed, skipped: told.numPendingTests };
}

async function printTable(): Promise<void> {
  const lines = (await readFile(join(settings.out, 'stories.jsonl'), 'utf8').catch(() => ''))
    .trim()
    .split('\n');
  console.log(`\nstory                                                              seconds  figures`);
  for (const line of lines.filter(Boolean)) {
    const { title, ok, seconds, notes } = JSON.parse(line) as {
      title: string;
      ok: boolean;
      seconds: number;
      notes: string[];
    };
    console.log(
      `${(ok ? '' : 'FAILED ').concat(title).padEnd(66)} ${seconds.toFixed(1).padStart(7)}  ${notes.join(', ')}`,
    );
  }
  console.log('');
}
