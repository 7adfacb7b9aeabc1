/**
 * Every check of the repository, in order, each one to its end: `npm test`.
 * The last line counts them all: a step is one check, except vitest, which counts its tests.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

type Step = { name: string; command: readonly [string, ...string[]]; show?: 'always'; counts?: string };
type Count = { passed: number; failed: number; skipped: number };
type Outcome = { name: string; seconds: number } & Count;

const root = join(import.meta.dirname, '..');
const bin = join(root, 'node_modules', '.bin');
const scratch = mkdtempSync(join(tmpdir(), 'chaincluster-test-'));
const report = join(scratch, 'vitest.json');

const steps: readonly Step[] = [
  { name: 'format and lint', command: ['biome', 'check', '--error-on-warnings'] },
  { name: 'types', command: ['tsc', '--noEmit'] },
  { name: 'promises and switches', command: ['eslint', '--max-warnings=0', '.'] },
  { name: 'arrows between folders', command: ['depcruise', '--config', '.dependency-cruiser.cjs', '.'] },
  { name: 'nothing unused', command: ['knip', '--no-progress'] },
  {
    name: 'tests',
    command: ['vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    show: 'always',
    counts: report,
  },
];

const outcomes: Outcome[] = [];
try {
  for (const step of steps) outcomes.push(await run(step));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
printTable(outcomes);
const total = outcomes.reduce(add, { passed: 0, failed: 0, skipped: 0 });
console.log(
  `${total.passed} passed, ${total.failed} failed${total.skipped ? `, ${total.skipped} skipped` : ''}`,
);
process.exitCode = total.failed === 0 ? 0 : 1;

/** Runs one step. Its output shows when it fails; a step that takes long shows it always, as it comes. */
async function run(step: Step): Promise<Outcome> {
  console.log(`- ${step.name}: ${step.command.map((word) => word.replace(scratch, '…')).join(' ')}`);
  const [tool, ...args] = step.command;
  const started = performance.now();
  const child = spawn(join(bin, tool), args, {
    cwd: root,
    // The tools start with `#!/usr/bin/env node`, and node_modules/.bin has Node 24.
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` },
    stdio: step.show === 'always' ? 'inherit' : ['ignore', 'pipe', 'pipe'],
  });
  const output: Buffer[] = [];
  child.stdout?.on('data', (data: Buffer) => output.push(data));
  child.stderr?.on('data', (data: Buffer) => output.push(data));
  const exit = await new Promise<string | undefined>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(code === 0 ? undefined : `exit ${signal ?? code}`));
  });
  if (exit !== undefined)
    console.error(`${Buffer.concat(output).toString()}\n  ${step.name} failed: ${exit}\n`);
  const seconds = (performance.now() - started) / 1000;
  return { name: step.name, seconds, ...count(step, exit === undefined) };
}

/** What vitest's JSON report says, as far as it is read here. */
type Report = {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { status: string; assertionResults: { status: string }[] }[];
};

function count(step: Step, ok: boolean): Count {
  if (step.counts === undefined) return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
  let tests: Report;
  try {
    tests = JSON.parse(readFileSync(step.counts, 'utf8'));
  } catch {
    console.error(`  ${step.name} failed: it left no report\n`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  // A file that cannot be loaded, or an error outside a test, fails the run without failing a test.
  const failed = tests.numFailedTests + tests.testResults.filter(failedAsWhole).length;
  return {
    passed: tests.numPassedTests,
    failed: ok ? failed : Math.max(1, failed),
    skipped: tests.numPendingTests + tests.numTodoTests,
  };
}

function failedAsWhole(file: Report['testResults'][number]): boolean {
  return file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed');
}

function add(sum: Count, one: Count): Count {
  return {
    passed: sum.passed + one.passed,
    failed: sum.failed + one.failed,
    skipped: sum.skipped + one.skipped,
  };
}

function printTable(rows: readonly Outcome[]): void {
  const width = Math.max(...rows.map((row) => row.name.length));
  console.log(`\n${'step'.padEnd(width)}   seconds   passed   failed   skipped`);
  for (const row of rows) {
    const cells = [row.seconds.toFixed(1).padStart(7), row.passed, row.failed, row.skipped];
    const [seconds, passed, failed, skipped] = cells.map(String);
    console.log(
      `${row.name.padEnd(width)}   ${seconds}   ${passed?.padStart(6)}   ${failed?.padStart(6)}   ${skipped?.padStart(7)}`,
    );
  }
  console.log('');
}
