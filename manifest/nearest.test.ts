import { expect, test } from 'vitest';
import { mistakesBetween, nearest } from './nearest.ts';

test.each([
  ['nodes', 'nodes', 0],
  ['nods', 'nodes', 1],
  ['noeds', 'nodes', 1],
  ['nodesx', 'nodes', 1],
  ['modes', 'nodes', 1],
  ['', 'nodes', 5],
  ['kitten', 'sitting', 3],
])('%s to %s takes %d', (a, b, mistakes) => {
  expect(mistakesBetween(a, b)).toBe(mistakes);
  expect(mistakesBetween(b, a)).toBe(mistakes);
});

test('the nearest candidate wins, whatever its place', () => {
  expect(nearest('nods', ['modes', 'nodes'])).toBe('nodes');
});
test('capital letters do not count', () => {
  expect(nearest('HEARTBEATMS', ['heartbeatMs'])).toBe('heartbeatMs');
});
test('nothing is near enough', () => {
  expect(nearest('zebra', ['nodes', 'slots'])).toBeUndefined();
});
