/** A minute of torture with every kind of fault that a minute has room for, in a fixed order. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createRandom } from '../sim/random.ts';
import { type FaultKind, planFaults, planMix } from './faults/plan.ts';
import { clean, torture } from './torture.ts';

const mix: readonly FaultKind[] = [
  'replace',
  'kill',
  'cut',
  'suspend',
  'late',
  'kill two',
  'one way',
  'half open',
  'kill all',
  'narrow',
  'isolate',
  'kill coordinator',
  'full disk',
  'replace',
];
const lastsMs = 60_000;
/** Of the 600 that are tried. Below it too little happened between the faults; above it a slow machine fails no test. */
const acknowledgedPerSecondMin = 10;
const seed = 20;

test('a minute of torture loses nothing and answers nothing wrong', { timeout: 600_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'chaincluster-torture-'));
  const said: string[] = [];
  const result = await torture({
    seed,
    lastsMs,
    faults: planMix(createRandom(seed), lastsMs, mix),
    plan: {
      folder,
      basePort: 17_000 + (process.pid % 24) * 80,
      nodes: 4,
      places: 4,
      coordinators: 3,
      slots: 16,
      durability: 'fsync',
    },
    rate: 600,
    clients: 16,
    smallDisk: true,
    tell: (line) => said.push(line),
  });
  expect(result.wrong, `${said.join('\n')}\nsee ${folder}`).toEqual([]);
  expect(result.undecided).toEqual([]);
  expect(result.done.filter(({ leftOut }) => leftOut === '').length).toBeGreaterThanOrEqual(mix.length - 3);
  expect(result.acknowledgedPerSecond).toBeGreaterThanOrEqual(acknowledgedPerSecondMin);
  await clean(folder);
});

test('a seed names one sequence of faults', () => {
  const plan = (n: number) => planFaults(createRandom(n), 600_000);
  expect(plan(5)).toEqual(plan(5));
  expect(plan(5)).not.toEqual(plan(6));
  expect(new Set(plan(5).map(({ kind }) => kind)).size).toBeGreaterThan(12);
});
