/**
 * Reads of stored values. Hot data is read on the spot, which costs microseconds and no turn of the event loop; once a
 * read on the spot was slow the data is taken for cold, and reads go through the thread pool for a while.
 */
import type { Key, Slot } from '../protocol/words.ts';
import type { Found, Store } from './store/store.ts';

/** A read on the spot that takes longer than this came from the disk. */
const slowMs = 0.5;
/** How long reads stay off the event loop after a slow one. One slow read in this time is what trying again costs. */
const coldMs = 100;
/** Reads in the thread pool at once: some threads stay free for the write of a batch. */
const parallelMax = 8;

interface Waiting {
  readonly slot: Slot;
  readonly key: Key;
  readonly done: (found: Found) => void;
}

export class ValueReads {
  readonly #store: Store;
  readonly #monoMs: () => number;
  readonly #queue: Waiting[] = [];
  #coldUntil = Number.NEGATIVE_INFINITY;
  #running = 0;
  /** Reads so far, by where they were done. */
  readonly counts = { onTheSpot: 0, offTheLoop: 0 };

  constructor(store: Store, monoMs: () => number) {
    this.#store = store;
    this.#monoMs = monoMs;
  }

  /** The value now, or undefined: then `done` is called later. An error of the store counts as a damaged value. */
  read(slot: Slot, key: Key, done: (found: Found) => void): Found | undefined {
    const began = this.#monoMs();
    if (began < this.#coldUntil) {
      this.#queue.push({ slot, key, done });
      this.#next();
      return undefined;
    }
    this.counts.onTheSpot++;
    const found = this.#store.get(slot, key);
    if (this.#monoMs() - began > slowMs) this.#coldUntil = this.#monoMs() + coldMs;
    return found;
  }

  #next(): void {
    while (this.#running < parallelMax) {
      const waiting = this.#queue.shift();
      if (waiting === undefined) return;
      this.#running++;
      this.counts.offTheLoop++;
      void this.#run(waiting);
    }
  }

  async #run({ slot, key, done }: Waiting): Promise<void> {
    let found: Found;
    try {
      found = await this.#store.getAsync(slot, key);
    } catch {
      found = 'corrupt';
    }
    this.#running--;
    this.#next();
    done(found);
  }
}
