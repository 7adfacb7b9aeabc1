import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SpaceLevel } from '../../protocol/messages.ts';
import { lookAtSpace, spaceLevel, watchSpace } from './space.ts';

const never = { fraction: 0, bytes: 0 };
const always = { fraction: 2, bytes: Number.MAX_SAFE_INTEGER };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'space-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('a small volume goes by its part, a large one by the amount', () => {
  const gib = 1024 ** 3;
  const levels: [number, number, SpaceLevel][] = [
    [2 * gib, 10 * gib, 'ok'],
    [1.4 * gib, 10 * gib, 'low'],
    [0.4 * gib, 10 * gib, 'full'],
    [5 * gib, 1000 * gib, 'ok'],
    [3 * gib, 1000 * gib, 'low'],
    [0.9 * gib, 1000 * gib, 'full'],
  ];
  for (const [free, size, level] of levels) expect(spaceLevel(free, size)).toBe(level);
});

test('a mark counts as left behind only with room to spare', () => {
  const mark = { fraction: 0.1, bytes: 1e9 };
  const at = (free: number, before: SpaceLevel): SpaceLevel =>
    spaceLevel(free, 1000, mark, { ...mark, fraction: 0.05 }, before);
  expect([at(99, 'ok'), at(110, 'low'), at(121, 'low')]).toEqual(['low', 'low', 'ok']);
  expect([at(49, 'low'), at(55, 'full'), at(61, 'full'), at(121, 'full')]).toEqual([
    'full',
    'full',
    'low',
    'ok',
  ]);
});

test('a look says what the file system says', async () => {
  const space = await lookAtSpace({ folder, low: never, full: never });
  expect(space.level).toBe('ok');
  expect(space.freeBytes).toBeGreaterThan(0);
  expect(space.sizeBytes).toBeGreaterThanOrEqual(space.freeBytes);
  expect((await lookAtSpace({ folder, low: always, full: never })).level).toBe('low');
});

test('the ballast is real, goes when the disk is full and comes back', async () => {
  const bytes = 3_000_000;
  const ballast = join(folder, 'ballast');
  await lookAtSpace({ folder, low: never, full: never, ballastBytes: bytes });
  const made = await stat(ballast);
  expect([made.size, made.blocks * 512 >= bytes]).toEqual([bytes, true]);
  await lookAtSpace({ folder, full: always, ballastBytes: bytes });
  await expect(stat(ballast)).rejects.toThrow('ENOENT');
  await lookAtSpace({ folder, low: never, full: never, ballastBytes: bytes });
  expect((await stat(ballast)).size).toBe(bytes);
});

test('watching tells each look and ends with its signal; no answer is no room', async () => {
  const levels: SpaceLevel[] = [];
  const stop = new AbortController();
  await watchSpace({ folder, low: never, full: never }, 1, stop.signal, ({ level }) => {
    if (levels.push(level) === 3) stop.abort();
  });
  expect(levels).toEqual(['ok', 'ok', 'ok']);
  const gone = new AbortController();
  await watchSpace({ folder: join(folder, 'nowhere') }, 1, gone.signal, ({ level }) => {
    levels.push(level);
    gone.abort();
  });
  expect(levels.at(-1)).toBe('full');
});
