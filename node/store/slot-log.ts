/**
 * Where the log entries of one slot lie: runs of sequences by log record, and which chain versions made them. Kept in
 * memory, two numbers a run, rebuilt when the store opens. Every change is checked: a log has no gap and its versions
 * never decrease, except after a drop (R20).
 */
import type { Entry } from '../../protocol/entry.ts';
import { invariant } from '../../protocol/errors.ts';
import type { ChainVersion, Position, Seq } from '../../protocol/words.ts';

/** Sequences `first..last` lie in log record `record`. */
export interface Run {
  readonly record: number;
  readonly first: Seq;
  readonly last: Seq;
}

export class SlotLog {
  /** Position before the first retained entry. */
  start: Position;
  end: Position;
  /** Runs in order: record and first sequence; live from `#head` on. */
  #records: number[] = [];
  #firsts: number[] = [];
  #head = 0;
  #versions: { version: ChainVersion; first: number }[] = [];

  constructor(start: Position) {
    this.start = start;
    this.end = start;
  }

  append(record: number, entries: readonly Entry[]): void {
    let { version, seq } = this.end;
    for (const e of entries) {
      const follows = e.seq === seq + 1 && e.versionBefore === version && e.version >= version;
      // The facts are put together only when they are needed: this is done for every entry.
      if (!follows) invariant(false, 'an entry follows the end of its log', factsOf(e, { version, seq }));
      if (this.#versions.at(-1)?.version !== e.version)
        this.#versions.push({ version: e.version, first: e.seq });
      version = e.version;
      seq = e.seq;
    }
    if (seq === this.end.seq) return;
    if (this.#records.length === this.#head || this.#records.at(-1) !== record) {
      this.#records.push(record);
      this.#firsts.push(this.end.seq + 1);
    }
    this.end = { version, seq };
  }

  /** Lets go of everything above `to`. */
  drop(to: Seq): void {
    invariant(to >= this.start.seq, 'a drop stays within the retained log', { to, start: this.start });
    if (to >= this.end.seq) return;
    const version = this.versionAt(to);
    while (this.#records.length > this.#head && (this.#firsts.at(-1) as number) > to) {
      this.#records.pop();
      this.#firsts.pop();
    }
    while ((this.#versions.at(-1)?.first ?? 0) > to) this.#versions.pop();
    this.end = { version, seq: to };
  }

  /** Forgets everything up to `start`. */
  trim(start: Position): void {
    const known = start.seq <= this.end.seq && this.versionAt(start.seq) === start.version;
    invariant(known, 'a trim stays within the log', { start, end: this.end });
    this.start = start;
    while (this.#head < this.#records.length && this.#lastOf(this.#head) <= start.seq) this.#head++;
    while ((this.#versions[1]?.first ?? Number.POSITIVE_INFINITY) <= start.seq + 1) this.#versions.shift();
    if (this.#head > 1024 && this.#head * 2 > this.#records.length) {
      this.#records = this.#records.slice(this.#head);
      this.#firsts = this.#firsts.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Begins anew after `start`. */
  erase(start: Position): void {
    this.start = start;
    this.end = start;
    this.#records = [];
    this.#firsts = [];
    this.#head = 0;
    this.#versions = [];
  }

  /** Version of the entry at `at`, which is within `start..end`. */
  versionAt(at: number): ChainVersion {
    invariant(at >= this.start.seq && at <= this.end.seq, 'the sequence is retained', {
      at,
      start: this.start,
      end: this.end,
    });
    if (at === this.start.seq) return this.start.version;
    for (let i = this.#versions.length - 1; i >= 0; i--) {
      const run = this.#versions[i] as { version: ChainVersion; first: number };
      if (run.first <= at) return run.version;
    }
    return this.start.version;
  }

  /** Runs that hold `from` and what follows, in order. */
  *runsFrom(from: Seq): Generator<Run> {
    if (from <= this.start.seq || from > this.end.seq) return;
    for (let i = this.#upTo(this.#firsts, from); i < this.#records.length; i++) {
      const first = Math.max(from, this.#firsts[i] as number) as Seq;
      yield { record: this.#records[i] as number, first, last: this.#lastOf(i) };
    }
  }

  /** The oldest record that is needed; Infinity = none is. */
  get oldestRecord(): number {
    return this.#records[this.#head] ?? Number.POSITIVE_INFINITY;
  }

  /** End of what records up to `record` hold: `start` when they hold nothing retained. */
  endAt(record: number): Position {
    const i = this.#upTo(this.#records, record);
    if (i < this.#head) return this.start;
    const seq = this.#lastOf(i);
    return { version: this.versionAt(seq), seq };
  }

  #lastOf(run: number): Seq {
    const next = this.#firsts[run + 1];
    return next === undefined ? this.end.seq : ((next - 1) as Seq);
  }

  /** Index of the last live run whose number in `column` is at most `limit`; below `#head` = none. */
  #upTo(column: readonly number[], limit: number): number {
    let low = this.#head;
    let high = column.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((column[middle] as number) <= limit) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

const factsOf = ({ slot, version, seq, versionBefore }: Entry, end: Position): Record<string, unknown> => ({
  slot,
  entry: { version, seq, versionBefore },
  end,
});
