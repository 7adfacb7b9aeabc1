import { counterOf, isReadOnly } from './content.ts';
import { describe } from './describe.ts';
import type { HistoryRecord, Position, ReadRecord, Write, WriteRecord } from './history.ts';
import { comparePositions, conditionsOf, isRead } from './history.ts';

/** The calls of one key, each list in the order of the calls. Every operation touches one key, so keys are checked alone. */
export interface KeyHistory {
  readonly key: string;
  /** Strong reads and refusals that were answered, and acknowledged writes. */
  readonly answered: readonly HistoryRecord[];
  /** Writes that may or may not take effect. */
  readonly unknown: readonly WriteRecord[];
  /** Writes that never took effect. */
  readonly failed: readonly WriteRecord[];
  /** Answered reads of a weaker level. */
  readonly weak: readonly ReadRecord[];
}

/** One operation as the full search handles it; `op` and `ret` may be tighter than what was recorded. */
export interface Entry {
  readonly record: HistoryRecord;
  readonly op: HistoryRecord['op'];
  readonly ret: number;
  readonly readOnly: boolean;
  /** Of an acknowledged write: how many others of the key lie before it, by position. */
  readonly rank: number;
}

export interface Problem {
  /** Took effect between call and return. By call. */
  readonly required: readonly Entry[];
  /** May have taken effect: groups whose members are interchangeable but for their call, each by call. */
  readonly optional: readonly (readonly Entry[])[];
}

/** @throws Error when the recorder broke the rules of a history: that is no finding about the store. */
export function splitByKey(records: readonly HistoryRecord[]): KeyHistory[] {
  const ordered = byCall(records);
  assertWellFormed(ordered);
  const keys = new Map<string, ReturnType<typeof emptyHistory>>();
  for (const record of ordered) {
    let history = keys.get(record.key);
    if (history === undefined) {
      history = emptyHistory(record.key);
      keys.set(record.key, history);
    }
    if (isRead(record)) {
      if (record.result.kind !== 'ok') continue;
      if (record.op.level === 'strong') history.answered.push(record);
      else history.weak.push(record);
    } else if (record.result.kind === 'unknown') history.unknown.push(record);
    else if (record.result.kind === 'failed') history.failed.push(record);
    else history.answered.push(record);
  }
  return [...keys.values()];
}

/**
 * The search over `history`. An unanswered put whose value only it can have written and that a read returned
 * took effect before the first such read returned; the values of those that nobody ever saw do not matter, which makes
 * them interchangeable.
 */
export function problemOf(history: KeyHistory): Problem {
  const firstSight = firstSights(history);
  const writers = countWriters(history);
  const hasAdds = [...history.answered, ...history.unknown].some(({ op }) => op.kind === 'add');
  const ranks = ranksOf(history);
  const required = history.answered.map((record) =>
    entryOf(record, record.op, record.ret, ranks.get(record) ?? 0),
  );
  const groups = new Map<string, Entry[]>();
  for (const record of history.unknown) {
    const { op } = record;
    let shared: Write = op;
    if (op.kind === 'put' && !(hasAdds && counterOf(op.value) !== undefined)) {
      const seen = firstSight.get(op.value);
      if (seen !== undefined && writers.get(op.value) === 1) {
        required.push(entryOf(record, op, Math.max(seen, record.call), 0));
        continue;
      }
      if (seen === undefined) shared = { ...op, value: unseenValue };
    }
    const name = JSON.stringify(shared);
    const entry = entryOf(record, shared, Number.POSITIVE_INFINITY, 0);
    const group = groups.get(name);
    if (group) group.push(entry);
    else groups.set(name, [entry]);
  }
  required.sort((a, b) => compareCalls(a.record, b.record));
  return { required, optional: [...groups.values()] };
}

const unseenValue = '\u0000never seen';

function entryOf(record: HistoryRecord, op: Entry['op'], ret: number, rank: number): Entry {
  return { record, op, ret, rank, readOnly: isReadOnly(record) };
}

function emptyHistory(key: string) {
  return {
    key,
    answered: [] as HistoryRecord[],
    unknown: [] as WriteRecord[],
    failed: [] as WriteRecord[],
    weak: [] as ReadRecord[],
  };
}

function byCall(records: readonly HistoryRecord[]): readonly HistoryRecord[] {
  const inOrder = records.every(
    (record, index) => index === 0 || compareCalls(records[index - 1]!, record) <= 0,
  );
  return inOrder ? records : [...records].sort(compareCalls);
}

/** By call, then by return: so two calls of one client come as they were made. */
export function compareCalls(a: HistoryRecord, b: HistoryRecord): number {
  return a.call - b.call || (a.ret === b.ret ? 0 : a.ret - b.ret);
}

function assertWellFormed(ordered: readonly HistoryRecord[]): void {
  const freeFrom = new Map<number, number>();
  for (const record of ordered) {
    const { client, call, ret, result } = record;
    if (!Number.isFinite(call) || !(call <= ret))
      throw malformed(record, 'a call must be finite and not after its return');
    if (call < (freeFrom.get(client) ?? call))
      throw malformed(record, 'its client still has another call open');
    if (ret === Number.POSITIVE_INFINITY && (result.kind === 'ok' || result.kind === 'refused'))
      throw malformed(record, 'an answered call must have a finite return');
    if (result.kind === 'ok' && !isRead(record) && record.result.kind === 'ok') {
      const { position, existed } = record.result;
      if (position === undefined && (record.op.kind !== 'delete' || existed === true))
        throw malformed(record, 'an acknowledged write must tell its position');
    }
    freeFrom.set(client, ret);
  }
}

function malformed(record: HistoryRecord, rule: string): Error {
  return new Error(
    `malformed history of key ${JSON.stringify(record.key)}: ${describe(record)}: ${rule}; mend the recorder`,
  );
}

/** For each value that a strong answer showed, the first return of such an answer. */
function firstSights(history: KeyHistory): Map<string, number> {
  const first = new Map<string, number>();
  for (const record of history.answered) {
    const value = sightedValue(record);
    if (value !== undefined) first.set(value, Math.min(record.ret, first.get(value) ?? record.ret));
  }
  return first;
}

function sightedValue(record: HistoryRecord): string | undefined {
  if (isRead(record))
    return record.result.kind === 'ok' && record.result.found ? record.result.value : undefined;
  return record.result.kind === 'refused' ? record.result.seen?.value : undefined;
}

function countWriters(history: KeyHistory): Map<string, number> {
  const writers = new Map<string, number>();
  for (const { op, result } of [...history.answered, ...history.unknown]) {
    if (op.kind === 'put' && result.kind !== 'refused')
      writers.set(op.value, (writers.get(op.value) ?? 0) + 1);
  }
  return writers;
}

function ranksOf(history: KeyHistory): Map<HistoryRecord, number> {
  const written: { record: HistoryRecord; position: Position }[] = [];
  for (const record of history.answered) {
    if (isRead(record) || record.result.kind !== 'ok' || record.result.position === undefined) continue;
    written.push({ record, position: record.result.position });
  }
  written.sort((a, b) => comparePositions(a.position, b.position));
  return new Map(written.map(({ record }, rank) => [record, rank]));
}

/** Does any call of the key have a condition on `field`? */
export function usesField(history: KeyHistory, field: 'version' | 'revision' | 'updated'): boolean {
  return [...history.answered, ...history.unknown].some(
    (record) => !isRead(record) && conditionsOf(record.op).some((condition) => condition.field === field),
  );
}
