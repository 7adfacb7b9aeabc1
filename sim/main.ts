/**
 * The simulator from the command line.
 *   npm run sim -- --seeds 2000 [--from 1] [--workers 2]   many seeds, a table at the end
 *   npm run sim -- --seed 7 [--trace] [--all]              one seed, and what happened in it
 *   npm run sim -- --planted [--bug NAME] [--save]         bugs that must be found, and what finds them
 *   npm run sim -- --exhaustive [--states 1000000]         every interleaving of small scopes
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { slotOf } from '../protocol/slots.ts';
import { key } from '../protocol/words.ts';
import { exhaust } from './exhaustive/main.ts';
import { showPlanted } from './planted/show.ts';
import { runSeeds } from './pool.ts';
import { planOf } from './profile.ts';
import { run } from './run.ts';
import { addReport, createSummary, failureLines, summaryLines } from './summary.ts';

const { values } = parseArgs({
  allowPositionals: false,
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    workers: { type: 'string', default: '2' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
    key: { type: 'string' },
    exhaustive: { type: 'boolean', default: false },
    states: { type: 'string', default: '1000000' },
    planted: { type: 'boolean', default: false },
    bug: { type: 'string', default: '' },
    save: { type: 'boolean', default: false },
  },
});

if (values.seed !== undefined) showSeed(whole('seed', values.seed));
else if (values.exhaustive) {
  if (!exhaust(whole('states', values.states), console.log)) process.exitCode = 1;
} else if (values.planted) {
  const { bug, save } = values;
  if (!(await showPlanted({ name: bug, seeds: 0, workers: whole('workers', values.workers), save })))
    process.exitCode = 1;
} else
  await runMany(whole('seeds', values.seeds), whole('from', values.from), whole('workers', values.workers));

async function runMany(seeds: number, from: number, workers: number): Promise<void> {
  const summary = createSummary();
  const began = performance.now();
  const seconds = (): number => (performance.now() - began) / 1000;
  let toldAt = 0;
  await runSeeds({
    from,
    seeds,
    workers,
    twiceEvery: 50,
    onSeed(report) {
      addReport(summary, report);
      if (process.stderr.isTTY && seconds() - toldAt > 1) {
        toldAt = seconds();
        process.stderr.write(`\r${summary.seeds} of ${seeds} seeds, ${summary.failed.length} failed `);
      }
      return false;
    },
  });
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  console.log(summaryLines(summary, seconds(), workers).join('\n'));
  if (summary.failed.length === 0) return;
  console.log(`\n${failureLines(summary.failed, commit()).join('\n\n')}`);
  process.exitCode = 1;
}

/** One seed; with `--trace` every event of the slot that failed (or of `--key`), with `--all` those of all. */
function showSeed(seed: number): void {
  const plan = planOf(seed);
  const result = run(plan, { trace: values.trace });
  const wanted =
    values.key === undefined ? (result.violation?.slot ?? -1) : slotOf(key(values.key), plan.slots);
  for (const line of result.lines) {
    if (!values.all && (isNoise(line.text) || (wanted >= 0 && line.slot >= 0 && line.slot !== wanted)))
      continue;
    console.log(
      `${line.time.toFixed(2).padStart(10)}  ${line.slot < 0 ? '  ' : `s${line.slot}`}  ${line.text}`,
    );
  }
  console.log(
    `seed ${seed}, commit ${commit()}: ${result.operations} operations, ${(result.virtualMs / 1000).toFixed(1)} s, ${result.events} events, hash ${result.hash}`,
  );
  console.log(`faults: ${plan.faults.join(', ')}`);
  if (result.excuse !== '') console.log(`excused: ${result.excuse}`);
  if (result.violation === null) return;
  console.log(`${result.violation.rule}: ${result.violation.message}`);
  process.exitCode = 1;
}

/** Heartbeats and renewals that say nothing new. */
function isNoise(text: string): boolean {
  return (
    / heartbeat \d+ of \S+ holds \S+ reports $/.test(text) ||
    / grant of epoch \d+ for beat \d+: \d+ ms( admitted)?$/.test(text) ||
    / (lease|"kind":"clock")/.test(text)
  );
}

function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { encoding: 'utf8', cwd: import.meta.dirname }).trim();
  try {
    return (
      git('rev-parse', '--short', 'HEAD') +
      (git('status', '--porcelain', '--', '../protocol', '.') === '' ? '' : ' with changes')
    );
  } catch {
    return 'unknown';
  }
}

function whole(name: string, text: string): number {
  const n = Number(text);
  if (Number.isSafeInteger(n) && n >= 0) return n;
  console.error(`--${name} must be a whole number, not ${text}`);
  process.exit(2);
}
