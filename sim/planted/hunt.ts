/** Runs a planted bug over seeds until a check of the simulator catches it. */
import { runSeeds } from '../pool.ts';
import type { SeedReport } from '../summary.ts';
import type { PlantedBug } from './bug.ts';
import type { Patch } from './patch.ts';
import { profiles } from './profiles.ts';

/** Seeds after which a bug counts as not caught. */
export const seedsMax = 3000;

export interface Catch {
  /** The first seed in which the patched code fails and the code as it is does not. */
  readonly seed: number;
  /** How many seeds the hunt took. */
  readonly tried: number;
  /** Invariant or check that failed: I1 to I8, `core` for an invariant of the code itself, LIVENESS. */
  readonly check: string;
  readonly message: string;
}

export interface HuntOptions {
  readonly from?: number;
  readonly seeds?: number;
}

/** Null when no seed of the budget shows the bug. @throws whatever breaks outside of a run. */
export async function hunt(bug: PlantedBug, options: HuntOptions = {}): Promise<Catch | null> {
  const from = options.from ?? 1;
  const seeds = options.seeds ?? seedsMax;
  let next = from;
  while (next < from + seeds) {
    const failed = await firstFailure(bug, next, from + seeds - next);
    if (failed === null) return null;
    const { rule: check, message } = violationOf(failed);
    if (isVerdict(message) && (await isClean(bug, failed.seed)))
      return { seed: failed.seed, tried: failed.seed - from + 1, check, message };
    next = failed.seed + 1;
  }
  return null;
}

async function firstFailure(bug: PlantedBug, from: number, seeds: number): Promise<SeedReport | null> {
  return failing(bug, { name: bug.name, edits: bug.edits }, from, seeds);
}

/** The first seed that fails with a patch, or without any. */
async function failing(
  bug: PlantedBug,
  patch: Patch | undefined,
  from: number,
  seeds: number,
): Promise<SeedReport | null> {
  const found: { report: SeedReport | null } = { report: null };
  await runSeeds({
    from,
    seeds,
    // One worker, so that seeds come in their order and the first is the same each time.
    workers: 1,
    patch,
    change: profiles[bug.profile],
    onSeed(report) {
      if (report.violation !== null) found.report = report;
      return report.violation !== null;
    },
  });
  return found.report;
}

/** A search that ended without a verdict fails a run, but it shows nothing. */
const isVerdict = (message: string): boolean => !message.includes('no verdict on');

const isClean = async (bug: PlantedBug, seed: number): Promise<boolean> =>
  (await failing(bug, undefined, seed, 1)) === null;

function violationOf(report: SeedReport): { rule: string; message: string } {
  if (report.violation === null) throw new Error(`seed ${report.seed} has no violation`);
  return report.violation;
}
