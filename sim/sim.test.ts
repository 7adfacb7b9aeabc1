/** The simulator over the real cores: what every push must survive. `npm run sim` runs as many seeds as one likes. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { faultClasses } from './faults/classes.ts';
import { runSeeds } from './pool.ts';
import { planOf } from './profile.ts';
import { run } from './run.ts';
import { addReport, createSummary, failureLines } from './summary.ts';
import { tightLimits } from './tight.ts';

const seeds = 2000;

test(`${seeds} seeds keep every invariant`, { timeout: 900_000 }, async () => {
  const summary = createSummary();
  await runSeeds({
    from: 1,
    seeds,
    workers: 2,
    twiceEvery: 100,
    onSeed(report) {
      addReport(summary, report);
      return summary.failed.length >= 5;
    },
  });
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  expect(failureLines(summary.failed, commit).join('\n\n')).toBe('');
  expect(summary.seeds).toBe(seeds);
  // What no store can help may end a run early, but not many.
  expect(summary.excused.length).toBeLessThan(seeds / 50);
  // A run goes on until enough faults took effect, as long as its classes of faults find something to break.
  expect(summary.perSeed.filter((faults) => faults >= 10).length).toBeGreaterThanOrEqual(0.99 * seeds);
  for (const name of faultClasses)
    expect(summary.faults.get(name)?.seeds ?? 0, `seeds in which ${name} took effect`).toBeGreaterThanOrEqual(
      seeds / 100,
    );
  for (const name of tightLimits)
    expect(
      summary.faults.get(`limit ${name}`)?.seeds ?? 0,
      `seeds in which ${name} was reached`,
    ).toBeGreaterThanOrEqual(seeds / 200);
});

test('a run without faults answers everybody and ends whole', () => {
  for (let seed = 1; seed <= 20; seed++) {
    // Time enough also for those whose members are far apart.
    const plan = planOf(seed, { faults: [], durationMs: 60_000 });
    const result = run(plan);
    expect(result.violation).toBeNull();
    expect(result.excuse).toBe('');
    expect(result.operations).toBeGreaterThanOrEqual(plan.operations);
  }
});

test('a seed is the same run every time, with and without a trace', () => {
  const first = run(planOf(77));
  expect(run(planOf(77)).hash).toBe(first.hash);
  const traced = run(planOf(77), { trace: true });
  expect(traced.hash).toBe(first.hash);
  expect(traced.lines.length).toBeGreaterThan(1000);
  expect(run(planOf(78)).hash).not.toBe(first.hash);
});
