/**
 * Reads of stored values. Hot data is read on the spot, which costs microseconds and no turn of the event loop; when reads
 * on the spot turn out to wait for the disk, the data is taken for cold, and reads go through the thread pool for a while.
 */

import type { PersistItem } from '../protocol/persist.ts';
import type { Key, Slot } from '../protocol/words.ts';
import { nodeLimits } from './limits.ts';
import type { Found, Store } from './store/store.ts';
import { ValueCache } from './value-cache.ts';

/** A read on the spot that takes longer than this waited for the disk, or the process was not running meanwhile. */
const slowMs = 0.5;
/** One slow read of many is borne. */
const slowOnes = 3;
const window = 32;
/** One that waits this long for the disk is enough. */
const muchTooSlowMs = 20;
/** How long reads then stay off the event loop. Some slow reads in this time are what trying again costs. */
const coldMs = 250;
const cacheBytes = 33_554_432;
/** Longer than any request waits for its value: whoever asked was answered by then. */
const patienceMs = 60_000;

interface Waiting {
  readonly slot: Slot;
  readonly key: Key;
  readonly done: (found: Found) => void;
  readonly since: number;
}

export class ValueReads {
  readonly #store: Store;
  readonly #monoMs: () => number;
  readonly #diskReads: () => number;
  readonly #queue: Waiting[] = [];
  #coldUntil = Number.NEGATIVE_INFINITY;
  /** Slow reads in the present window, and the reads that are left of it. */
  #slow = 0;
  #left = window;
  #diskReadsSeen: number;
  #running = 0;
  readonly #cache = new ValueCache(cacheBytes);
  /** Reads so far, by where they were done. */
  readonly counts = { fromMemory: 0, onTheSpot: 0, offTheLoop: 0 };

  /** `diskReads` counts what this process had to read from the disk; it is asked after slow reads only. */
  constructor(store: Store, monoMs: () => number, diskReads = systemDiskReads) {
    this.#store = store;
    this.#monoMs = monoMs;
    this.#diskReads = diskReads;
    this.#diskReadsSeen = diskReads();
  }

  /** The value now, or undefined: then `done` is called later. An error of the store counts as a damaged value. */
  read(slot: Slot, key: Key, done: (found: Found) => void): Found | undefined {
    const cached = this.#cache.get(slot, key);
    if (cached !== undefined) {
      this.counts.fromMemory++;
      return cached;
    }
    const began = this.#monoMs();
    if (began < this.#coldUntil) {
      this.#giveUp(began);
      this.#queue.push({ slot, key, done, since: began });
      this.#next();
      return undefined;
    }
    this.counts.onTheSpot++;
    const found = this.#store.get(slot, key);
    this.#judge(this.#monoMs() - began);
    // Only what was read on the spot: a read in the thread pool may be overtaken by a write.
    if (found !== null && found !== 'corrupt') this.#cache.offer(slot, key, found);
    return found;
  }

  /** A batch is on disk: what it changed is what reads find from now on. */
  applied(items: readonly PersistItem[]): void {
    this.#cache.applied(items);
  }

  #judge(ms: number): void {
    this.#left--;
    const waited = ms > slowMs && this.#diskWasRead();
    if (waited) this.#slow++;
    const cold = this.#slow >= slowOnes || (waited && ms >= muchTooSlowMs);
    if (cold) this.#coldUntil = this.#monoMs() + coldMs;
    else if (this.#left > 0) return;
    this.#slow = 0;
    this.#left = window;
  }

  /** Since this was last asked. On a busy machine slow reads are mostly those during which another process ran. */
  #diskWasRead(): boolean {
    const reads = this.#diskReads();
    const was = reads !== this.#diskReadsSeen;
    this.#diskReadsSeen = reads;
    return was;
  }

  /** Behind a disk that hangs nothing stays for ever: a value that nobody waits for any more is told as damaged. */
  #giveUp(now: number): void {
    for (let oldest = this.#queue[0]; oldest !== undefined; oldest = this.#queue[0]) {
      if (now - oldest.since < patienceMs) return;
      this.#queue.shift();
      const { done } = oldest;
      setImmediate(() => done('corrupt'));
    }
  }

  #next(): void {
    while (this.#running < nodeLimits.valueReads) {
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

const systemDiskReads = (): number => process.resourceUsage().fsRead;
