/** One worker thread: runs the seeds that it is sent and tells what came of them. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Plan } from './plan.ts';
import type { Patch } from './planted/patch.ts';
import type { SeedReport } from './summary.ts';

export interface WorkerJob {
  /** A planted bug: applied to the source before it is loaded. */
  readonly patch: Patch | null;
}

export interface Order {
  readonly seeds: readonly number[];
  readonly change: Partial<Plan>;
  /** Seeds that this number divides run twice and must be the same; 0 = none. */
  readonly twiceEvery: number;
}

const { patch } = workerData as WorkerJob;
if (patch !== null) {
  const { applyPatch } = await import('./planted/patch.ts');
  applyPatch(patch);
}
// After the patch: what is imported from here on is what it changed.
const { run } = await import('./run.ts');
const { planOf } = await import('./profile.ts');

parentPort?.on('message', ({ seeds, change, twiceEvery }: Order) => {
  for (const seed of seeds) {
    const twice = twiceEvery > 0 && seed % twiceEvery === 0;
    parentPort?.postMessage(runSeed(seed, change, twice));
  }
  parentPort?.postMessage('done');
});

function runSeed(seed: number, change: Partial<Plan>, twice: boolean): SeedReport {
  const r = run(planOf(seed, change));
  const again = twice ? run(planOf(seed, change)).hash : r.hash;
  const { violation, excuse, operations, answered, virtualMs, events, hash } = r;
  return {
    seed,
    violation,
    excuse,
    operations,
    answered,
    virtualMs,
    events,
    effective: [...r.effective],
    pairs: [...r.pairs],
    hash,
    diverged: again !== hash,
  };
}
