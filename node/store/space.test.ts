import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SpaceLevel } from '../../protocol/messages.ts';
import { isForWantOfRoom, lookAtSpace, marksOf, pauseAfter, spaceLevel, watchSpace } from './space.ts';

const mib = 1024 ** 2;
const gib = 1024 ** 3;
const never = () => ({ low: 0, full: 0, least: 0 });
const always = () => ({ low: Number.MAX_SAFE_INTEGER, full: 0, least: 0 });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'space-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('a small volume goes by its part, a large one by the amount', () => {
  const levels: [number, number, SpaceLevel][] = [
    [2 * gib, 10 * gib, 'ok'],
    [1.4 * gib, 10 * gib, 'low'],
    [0.4 * gib, 10 * gib, 'full'],
    [5 * gib, 1000 * gib, 'ok'],
    [3 * gib, 1000 * gib, 'low'],
    [0.9 * gib, 1000 * gib, 'full'],
  ];
  for (const [free, size, level] of levels) expect(spaceLevel(free, marksOf(size))).toBe(level);
});

test('a very small one keeps room to write each table anew', () => {
  for (const size of [4 * mib, 160 * mib, 512 * mib])
    expect(marksOf(size)).toEqual({ low: size / 2, full: size / 4, least: size / 8 });
  expect(marksOf(gib)).toEqual({ low: 256 * mib, full: 128 * mib, least: 64 * mib });
  for (let size = mib; size < 100_000 * gib; size *= 1.5) {
    const { low, full, least } = marksOf(size);
    expect([low <= size / 2, full <= low / 2, least <= full / 2]).toEqual([true, true, true]);
  }
});

test('the less is left, the sooner is the next look', () => {
  const at = (freeBytes: number, sizeBytes: number): number =>
    pauseAfter({ level: 'ok', freeBytes, sizeBytes, marks: marksOf(sizeBytes) });
  expect(at(500 * gib, 1000 * gib)).toBe(5000);
  expect(at(5 * gib, 1000 * gib)).toBe(2048);
  expect(at(160 * mib, 160 * mib)).toBe(160);
  expect([at(80 * mib, 160 * mib), at(0, 160 * mib)]).toEqual([100, 100]);
});

test('a mark counts as left behind only with room to spare', () => {
  const at = (free: number, before: SpaceLevel): SpaceLevel =>
    spaceLevel(free, { low: 100, full: 50, least: 25 }, before);
  expect([at(99, 'ok'), at(110, 'low'), at(121, 'low')]).toEqual(['low', 'low', 'ok']);
  expect([at(49, 'low'), at(55, 'full'), at(61, 'full'), at(121, 'full')]).toEqual([
    'full',
    'full',
    'low',
    'ok',
  ]);
});

test('a look says what the file system says', async () => {
  const space = await lookAtSpace({ folder, marks: never });
  expect(space.level).toBe('ok');
  expect(space.freeBytes).toBeGreaterThan(0);
  expect(space.sizeBytes).toBeGreaterThanOrEqual(space.freeBytes);
  expect((await lookAtSpace({ folder, marks: always })).level).toBe('low');
});

test('watching tells each look and ends with its signal; no answer is no room', async () => {
  const levels: SpaceLevel[] = [];
  const stop = new AbortController();
  await watchSpace({ folder, marks: always }, stop.signal, ({ level }) => {
    if (levels.push(level) === 3) stop.abort();
  });
  expect(levels).toEqual(['low', 'low', 'low']);
  const gone = new AbortController();
  await watchSpace({ folder: join(folder, 'nowhere') }, gone.signal, ({ level }) => {
    levels.push(level);
    gone.abort();
  });
  expect(levels.at(-1)).toBe('full');
});

test('words of a store that failed say whether room helps', () => {
  for (const why of [
    'IO error: 000005.log: No space left on device',
    'ENOSPC: no space left on device, write',
  ])
    expect(isForWantOfRoom(why)).toBe(true);
  expect(isForWantOfRoom('IO error: 000003.log: Input/output error')).toBe(false);
});
