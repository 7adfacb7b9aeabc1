import { expect, test } from 'vitest';
import { Readiness } from './readiness.ts';

test('a node is not ready before it was ready once', () => {
  const readiness = new Readiness();
  expect(readiness.look('not yet')).toBe('not yet');
  expect(readiness.look('not yet')).toBe('not yet');
});

test('it is ready at once, and not ready only after three looks in a row', () => {
  const readiness = new Readiness();
  expect(readiness.look('')).toBe('');
  expect(readiness.look('a')).toBe('');
  expect(readiness.look('b')).toBe('');
  expect(readiness.look('')).toBe('');
  expect(readiness.look('c')).toBe('');
  expect(readiness.look('d')).toBe('');
  expect(readiness.look('e')).toBe('e');
});
