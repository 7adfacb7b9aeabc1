import { expect, test } from 'vitest';
import { hashTag, murmur3, slotOf } from './slots.ts';
import { key } from './words.ts';

// Published test vectors of MurmurHash3_x86_32 with seed 0.
test.each([
  ['', 0],
  ['hello', 0x248bfa47],
  ['hello, world', 0x149bbb7f],
  ['The quick brown fox jumps over the lazy dog', 0x2e4ff723],
])('murmur3 of %j', (text, hash) => {
  expect(murmur3(text)).toBe(hash);
});

test.each([
  ['a{b}c', 'b'],
  ['{user1}.name', 'user1'],
  ['a{}c', 'a{}c'],
  ['a{b', 'a{b'],
  ['a}b{c}', 'c'],
  ['plain', 'plain'],
  ['{a}{b}', 'a'],
])('the hash tag of %s is %s', (k, tag) => {
  expect(hashTag(key(k))).toBe(tag);
});

test('keys with one tag share a slot, and slots are used evenly', () => {
  expect(slotOf(key('{t}a'), 64)).toBe(slotOf(key('x{t}b'), 64));
  const counts = new Array<number>(64).fill(0);
  for (let i = 0; i < 64_000; i++) counts[slotOf(key(`key-${i}`), 64)]!++;
  expect(Math.min(...counts)).toBeGreaterThan(800);
  expect(Math.max(...counts)).toBeLessThan(1200);
});
