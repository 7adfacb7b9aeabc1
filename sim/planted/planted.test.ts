/**
 * The simulator finds planted bugs. Each hunt begins at the seed that found the bug last (`npm run sim -- --planted --save`
 * keeps them); when the source has changed so much that it does not any more, the whole search is run. Bugs that take long
 * to find and have no seed yet are left to the command.
 */
import { describe, expect, it } from 'vitest';
import { plantedBugs } from './bugs.ts';
import { hunt } from './hunt.ts';
import { knownSeeds } from './show.ts';

const known = knownSeeds();
const hunted = plantedBugs.filter((bug) => known[bug.name] !== undefined);
const minutes = 60_000;

describe('the simulator', () => {
  it('is given many bugs', () => {
    expect(plantedBugs.length).toBeGreaterThanOrEqual(80);
    expect(hunted.length).toBeGreaterThanOrEqual(36);
  });

  it.concurrent.each(hunted)(
    'finds $name ($rule)',
    async (bug) => {
      const first = await hunt(bug, { from: known[bug.name] as number, seeds: 1 });
      expect(first ?? (await hunt(bug))).not.toBeNull();
    },
    20 * minutes,
  );
});
