import { describe, expect, test } from 'vitest';
import { KeyChooser, keyOf, scatter, Zipf } from './keys.ts';
import { Random } from './random.ts';

const keys = 10_000;
const draws = 200_000;

/** How often each key comes. */
function count(chooser: KeyChooser): number[] {
  const counts = new Array<number>(keys).fill(0);
  for (let i = 0; i < draws; i++) (counts[chooser.next()] as number)++;
  return counts;
}

describe('keys', () => {
  test('have 11 bytes, each its own', () => {
    expect(keyOf(0)).toBe('key00000000');
    expect(keyOf(999_999)).toHaveLength(11);
  });

  test('are spread by a permutation: no two ranks share a key', () => {
    for (const of of [10, 10_000, 1_000_000])
      expect(new Set(Array.from({ length: of }, (_, rank) => scatter(rank, of))).size).toBe(of);
  });

  test('come all alike in a uniform load', () => {
    const counts = count(new KeyChooser({ distribution: 'uniform', keys }, new Random(1)));
    const chi2 = counts.reduce((sum, n) => sum + (n - draws / keys) ** 2 / (draws / keys), 0);
    // 9,999 degrees of freedom: mean 9,999, standard deviation 141.
    expect(Math.abs(chi2 - keys)).toBeLessThan(6 * 141);
  });

  test('come by zipf 0.99 in a zipfian load: the first rank 1 / zeta of all, the second 0.5^0.99 of that', () => {
    const zipf = new Zipf(keys);
    const random = new Random(2);
    const byRank = new Array<number>(keys).fill(0);
    for (let i = 0; i < draws; i++) (byRank[zipf.rank(random.unit())] as number)++;
    let zeta = 0;
    for (let i = 1; i <= keys; i++) zeta += 1 / i ** 0.99;
    expect((byRank[0] as number) / draws).toBeCloseTo(1 / zeta, 2);
    expect((byRank[1] as number) / (byRank[0] as number)).toBeCloseTo(0.5 ** 0.99, 1);
    const firstTenth = byRank.slice(0, keys / 10).reduce((a, b) => a + b, 0);
    expect(firstTenth / draws).toBeGreaterThan(0.7);
  });

  test('are the newest ones in a load of the latest, inserted ones included', () => {
    const chooser = new KeyChooser({ distribution: 'latest', keys }, new Random(3));
    chooser.keys += 50;
    const picked = Array.from({ length: 1000 }, () => chooser.next());
    expect(picked.filter((i) => i >= keys).length).toBeGreaterThan(200);
    expect(Math.max(...picked)).toBe(keys + 49);
  });

  test('are the chosen ones and no others where some are chosen', () => {
    const chooser = new KeyChooser({ distribution: 'zipfian', keys, chosen: [3, 7] }, new Random(4));
    expect(new Set(Array.from({ length: 100 }, () => chooser.next()))).toEqual(new Set([3, 7]));
  });

  test('are the same for the same seed', () => {
    const sequence = (seed: number) => {
      const chooser = new KeyChooser({ distribution: 'zipfian', keys }, new Random(seed));
      return Array.from({ length: 20 }, () => chooser.next());
    };
    expect(sequence(5)).toEqual(sequence(5));
    expect(sequence(5)).not.toEqual(sequence(6));
  });
});
