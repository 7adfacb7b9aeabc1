/** Which key comes next. */
import type { Random } from './random.ts';

export type Distribution = 'uniform' | 'zipfian' | 'latest';

/** Names key number `i`: 11 bytes, as bench/peers/workload.go does. */
export const keyOf = (i: number): string => (i < names.length ? (names[i] as string) : nameOf(i));

const nameOf = (i: number): string => `key${String(i).padStart(8, '0')}`;
/** Names made once for the usual number of keys: the load generator should not be busy with them. */
const names = Array.from({ length: 10_000 }, (_, i) => nameOf(i));

/** What of a workload decides about keys. */
export interface KeySpace {
  readonly distribution: Distribution;
  readonly keys: number;
  /** Only these, all alike. */
  readonly chosen?: readonly number[];
}

/** Picks numbers of keys from 0 up to `keys`, which may grow (`latest`: the newest are the most popular, as in YCSB D). */
export class KeyChooser {
  readonly #space: KeySpace;
  readonly #random: Random;
  readonly #zipf: Zipf | null;
  keys: number;

  constructor(space: KeySpace, random: Random) {
    this.#space = space;
    this.#random = random;
    this.#zipf = space.distribution === 'uniform' ? null : new Zipf(space.keys);
    this.keys = space.keys;
  }

  next(): number {
    const { chosen, distribution } = this.#space;
    if (chosen !== undefined) return chosen[this.#random.below(chosen.length)] as number;
    if (this.#zipf === null) return this.#random.below(this.keys);
    const rank = this.#zipf.rank(this.#random.unit());
    return distribution === 'latest' ? this.keys - 1 - rank : scatter(rank, this.keys);
  }
}

const theta = 0.99;

/** Ranks by popularity, 0 the most popular (Gray et al., "Quickly generating billion-record synthetic databases"). */
export class Zipf {
  readonly #items: number;
  readonly #zeta: number;
  readonly #eta: number;
  readonly #second = 1 + 0.5 ** theta;

  constructor(items: number) {
    this.#items = items;
    let zeta = 0;
    for (let i = 1; i <= items; i++) zeta += 1 / i ** theta;
    this.#zeta = zeta;
    this.#eta = (1 - (2 / items) ** (1 - theta)) / (1 - this.#second / zeta);
  }

  /** `u` is uniform from 0 to 1. */
  rank(u: number): number {
    const uz = u * this.#zeta;
    if (uz < 1) return 0;
    if (uz < this.#second) return 1;
    const rank = Math.floor(this.#items * (this.#eta * u - this.#eta + 1) ** (1 / (1 - theta)));
    return Math.min(rank, this.#items - 1);
  }
}

/** Spreads popular keys over the whole range. A permutation: a prime that divides no usual number of keys. */
export const scatter = (rank: number, keys: number): number => (rank * 2_654_435_761 + 12_345) % keys;
