import { expect, test } from 'vitest';
import { createRandom, streamOf } from './random.ts';

test('a seed gives the same draws for ever, another seed others', () => {
  const draws = (seed: number): number[] => {
    const random = createRandom(seed);
    return Array.from({ length: 5 }, () => random.int(1000));
  };
  expect(draws(1)).toEqual(draws(1));
  expect(draws(1)).not.toEqual(draws(2));
  expect(draws(1)).not.toEqual(draws(1 + 2 ** 32));
});

test('draws are spread evenly, and waits have the mean that was asked for', () => {
  const random = createRandom(7);
  const counts = new Array<number>(10).fill(0);
  let waits = 0;
  for (let i = 0; i < 10_000; i++) {
    const n = random.int(10);
    counts[n] = (counts[n] ?? 0) + 1;
    waits += random.wait(50);
  }
  for (const count of counts) expect(count).toBeGreaterThan(850);
  expect(waits / 10_000).toBeGreaterThan(47);
  expect(waits / 10_000).toBeLessThan(53);
});

test('more draws of a fork do not shift those of its parent', () => {
  const one = createRandom(3);
  const other = createRandom(3);
  const fork = one.fork();
  other.fork();
  fork.next();
  expect(one.next()).toBe(other.next());
});

test('streams of one seed differ, and so do those of neighbouring seeds', () => {
  const first = (seed: number, name: string): number => streamOf(seed, name).next();
  const draws = Array.from({ length: 50 }, (_, i) => first(5_000_000 + i, 'lists'));
  expect(new Set(draws).size).toBe(50);
  expect(first(1, 'lists')).not.toBe(first(1, 'lister'));
});
