/** Some hundred bits here; `npm run rot` turns ten thousand over. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRandom } from '../../sim/random.ts';
import { type Prepared, prepare, remove } from './folders.ts';
import { drawFlips, type Flipped, Rot } from './rot.ts';

let prepared: Prepared;
beforeAll(async () => {
  prepared = await prepare();
}, 120_000);
afterAll(() => remove(prepared.folder));

test('a turned bit in any file of a node gives no wrong answer and no silent loss', {
  timeout: 300_000,
}, async () => {
  const rot = new Rot(prepared, 'n2');
  const flipped: Flipped[] = [];
  for (const flip of await drawFlips(createRandom(3), rot.folder, 300)) flipped.push(await rot.flip(flip));
  expect(flipped.filter(({ kind }) => kind === 'lost' || kind === 'wrong')).toEqual([]);
  for (const kind of ['told', 'refused'] as const)
    expect(flipped.filter((each) => each.kind === kind).length).toBeGreaterThan(10);
});
