import type { Anchor } from './anchors.ts';
import { orderByPosition } from './anchors.ts';
import { describe, describePosition, violation } from './describe.ts';
import type { HistoryRecord, Position, ReadAnswer, ReadRecord, Verdict, WriteRecord } from './history.ts';
import { comparePositions, isRead } from './history.ts';
import type { KeyHistory } from './prepare.ts';
import { compareCalls } from './prepare.ts';

/**
 * What the weaker levels promise, against the order that the strong answers tell. Every level: the value was committed,
 * by a write called before the answer. Session: never older than the token, nor than what the same client wrote or read
 * (strongly or in session) before. Bounded: never older than what had been answered `boundMs` before the call.
 * A history whose strong part is already wrong passes here.
 */
export function checkWeakReads(history: KeyHistory): Verdict {
  if (history.weak.length === 0) return { ok: true };
  const order = orderByPosition(history);
  if (!order.ok) return { ok: true };
  const timeline = new Timeline(history, order.anchors);
  const answered = history.answered.map((record, index) => ({ record, anchor: order.named[index] }));
  const staleness = new Staleness(answered);
  const sessions = new Map<number, Position>();
  const weak = history.weak.map((record) => ({ record, anchor: undefined }));
  // Of two calls of one client that took no time at the same time the weak one goes first: the milder reading.
  const calls = [...weak, ...answered].sort((a, b) => compareCalls(a.record, b.record));
  for (const { record, anchor } of calls) {
    const { client, op } = record;
    if (!isRead(record) || record.op.level === 'strong') {
      if (anchor) sessions.set(client, latest(sessions.get(client), anchor.position)!);
      continue;
    }
    const floor = floorOf(record, timeline, staleness, sessions.get(client));
    const place = timeline.placeOf(record, floor);
    if ('reason' in place) return violation(history.key, place.reason, [...place.operations, record]);
    if (op.kind === 'get' && op.level === 'session' && place.at)
      sessions.set(client, latest(sessions.get(client), place.at)!);
  }
  return { ok: true };
}

type Place = { readonly at: Position | undefined } | Misfit;

interface Misfit {
  readonly reason: string;
  readonly operations: readonly (HistoryRecord | undefined)[];
}

function floorOf(
  { op, call }: ReadRecord,
  timeline: Timeline,
  staleness: Staleness,
  session: Position | undefined,
): Position | undefined {
  if (op.level === 'bounded') return staleness.before(call - (op.boundMs ?? 0));
  if (op.level !== 'session') return undefined;
  return latest(session, op.token && timeline.upTo(op.token)?.position);
}

function latest(a: Position | undefined, b: Position | undefined): Position | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return comparePositions(a, b) >= 0 ? a : b;
}

/** The committed writes of the key, as far as strong answers name them. */
class Timeline {
  readonly #history: KeyHistory;
  readonly #anchors: readonly Anchor[];

  constructor(history: KeyHistory, anchors: readonly Anchor[]) {
    this.#history = history;
    this.#anchors = anchors;
  }

  /** The last named write at or before `position`. */
  upTo(position: Position): Anchor | undefined {
    let [low, high] = [0, this.#anchors.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (comparePositions(this.#anchors[middle]!.position, position) <= 0) low = middle + 1;
      else high = middle;
    }
    return this.#anchors[low - 1];
  }

  /** The earliest position at which `record` can have read, not before `floor`. */
  placeOf(record: ReadRecord, floor: Position | undefined): Place {
    const answer = record.result as ReadAnswer;
    if (!answer.found) return this.#placeOfAbsence(record, floor);
    const { position } = answer;
    if (position === undefined) {
      return this.#writable(record, answer)
        ? { at: undefined }
        : misfit(record, 'a value that nobody had written');
    }
    if (floor && comparePositions(position, floor) < 0) return this.#stale(record, floor);
    const anchor = this.upTo(position);
    const problem =
      anchor && comparePositions(anchor.position, position) === 0
        ? this.#disagrees(record, answer, anchor)
        : this.#uncommitted(record, answer, position, anchor);
    return problem ?? { at: position };
  }

