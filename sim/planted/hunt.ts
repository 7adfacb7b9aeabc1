/** Runs a planted bug over seeds, or tells its story, until a check catches it. */
import { runSeeds } from '../pool.ts';
import type { PlantedBug } from './bug.ts';
import type { Patch } from './patch.ts';
import { type ProfileName, profiles } from './profiles.ts';
import { failingStory } from './told.ts';

/** Seeds after which a bug counts as not caught. */
export const seedsMax = 3000;

export interface Catch {
  /** The first seed in which the patched code fails and the code as it is does not; null = a story caught it. */
  readonly seed: number | null;
  /** How many seeds the hunt took, 0 when a story caught it. */
  readonly tried: number;
  /**
   * Invariant or check that failed: I1 to I8, `core` for one of the code itself, `disk` for one of the simulated disk,
   * `story` for a scripted one.
   */
  readonly check: string;
  readonly message: string;
}

export interface HuntOptions {
  readonly from?: number;
  readonly seeds?: number;
}

interface Failure {
  readonly seed: number;
  readonly check: string;
  readonly message: string;
}

/** Null when no seed of the budget shows the bug, nor its story. @throws whatever breaks outside of a run. */
export async function hunt(bug: PlantedBug, options: HuntOptions = {}): Promise<Catch | null> {
  if (typeof bug.shows === 'string') return huntSeeds(bug, bug.shows, options);
  const message = await failingStory(bug, bug.shows.story);
  return message === null ? null : { seed: null, tried: 0, check: 'story', message };
}

async function huntSeeds(bug: PlantedBug, profile: ProfileName, options: HuntOptions): Promise<Catch | null> {
  const from = options.from ?? 1;
  const seeds = options.seeds ?? seedsMax;
  let next = from;
  while (next < from + seeds) {
    const failed = await failing(profile, bug, next, from + seeds - next);
    if (failed === null) return null;
    const { check, message } = failed;
    if (isVerdict(message) && (await isClean(profile, failed.seed)))
      return { seed: failed.seed, tried: failed.seed - from + 1, check, message };
    next = failed.seed + 1;
  }
  return null;
}

/** The first seed that fails with a patch, or without any. */
async function failing(
  profile: ProfileName,
  patch: Patch | undefined,
  from: number,
  seeds: number,
): Promise<Failure | null> {
  const found: { failure: Failure | null; last: number } = { failure: null, last: from - 1 };
  try {
    await runSeeds({
      from,
      seeds,
      // One worker, so that seeds come in their order and the first is the same each time.
      workers: 1,
      patch,
      change: profiles[profile],
      onSeed({ seed, violation }) {
        found.last = seed;
        if (violation !== null) found.failure = { seed, check: violation.rule, message: violation.message };
        return violation !== null;
      },
    });
  } catch (error) {
    // What the simulated disk refuses ends the run, and the worker: it was at the seed after the last one told.
    const { stack, message } = error as Error;
    if (stack?.includes('InvariantBroken') !== true) throw error;
    return { seed: found.last + 1, check: 'disk', message };
  }
  return found.failure;
}

/** A search that ended without a verdict fails a run, but it shows nothing. */
const isVerdict = (message: string): boolean => !message.includes('no verdict on');

const isClean = async (profile: ProfileName, seed: number): Promise<boolean> =>
  (await failing(profile, undefined, seed, 1)) === null;
