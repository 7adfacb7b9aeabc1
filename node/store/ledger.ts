/** The log records that exist: which numbers, how large, how old. Decides what goes, by slabs (P63). */
import type { WallMs } from '../../protocol/words.ts';
import type { Retention } from './store.ts';

/** Records are deleted only when so many can go, and at most so many in one batch. */
const slabRecords = { least: 128, most: 1024 } as const;
/** Retention asks for a trim only when this part of its bytes is too much. */
const slabPart = 8;
/** The log may grow to so many times its retention for the sake of a joiner that lags. */
const overdueTimes = 2;

export class Ledger {
  /** Number of the oldest record, or of the next one when there is none. */
  first: number;
  bytes = 0;
  readonly #retention: Retention;
  #sizes: number[] = [];
  #stamps: WallMs[] = [];
  #head = 0;

  constructor(first: number, retention: Retention) {
    this.first = first;
    this.#retention = retention;
  }

  get count(): number {
    return this.#sizes.length - this.#head;
  }

  get last(): number {
    return this.first + this.count - 1;
  }

  add(bytes: number, stamp: WallMs): void {
    this.#sizes.push(bytes);
    this.#stamps.push(stamp);
    this.bytes += bytes;
  }

  sizeOf(record: number): number {
    return this.#sizes[this.#head + record - this.first] ?? 0;
  }

  /** The newest record that is beyond retention; 0 = none, or too little for a slab. */
  unwanted(now: WallMs): number {
    let excess = 0;
    let i = this.#head;
    while (i < this.#sizes.length && this.#beyond(i, this.bytes - excess, now))
      excess += this.#sizes[i++] as number;
    const slab = Math.max(1, this.#retention.bytes / slabPart);
    return excess < slab ? 0 : this.first + i - this.#head - 1;
  }

  /** The newest record that must not be kept for a joiner any longer; 0 = none. */
  overdue(): number {
    let excess = this.bytes - overdueTimes * this.#retention.bytes;
    let i = this.#head;
    while (i < this.#sizes.length && excess > 0) excess -= this.#sizes[i++] as number;
    return i === this.#head ? 0 : this.first + i - this.#head - 1;
  }

  #beyond(i: number, bytes: number, now: WallMs): boolean {
    return bytes > this.#retention.bytes || (this.#stamps[i] as number) < now - this.#retention.ageMs;
  }

  /** Records that may go now, when those below `needed` are not needed: the first of them and how many, at least `least`. */
  slab(
    needed: number,
    least: number = slabRecords.least,
  ): { readonly first: number; readonly count: number } {
    const free = Math.min(needed - this.first, this.count);
    return { first: this.first, count: free < least ? 0 : Math.min(free, slabRecords.most) };
  }

  remove(count: number): void {
    for (let i = 0; i < count; i++) this.bytes -= this.#sizes[this.#head + i] as number;
    this.first += count;
    this.#head += count;
    if (this.#head > 4096 && this.#head * 2 > this.#sizes.length) {
      this.#sizes = this.#sizes.slice(this.#head);
      this.#stamps = this.#stamps.slice(this.#head);
      this.#head = 0;
    }
  }
}