  #placeOfAbsence(record: ReadRecord, floor: Position | undefined): Place {
    if (floor === undefined) return { at: undefined };
    const from = this.upTo(floor)?.place ?? 0;
    const start =
      from > 0 && comparePositions(this.#anchors[from - 1]!.position, floor) === 0 ? from - 1 : from;
    for (const { write, position } of this.#anchors.slice(start)) {
      if (write?.op.kind === 'delete' && write.call <= record.ret) return { at: position };
    }
    const deletes = this.#history.unknown.some(({ op, call }) => op.kind === 'delete' && call <= record.ret);
    return deletes ? { at: floor } : this.#stale(record, floor);
  }

  #stale(record: ReadRecord, floor: Position): Misfit {
    const anchor = this.upTo(floor);
    const promise =
      record.op.level === 'bounded'
        ? `${record.op.boundMs ?? 0} ms before it the key had come to ${describePosition(floor)}`
        : `its session had come to ${describePosition(floor)}`;
    return {
      reason: `${describe(record)} is too old: ${promise}`,
      operations: [anchor?.write ?? anchor?.sighting],
    };
  }

  #disagrees(record: ReadRecord, answer: ReadAnswer, anchor: Anchor): Misfit | undefined {
    const { write } = anchor;
    if (write === undefined) {
      if (anchor.value === undefined ? this.#writable(record, answer) : answer.value === anchor.value)
        return undefined;
      return misfit(record, 'another value than strong reads of this position', anchor.sighting);
    }
    if (write.call > record.ret) return misfit(record, 'a write that was not called yet', write);
    if (write.op.kind === 'delete') return misfit(record, 'a value at the position of a delete', write);
    const wrote = write.op.kind === 'put' ? write.op.value : resultOf(write);
    if (wrote !== undefined && wrote !== answer.value)
      return misfit(record, 'another value than was written there', write);
    const version = write.result.kind === 'ok' ? write.result.objectVersion : undefined;
    if (version !== undefined && answer.objectVersion !== undefined && version !== answer.objectVersion) {
      return misfit(record, 'another object version than was written there', write);
    }
    return undefined;
  }

  /** A position that no strong answer names: an unanswered write must explain it, and no later write may have overlooked it. */
  #uncommitted(
    record: ReadRecord,
    answer: ReadAnswer,
    position: Position,
    before: Anchor | undefined,
  ): Misfit | undefined {
    if (!this.#writable(record, answer, this.#history.unknown)) {
      const failed = this.#history.failed.find(({ op }) => op.kind === 'put' && op.value === answer.value);
      return misfit(record, `what no write left at ${describePosition(position)}`, failed);
    }
    const after = this.#anchors[before?.place ?? 0]?.write;
    if (after?.result.kind !== 'ok' || after.result.previous === undefined) return undefined;
    const { ret } = after;
    const gone = this.#history.unknown.some(({ op, call }) => op.kind === 'delete' && call <= ret);
    if (after.result.previous === null && gone) return undefined;
    return misfit(record, 'a value that was never committed: the next write did not find it', after);
  }

  /** Was a write that can leave this value called before the answer? */
  #writable(record: ReadRecord, { value }: ReadAnswer, writes?: readonly WriteRecord[]): boolean {
    const { unknown, answered } = this.#history;
    return (writes ?? [...unknown, ...answered]).some(({ op, result, call }) => {
      if (result.kind === 'refused' || call > record.ret) return false;
      return op.kind === 'add' || (op.kind === 'put' && op.value === value);
    });
  }
}

function misfit(record: ReadRecord, what: string, other?: HistoryRecord): Misfit {
  return {
    reason: `${describe(record)} saw ${what}${other ? `: ${describe(other)}` : ''}`,
    operations: [other],
  };
}

function resultOf({ result }: WriteRecord): string | undefined {
  return result.kind === 'ok' && result.value !== undefined ? String(result.value) : undefined;
}

/** How far the key had come by a given time, as strong answers prove. */
class Staleness {
  readonly #returns: { readonly ret: number; readonly highest: Position }[] = [];

  constructor(answered: readonly { readonly record: HistoryRecord; readonly anchor: Anchor | undefined }[]) {
    let highest: Position | undefined;
    for (const { record, anchor } of [...answered].sort((a, b) => a.record.ret - b.record.ret)) {
      if (anchor === undefined) continue;
      highest = latest(highest, anchor.position)!;
      this.#returns.push({ ret: record.ret, highest });
    }
  }

  /** The highest position that an answer told before `time`. */
  before(time: number): Position | undefined {
    let [low, high] = [0, this.#returns.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#returns[middle]!.ret < time) low = middle + 1;
      else high = middle;
    }
    return this.#returns[low - 1]?.highest;
  }
}
