/** The simulator from the command line: `npm run sim -- --help`. */
import { execFileSync } from 'node:child_process';
import { Command } from 'commander';
import { slotOf } from '../protocol/slots.ts';
import { key } from '../protocol/words.ts';
import { whole } from './arguments.ts';
import { exhaust } from './exhaustive/main.ts';
import { showPlanted } from './planted/show.ts';
import { runSeeds } from './pool.ts';
import { planOf } from './profile.ts';
import { run } from './run.ts';
import { addReport, createSummary, failureLines, summaryLines } from './summary.ts';

interface Options {
  readonly seeds: number;
  readonly from: number;
  readonly workers: number;
  readonly seed?: number;
  readonly trace: boolean;
  readonly all: boolean;
  readonly key?: string;
  readonly planted: boolean;
  readonly bug: string;
  readonly save: boolean;
  readonly exhaustive: boolean;
  readonly states: number;
}

const values = new Command('npm run sim --')
  .description(
    'Runs the cores of nodes, coordinators and clients in a simulated world, and checks every answer.',
  )
  .option('--seeds <n>', 'many seeds, a table at the end', whole(1), 200)
  .option('--from <n>', 'the first of them', whole(), 1)
  .option('--workers <n>', 'threads', whole(1), 2)
  .option('--seed <n>', 'one seed', whole())
  .option('--trace', 'what happened in it, of the slot that failed', false)
  .option('--all', 'of every slot, heartbeats included', false)
  .option('--key <key>', 'of the slot of this key')
  .option('--planted', 'plants bugs, each of which must be found', false)
  .option('--bug <name>', 'this one only', '')
  .option('--save', 'keeps the seeds that found them', false)
  .option('--exhaustive', 'every interleaving of small scopes', false)
  .option('--states <n>', 'at most so many of them', whole(1), 1_000_000)
  .addHelpText('after', '\nExample: npm run sim -- --seed 859 --trace')
  .parse()
  .opts<Options>();

if (values.seed !== undefined) showSeed(values.seed);
else if (values.exhaustive) {
  if (!exhaust(values.states, console.log)) process.exitCode = 1;
} else if (values.planted) {
  const { bug, save } = values;
  if (!(await showPlanted({ name: bug, workers: values.workers, save }))) process.exitCode = 1;
} else await runMany(values.seeds, values.from, values.workers);

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
