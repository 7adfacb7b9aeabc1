import { expect, test } from 'vitest';
import { trends } from './growth.ts';
import type { Sample } from './samples.ts';

const samples = (memoryMiB: (i: number) => number): Sample[] =>
  Array.from({ length: 40 }, (_, i) => ({
    name: 'node-1',
    seconds: i,
    memoryMiB: memoryMiB(i),
    heapMiB: 40,
    handles: 60,
    loopDelayMs: 12,
    diskMiB: i % 10,
  }));
const growing = (memoryMiB: (i: number) => number): string[] =>
  trends(samples(memoryMiB))
    .filter(({ grows }) => grows)
    .map(({ figure }) => figure);

test('what goes up and down, or up to a level, does not grow', () => {
  expect(growing((i) => 200 + 50 * Math.sin(i))).toEqual([]);
  expect(growing((i) => Math.min(400, 100 + 40 * i))).toEqual([]);
});

test('what rises all the time grows', () => {
  expect(growing((i) => 100 + 20 * i)).toEqual(['memoryMiB']);
});
