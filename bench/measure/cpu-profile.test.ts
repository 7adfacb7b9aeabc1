import { expect, test } from 'vitest';
import { renderFlame } from '../report/flame.ts';
import { addProfile, emptyFrame, type Frame, selfBy, type Window } from './cpu-profile.ts';

const node = (id: number, functionName: string, url: string, children: number[] = []) => ({
  id,
  callFrame: { functionName, url },
  children,
});
/** A sample each 10 µs, from 1000 on: root is 1, main calls work, which calls native code. */
const profile = {
  startTime: 1000,
  nodes: [
    node(1, '(root)', '', [2, 3]),
    node(2, '(idle)', ''),
    node(3, 'main', 'file:///repo/node/main.ts', [4]),
    node(4, 'work', 'file:///repo/protocol/work.ts', [5]),
    node(5, 'crc32', 'node:zlib'),
  ],
  samples: [3, 4, 5, 5, 2, 4],
  timeDeltas: [10, 10, 10, 10, 10, 10],
};

const all = { from: 0, to: 10_000 };
const areaOf = ({ file }: { file: string }, within: string): string =>
  file.startsWith('node:') ? within : (file.split('/')[0] ?? '');

/** Read as often as there are windows. */
function framesOf(...windows: readonly Window[]): Frame {
  const frames = emptyFrame('all', '');
  for (const window of windows) addProfile(frames, profile, window, '/repo');
  return frames;
}
const areasOf = (frames: Frame) => Object.fromEntries(selfBy(frames, areaOf));

test('a profile becomes a tree of functions by caller, without idle time', () => {
  const frames = framesOf(all, all);
  expect(frames.total).toBe(100);
  const main = frames.calls.get('main node/main.ts');
  expect(main).toMatchObject({ self: 20, total: 100 });
  expect(main?.calls.get('work protocol/work.ts')).toMatchObject({ self: 40, total: 80 });
});

test('a window cuts out the samples that were taken in it', () => {
  const frames = framesOf({ from: 1015, to: 1035 });
  expect(frames.total).toBe(20);
  expect(areasOf(frames)).toEqual({ node: 0, protocol: 20 });
});

test('time in what has no area of its own counts for its caller', () => {
  expect(areasOf(framesOf(all))).toEqual({ node: 10, protocol: 40 });
});

test('a flame graph draws each function as wide as its time, and escapes names', () => {
  const svg = renderFlame(framesOf(all), {
    title: 'a < b',
    cost: (us) => `${us} µs`,
    areaOf,
    areas: ['node', 'protocol'],
  });
  expect(svg).toContain('a &lt; b');
  expect(svg).toContain('main node/main.ts: 100.0 %, 50 µs');
  expect(svg).toMatch(
    /<title>work protocol\/work.ts: 80.0 %, 40 µs<\/title><rect x="0.0" y="\d+" width="959.5"/,
  );
});
