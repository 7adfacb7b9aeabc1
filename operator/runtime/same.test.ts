import { describe, expect, test } from 'vitest';
import { covers, hashOf, quantity } from './same.ts';

describe('covers', () => {
  test.each<[string, unknown, unknown, boolean]>([
    ['fields of others do not matter', { a: 1, b: 2 }, { a: 1 }, true],
    ['a missing field does', { b: 2 }, { a: 1 }, false],
    ['an absent list says as much as an empty one', {}, { a: [] }, true],
    ['a filled list is not empty', { a: [1] }, { a: [] }, false],
    ['an absent object says as much as an empty one', { s: {} }, { s: { emptyDir: {} } }, true],
    [
      'quantities by value',
      { limits: { cpu: '500m', memory: '1Gi' } },
      { limits: { cpu: '0.5', memory: '1024Mi' } },
      true,
    ],
    ['quantities that differ', { requests: { memory: '1Gi' } }, { requests: { memory: '1G' } }, false],
    ['text that only looks like a quantity', { hash: '10' }, { hash: '1e1' }, false],
    ['hashes that look like huge quantities', { hash: '1e2345678901' }, { hash: '12345678901e' }, false],
    [
      'named items in another order, with more of others',
      [{ name: 'b', v: 2 }, { name: 'x' }, { name: 'a', v: 1 }],
      [{ name: 'a', v: 1 }, { name: 'b' }],
      true,
    ],
    ['a named item that differs', [{ name: 'a', v: 2 }], [{ name: 'a', v: 1 }], false],
    ['other lists by place', [1, 2], [2, 1], false],
    ['other lists by length', [{ from: 1 }, { from: 2 }], [{ from: 1 }], false],
    ['an object where a list is', [1], { a: 1 }, false],
  ])('%s', (_, live, wanted, expected) => {
    expect(covers(live, wanted)).toBe(expected);
  });
});

test.each([
  ['1', '1000m', true],
  ['1Ki', '1024', true],
  ['1.5Gi', '1536Mi', true],
  ['1e3', '1k', true],
  ['2E', '2000P', true],
  ['100n', '0.1u', true],
  ['1Mi', '1M', false],
])('quantity %s and %s', (a, b, same) => {
  expect(quantity(a) === quantity(b)).toBe(same);
});

test('text that is no quantity has no value', () => {
  // The last one would be a number of a billion digits.
  const texts = ['', 'Gi', 'ten', '1 Gi', '--1', '1e1234567890'];
  expect(texts.map(quantity)).toEqual(texts.map(() => undefined));
});

test('a hash depends on content, not on the order of fields, and leaves undefined out', () => {
  expect(hashOf({ a: 1, b: [2, { c: 3, d: undefined }] })).toBe(hashOf({ b: [2, { c: 3 }], a: 1 }));
  expect(hashOf({ a: [1, 2] })).not.toBe(hashOf({ a: [2, 1] }));
});
