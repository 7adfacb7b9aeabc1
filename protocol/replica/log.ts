/**
 * The log of one slot as its replica knows it: which versions made which sequences (runs, for the whole retained
 * log), and the entries that are still needed in memory. Older entries are read back from the store.
 */
import type { Entry } from '../entry.ts';
import { invariant } from '../errors.ts';
import type { Run } from '../messages.ts';
import type { ChainVersion, Key, Position, Seq } from '../words.ts';

/** An entry in memory, linked with the older and newer entries of its key that are in memory too. */
export interface Item {
  readonly entry: Entry;
  older: Item | null;
  newer: Item | null;
  /** Who waits for this very entry (rule 2.6: by position, never by sequence). */
  waiters: Waiter[] | null;
}

/**
 * `write`: the caller is told that its write is done. `refusal`: a condition was refused because of this entry; the
 * caller is told when it is committed (rule 2.8).
 */
export type Waiter = {
  readonly kind: 'write' | 'refusal';
  readonly tag: number;
  readonly refusal: RefusedBy | null;
};

export interface RefusedBy {
  readonly code: 'CONDITION_FAILED' | 'NOT_A_COUNTER' | 'COUNTER_OVERFLOW';
  readonly message: string;
}

export interface Log {
  /** Before the first retained entry. */
  start: Position;
  end: Position;
  runs: Run[];
  /** Sequence before the first item in memory; items are contiguous up to `end`. */
  base: Seq;
  items: Item[];
  /** Bytes of the entries in memory. */
  heldBytes: number;
  /** Index of the first live item in `items`; the array is cut now and then. */
  head: number;
  /** Newest item of each key that is in memory. */
  newest: Map<Key, Item>;
}

export function createLog(start: Position): Log {
  return {
    start,
    end: start,
    runs: [],
    base: start.seq,
    items: [],
    heldBytes: 0,
    head: 0,
    newest: new Map(),
  };
}

export const itemAt = (log: Log, seq: Seq): Item | undefined =>
  seq > log.base ? log.items[log.head + seq - log.base - 1] : undefined;

/** Puts the next entry at the end; the caller has checked `position before`. */
export function appendEntry(log: Log, entry: Entry): Item {
  invariant(entry.seq === log.end.seq + 1, 'an entry follows the end of the log', {
    seq: entry.seq,
    end: log.end.seq,
  });
  invariant(entry.version >= log.end.version, 'versions in a log never decrease (R20)');
  const item: Item = { entry, older: null, newer: null, waiters: null };
  if (entry.kind !== 'refused') {
    const older = log.newest.get(entry.key);
    if (older !== undefined) {
      item.older = older;
      older.newer = item;
    }
    log.newest.set(entry.key, item);
  }
  log.items.push(item);
  log.heldBytes += entry.bytes.length;
  const last = log.runs[log.runs.length - 1];
  if (last === undefined || last.version !== entry.version)
    log.runs.push({ version: entry.version, first: entry.seq });
  log.end = { version: entry.version, seq: entry.seq };
  return item;
}

/** Chain version of the entry at `seq`; undefined outside the retained log. `start.seq` counts as retained. */
export function versionAt(log: Log, seq: Seq): ChainVersion | undefined {
  if (seq === log.end.seq) return log.end.version;
  if (seq === log.start.seq) return log.start.version;
  if (seq > log.end.seq || seq < log.start.seq) return undefined;
  for (let i = log.runs.length - 1; i >= 0; i--) {
    const run = log.runs[i] as Run;
    if (run.first <= seq) return run.version;
  }
  return log.start.version;
}

/** The position at `seq` in this log. */
export function positionAt(log: Log, seq: Seq): Position {
  if (seq === log.end.seq) return log.end;
  const version = versionAt(log, seq);
  invariant(version !== undefined, 'the position is in the retained log', {
    seq,
    start: log.start,
    end: log.end,
  });
  return { version, seq };
}

