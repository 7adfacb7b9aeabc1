/**
 * The simulator finds every planted bug. Each hunt begins at the seed that found the bug last (`npm run sim -- --planted
 * --save` keeps them); when the source has changed so much that it does not any more, the whole search is run.
 */
import { describe, expect, it } from 'vitest';
import { plantedBugs } from './bugs.ts';
import { hunt } from './hunt.ts';
import { knownSeeds } from './show.ts';

const known = knownSeeds();
const minutes = 60_000;

describe('the simulator', () => {
  it('is given many bugs', () => {
    expect(plantedBugs.length).toBeGreaterThanOrEqual(36);
  });

  it.concurrent.each(plantedBugs)(
    'finds $name ($rule)',
    async (bug) => {
      const seed = known[bug.name];
      const first = seed === undefined ? null : await hunt(bug, { from: seed, seeds: 1 });
      expect(first ?? (await hunt(bug))).not.toBeNull();
    },
    20 * minutes,
  );
});
