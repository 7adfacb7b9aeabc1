/**
 * The simulator finds planted bugs. Each hunt begins at the seed that found the bug last (`npm run sim -- --planted --save`
 * keeps them); when the source has changed so much that it does not any more, the whole search is run.
 */
import { describe, expect, it } from 'vitest';
import { edit } from './bug.ts';
import { plantedBugs } from './bugs.ts';
import { huntFromKept } from './hunt.ts';
import { knownSeeds } from './show.ts';
import { failingStory } from './told.ts';

const known = knownSeeds();
const minutes = 60_000;

describe('the simulator', () => {
  it('is given many bugs', () => {
    expect(plantedBugs.length).toBeGreaterThanOrEqual(150);
    expect(Object.keys(known).length).toBeGreaterThanOrEqual(60);
  });

  it.concurrent.each(plantedBugs)(
    'finds $name ($rule)',
    async (bug) => {
      expect(await huntFromKept(bug, known[bug.name])).not.toBeNull();
    },
    20 * minutes,
  );

  it('says when a story or the text to patch is not there', async () => {
    await expect(failingStory({ name: 'none', edits: [] }, 'R999')).rejects.toThrow('names R999');
    const edits = [edit('replica/chain.ts', 'this is not there', '')];
    await expect(failingStory({ name: 'none', edits }, 'R1')).rejects.toThrow('does not contain');
  });

  it('does not take a story that ends well for a bug that was found', async () => {
    expect(await failingStory({ name: 'none', edits: [] }, 'R1')).toBe(null);
  }, 60_000);
});
