/** Figures of a store. */
import type { LevelStats, StoreStats } from './store.ts';

/** Counts and times the writes of one store. */
export class WriteClock {
  readonly #monoMs: () => number;
  #batches = 0;
  #bytes = 0;
  #ms = 0;
  #slowestMs = 0;
  #since: number | null = null;

  constructor(monoMs: () => number) {
    this.#monoMs = monoMs;
  }

  begin(): void {
    this.#since = this.#monoMs();
  }

  /** A write that fails never ends: it shows as pending for as long as the process lives. */
  end(bytes: number): void {
    const ms = this.#monoMs() - (this.#since as number);
    this.#since = null;
    this.#batches++;
    this.#bytes += bytes;
    this.#ms += ms;
    this.#slowestMs = Math.max(this.#slowestMs, ms);
  }

  stats(): StoreStats['writes'] {
    const slowestMs = this.#slowestMs;
    this.#slowestMs = 0;
    const pendingMs = this.#since === null ? 0 : this.#monoMs() - this.#since;
    return { batches: this.#batches, bytes: this.#bytes, ms: this.#ms, slowestMs, pendingMs };
  }
}

/** Reads LevelDB's table: level, files, size (MB), seconds, read (MB), written (MB). */
export function levelStats(text: string): LevelStats[] {
  const rows = text.matchAll(/^ *(\d+) +(\d+) +(\d+) +(\d+) +\d+ +\d+ *$/gm);
  return Array.from(rows, ([, level, files, megabytes, seconds]) => ({
    level: Number(level),
    files: Number(files),
    megabytes: Number(megabytes),
    compactionSeconds: Number(seconds),
  }));
}
