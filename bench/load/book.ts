import { encodeHistogram, newHistogram, record } from '../measure/histogram.ts';
import type { Counted, Run } from './run.ts';

/** Keeps what happened inside the window of a run. Times are ms of performance.now. */
export class Book {
  readonly from: number;
  readonly to: number;
  readonly #open: boolean;
  readonly #bucketMs: number;
  readonly #reads = newHistogram();
  readonly #writes = newHistogram();
  readonly #late = newHistogram();
  readonly #errors: Record<string, number> = {};
  readonly #buckets: number[];
  #cpuAtStart = process.cpuUsage();

  constructor(run: Run, began: number) {
    this.from = began + run.warmupMs;
    this.to = this.from + run.windowMs;
    this.#open = run.rate > 0;
    this.#bucketMs = run.bucketMs;
    this.#buckets = run.bucketMs > 0 ? new Array(Math.ceil(run.windowMs / run.bucketMs)).fill(0) : [];
    setTimeout(() => {
      this.#cpuAtStart = process.cpuUsage();
    }, run.warmupMs);
  }

  /** An open loop: how late the generator itself began an operation. */
  noteLate(lateMs: number): void {
    record(this.#late, lateMs * 1000);
  }

  noteSuccess(isRead: boolean, intended: number, end: number): void {
    if (this.#bucketMs > 0 && end >= this.from && end < this.to)
      (this.#buckets[Math.floor((end - this.from) / this.#bucketMs)] as number)++;
    if (this.#holds(intended, end)) record(isRead ? this.#reads : this.#writes, (end - intended) * 1000);
  }

  noteError(name: string, intended: number, end: number): void {
    if (this.#holds(intended, end)) this.#errors[name] = (this.#errors[name] ?? 0) + 1;
  }

  result(cpuSeconds: number): Counted {
    return {
      seconds: (this.to - this.from) / 1000,
      operations: this.#reads.totalCount + this.#writes.totalCount,
      errors: this.#errors,
      reads: encodeHistogram(this.#reads),
      writes: encodeHistogram(this.#writes),
      late: encodeHistogram(this.#late),
      cpuSeconds,
      buckets: this.#buckets,
    };
  }

  /** CPU that this process used since the window began, in seconds. */
  cpuSeconds(): number {
    const { user, system } = process.cpuUsage(this.#cpuAtStart);
    return (user + system) / 1e6;
  }

  /**
   * In a closed loop an operation counts where it ended, in an open loop where it should have begun: none is left out
   * because it was slow.
   */
  #holds(intended: number, end: number): boolean {
    const when = this.#open ? intended : end;
    return when >= this.from && when < this.to;
  }
}
