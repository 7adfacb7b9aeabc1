import { backoffMs, type Clock, type Random } from './clock.ts';
import type { RuntimeMetrics } from './metrics.ts';

export interface WorkQueueOptions {
  name: string;
  clock: Clock;
  random: Random;
  metrics?: RuntimeMetrics;
  /** First wait after a failure; doubles with each further one. */
  baseMs?: number;
  maxMs?: number;
}

/**
 * The queue between events and reconciliations. A key waits at most once however often it is added, is never handed to
 * two workers at once, and a key that is added while it is worked on is handed out once more afterwards: whatever
 * happened after a reconciliation began is looked at by a later one.
 */
export class WorkQueue {
  readonly #options: Required<Omit<WorkQueueOptions, 'metrics'>> & Pick<WorkQueueOptions, 'metrics'>;
  /** Keys that need a look: those in `#ready` and those that became dirty while in `#processing`. */
  readonly #dirty = new Set<string>();
  readonly #ready: string[] = [];
  readonly #processing = new Map<string, number>();
  readonly #delayed = new Map<string, { due: number; cancel: () => void }>();
  readonly #failures = new Map<string, number>();
  readonly #addedAt = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  readonly #idleWaiters: (() => void)[] = [];
  #closed = false;

  constructor(options: WorkQueueOptions) {
    this.#options = { baseMs: 5, maxMs: 1_000_000, ...options };
  }

  get depth(): number {
    return this.#ready.length;
  }

  /** Asks for a look at `key` as soon as a worker is free. */
  add(key: string): void {
    if (this.#closed || this.#dirty.has(key)) return;
    const { metrics, name, clock } = this.#options;
    metrics?.queueAdds.inc({ name });
    this.#dirty.add(key);
    this.#addedAt.set(key, clock.monotonicMs());
    if (!this.#processing.has(key)) this.#enqueue(key);
  }

  /** Asks for a look after `ms`; of several such wishes for one key the earliest holds. */
  addAfter(key: string, ms: number): void {
    if (this.#closed) return;
    if (ms <= 0) {
      this.add(key);
      return;
    }
    const due = this.#options.clock.monotonicMs() + ms;
    const held = this.#delayed.get(key);
    if (held !== undefined && held.due <= due) return;
    held?.cancel();
    const cancel = this.#options.clock.after(ms, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { due, cancel });
  }

  /** Asks again after a failure: waits longer each time until `forget`; never less than `atLeastMs`. */
  retry(key: string, atLeastMs = 0): void {
    const { baseMs, maxMs, random, metrics, name } = this.#options;
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    metrics?.queueRetries.inc({ name });
    this.addAfter(key, Math.max(atLeastMs, backoffMs(failures, baseMs, maxMs, random)));
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The next key to work on, `undefined` once the queue is closed. Every key handed out must be given to `done`. */
  next(): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    const key = this.#ready.shift();
    if (key !== undefined) return Promise.resolve(this.#handOut(key));
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: string): void {
    const { metrics, name, clock } = this.#options;
    const startedAt = this.#processing.get(key);
    if (startedAt === undefined) return;
    this.#processing.delete(key);
    metrics?.workSeconds.observe({ name }, (clock.monotonicMs() - startedAt) / 1000);
    if (this.#dirty.has(key) && !this.#closed) this.#enqueue(key);
    if (this.#processing.size === 0) for (const wake of this.#idleWaiters.splice(0)) wake();
  }

  /** Takes no more keys and drops those that wait; running ones go on. */
  close(): void {
    this.#closed = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    this.#ready.length = 0;
    this.#dirty.clear();
    this.#addedAt.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  /** Resolves when no key is worked on. */
  idle(): Promise<void> {
    if (this.#processing.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Brings the gauges up to date; called when metrics are scraped. */
  measure(): void {
    const { metrics, name, clock } = this.#options;
    const now = clock.monotonicMs();
    const ages = [...this.#processing.values()].map((startedAt) => (now - startedAt) / 1000);
    metrics?.queueDepth.set({ name }, this.depth);
    metrics?.unfinishedSeconds.set(
      { name },
      ages.reduce((sum, age) => sum + age, 0),
    );
    metrics?.longestRunningSeconds.set({ name }, Math.max(0, ...ages));
  }

  #enqueue(key: string): void {
    const taker = this.#takers.shift();
    if (taker !== undefined) taker(this.#handOut(key));
    else this.#ready.push(key);
  }

  #handOut(key: string): string {
    const { metrics, name, clock } = this.#options;
    const now = clock.monotonicMs();
    this.#dirty.delete(key);
    this.#processing.set(key, now);
    // The look that begins now decides anew when the next one is due.
    this.#delayed.get(key)?.cancel();
    this.#delayed.delete(key);
    metrics?.queueSeconds.observe({ name }, (now - (this.#addedAt.get(key) ?? now)) / 1000);
    this.#addedAt.delete(key);
    return key;
  }
}
