/** Runs a planted bug over seeds, or tells its story, until a check catches it. */
import { EndlessRun, runSeeds } from '../pool.ts';
import type { PlantedBug } from './bug.ts';
import type { Patch } from './patch.ts';
import { type ProfileName, profiles } from './profiles.ts';
import { failingStory } from './told.ts';

/** What a run says that has no end. */
const tooMany = 'has more than';

/** Seeds after which a bug counts as not caught. */
const seedsMax = 3000;
/** Time after which it does, and time that one seed may take. */
const huntMs = 300_000;
const silentMs = 60_000;

export interface Catch {
  /** The first seed in which the patched code fails and the code as it is does not; null = a story caught it. */
  readonly seed: number | null;
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

/** The hunt as it is meant to be: it begins with the seed that caught the bug last, if one was kept. */
export async function huntFromKept(bug: PlantedBug, kept: number | undefined): Promise<Catch | null> {
  if (kept === undefined || typeof bug.shows !== 'string') return hunt(bug);
  return (await hunt(bug, { from: kept, seeds: 1 })) ?? hunt(bug);
}

/** Null when no seed of the budget shows the bug, nor its story. @throws whatever breaks outside of a run. */
export async function hunt(bug: PlantedBug, options: HuntOptions = {}): Promise<Catch | null> {
  if (typeof bug.shows === 'string') return huntSeeds(bug, bug.shows, options);
  const message = await failingStory(bug, bug.shows.story);
  return message === null ? null : { seed: null, check: 'story', message };
}

async function huntSeeds(bug: PlantedBug, profile: ProfileName, options: HuntOptions): Promise<Catch | null> {
  const from = options.from ?? 1;
  const seeds = options.seeds ?? seedsMax;
  const until = performance.now() + huntMs;
  let next = from;
  while (next < from + seeds && performance.now() < until) {
    const failed = await failing(profile, bug, next, from + seeds - next, until);
    if (failed === null) return null;
    const { seed, check, message } = failed;
    if (isVerdict(failed) && (await isClean(profile, seed))) return { seed, check, message };
    next = seed + 1;
  }
  return null;
}

/** The first seed that fails with a patch, or without any; null also when the time is over. */
async function failing(
  profile: ProfileName,
  patch: Patch | undefined,
  from: number,
  seeds: number,
  until = Number.POSITIVE_INFINITY,
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
      silentMs,
      onSeed({ seed, violation }) {
        found.last = seed;
        if (violation !== null) found.failure = { seed, check: violation.rule, message: violation.message };
        return violation !== null || performance.now() > until;
      },
    });
  } catch (error) {
    // What the simulated disk refuses ends the run, and the worker: it was at the seed after the last one told.
    const { stack, message } = error as Error;
    if (error instanceof EndlessRun || message.includes(tooMany))
      return { seed: found.last + 1, check: endless, message };
    if (stack?.includes('InvariantBroken') !== true) throw error;
    return { seed: found.last + 1, check: 'disk', message };
  }
  return found.failure;
}

const endless = 'endless';

/** A search that ended without a verdict fails a run, and so does one without an end, but they show nothing. */
const isVerdict = ({ check, message }: Failure): boolean =>
  check !== endless && !message.includes('no verdict on');

const isClean = async (profile: ProfileName, seed: number): Promise<boolean> =>
  (await failing(profile, undefined, seed, 1)) === null;