/** Drops everything above `to`; returns the dropped items, newest first. */
export function truncate(log: Log, to: Position): Item[] {
  invariant(to.seq >= log.start.seq, 'a drop stays within the retained log', { to, start: log.start });
  const dropped: Item[] = [];
  while (log.end.seq > to.seq && log.items.length > log.head) {
    const item = log.items.pop() as Item;
    dropped.push(item);
    log.heldBytes -= item.entry.bytes.length;
    unlink(log, item);
    log.end = { version: item.entry.versionBefore, seq: (item.entry.seq - 1) as Seq };
  }
  while (log.runs.length > 0 && (log.runs[log.runs.length - 1] as Run).first > to.seq) log.runs.pop();
  log.end = to;
  if (log.base > to.seq) log.base = to.seq;
  return dropped;
}

/** Lets go of items up to `upTo`: their effects are on disk, and no read under way needs them. */
export function release(log: Log, upTo: Seq): void {
  while (log.base < upTo && log.head < log.items.length) {
    const item = log.items[log.head] as Item;
    log.heldBytes -= item.entry.bytes.length;
    unlink(log, item);
    log.items[log.head] = undefined as unknown as Item;
    log.head++;
    log.base++;
  }
  if (log.head > 1024 && log.head * 2 > log.items.length) {
    log.items = log.items.slice(log.head);
    log.head = 0;
  }
}

/** Forgets that entries up to `start` were ever retained. */
export function trimTo(log: Log, start: Position): void {
  log.start = start;
  while (log.runs.length > 1 && (log.runs[1] as Run).first <= start.seq + 1) log.runs.shift();
  const first = log.runs[0];
  if (first === undefined) return;
  if (start.seq >= log.end.seq) log.runs = [];
  else if (first.first <= start.seq) log.runs[0] = { version: first.version, first: (start.seq + 1) as Seq };
}

function unlink(log: Log, item: Item): void {
  if (item.newer !== null) item.newer.older = item.older;
  else if (log.newest.get(item.entry.key) === item) {
    if (item.older === null) log.newest.delete(item.entry.key);
    else log.newest.set(item.entry.key, item.older);
  }
  if (item.older !== null) item.older.newer = item.newer;
  item.older = null;
  item.newer = null;
}

/** What another log says about itself in a handshake. */
export interface LogOutline {
  readonly start: Position;
  readonly runs: readonly Run[];
  readonly end: Position;
}

/**
 * Last common position of two logs, found upwards from `from`, a sequence that both retain. Equal ends prove nothing:
 * the walk stops at the first difference (R1). Null when they differ at `from` already.
 */
export function lastCommon(mine: Log, theirs: LogOutline, from: Seq): Position | null {
  const end = Math.min(mine.end.seq, theirs.end.seq);
  const other = (seq: number): ChainVersion | undefined => outlineVersionAt(theirs, seq);
  const version = versionAt(mine, from);
  if (version === undefined || version !== other(from)) return null;
  let common: Position = { version, seq: from };
  // Within a stretch in which neither log begins a run both versions are constant: only run borders need a look.
  const borders = [...mine.runs.map((r) => r.first), ...theirs.runs.map((r) => r.first), end + 1]
    .filter((first) => first > from && first <= end + 1)
    .sort((a, b) => a - b);
  for (const border of borders) {
    const last = (border - 1) as Seq;
    const v = versionAt(mine, last);
    if (v === undefined || v !== other(last)) break;
    common = { version: v, seq: last };
    if (border > end || versionAt(mine, border as Seq) !== other(border)) break;
  }
  return common;
}

function outlineVersionAt(log: LogOutline, seq: number): ChainVersion | undefined {
  if (seq === log.start.seq) return log.start.version;
  if (seq < log.start.seq || seq > log.end.seq) return undefined;
  for (let i = log.runs.length - 1; i >= 0; i--) {
    const run = log.runs[i] as Run;
    if (run.first <= seq) return run.version;
  }
  return log.start.version;
}
