import type { Anchor, Order } from './anchors.ts';
import { orderByPosition } from './anchors.ts';
import type { Content } from './content.ts';
import { applyWrite, everything, isReadOnly, readFits, writeFits } from './content.ts';
import { describe, describePosition, violation } from './describe.ts';
import type { HistoryRecord, Violation, WriteRecord } from './history.ts';
import type { KeyHistory } from './prepare.ts';
import { UnknownWrites } from './unknown-writes.ts';

export type Decision = { readonly ok: true } | Violation | { readonly ok: 'undecided' };

/**
 * The fast path: positions tell the order of the writes, so one replay in that order and one pass in the order of the calls
 * decide. Exact while every write of the key was answered. With unanswered writes it accepts only what it can explain and
 * rejects only what no explanation can save; the rest is undecided.
 */
export function checkByPositions(history: KeyHistory): Decision {
  const order = orderByPosition(history);
  if (!order.ok) return order;
  const calls = placedCalls(history, order);
  const certain = history.unknown.length === 0;
  const unknown = new UnknownWrites(history, order);
  if (!certain) {
    const impossible = scan(calls, undefined) ?? orphan(history, order, unknown);
    if (impossible) return violation(history.key, impossible.reason, impossible.operations);
  }
  const story = replay(order, unknown);
  const misfit = 'reason' in story ? story : scan(withUnknown(calls, story), story);
  if (misfit === undefined) return { ok: true };
  return certain ? violation(history.key, misfit.reason, misfit.operations) : { ok: 'undecided' };
}

interface Misfit {
  readonly reason: string;
  readonly operations: readonly (HistoryRecord | undefined)[];
}

/** A call with its place among the writes. */
interface Call {
  readonly record: HistoryRecord;
  readonly ret: number;
  readonly writes: boolean;
  /** Of the write that it made or saw; -1 when its answer names none. */
  readonly place: number;
}

interface Story {
  /** `contents[place]` is what the key held after the write at that place. */
  readonly contents: readonly Content[];
  /** The writes by place, from 1. */
  readonly writes: readonly (WriteRecord | undefined)[];
  /** Unanswered writes that took effect, with their places. */
  readonly found: readonly { readonly record: WriteRecord; readonly place: number }[];
}

function placedCalls(history: KeyHistory, { named }: Order): Call[] {
  return history.answered.map((record, index) => ({
    record,
    ret: record.ret,
    writes: !isReadOnly(record),
    place: named[index]?.place ?? -1,
  }));
}

function withUnknown(calls: readonly Call[], { found }: Story): readonly Call[] {
  if (found.length === 0) return calls;
  const late = found.map(({ record, place }) => ({
    record,
    ret: Number.POSITIVE_INFINITY,
    writes: true,
    place,
  }));
  return [...calls, ...late].sort((a, b) => a.record.call - b.record.call);
}

/**
 * Real time against the order of the writes: a call must not be placed before one that had returned when it began. An answer that
 * names no position goes to the first place that it fits, which leaves the most room to those after it; without a
 * story such answers are left out.
 */
function scan(calls: readonly Call[], story: Story | undefined): Misfit | undefined {
  /** Open calls by return, the latest first: never more than there are clients. */
  const open: Call[] = [];
  let highest: Call | undefined;
  for (const call of calls) {
    while (open.length > 0 && open.at(-1)!.ret < call.record.call) {
      const returned = open.pop()!;
      if (highest === undefined || returned.place > highest.place) highest = returned;
    }
    const floor = highest?.place ?? 0;
    const placed = story === undefined || call.place >= 0 ? call : placeByContent(call, floor, story);
    if (placed === undefined) return nowhere(call, highest, story);
    if (placed.place < 0) continue;
    if (call.writes ? placed.place <= floor : placed.place < floor) return tooLate(call, highest!);
    if (story && !call.writes && !readFits(call.record, story.contents[placed.place]!, everything)) {
      return nowhere(call, undefined, story);
    }
    insertByReturn(open, placed);
  }
  return undefined;
}

function placeByContent(call: Call, floor: number, { contents, writes }: Story): Call | undefined {
  for (let place = floor; place < contents.length; place++) {
    const write = writes[place];
    if (write !== undefined && write.call > call.ret) return undefined;
    if (readFits(call.record, contents[place]!, everything)) return { ...call, place };
  }
  return undefined;
}

function insertByReturn(open: Call[], call: Call): void {
  if (call.ret === Number.POSITIVE_INFINITY) return;
  let at = open.length;
  while (at > 0 && open[at - 1]!.ret < call.ret) at--;
  if (at === open.length) open.push(call);
  else open.splice(at, 0, call);
}

function tooLate(call: Call, highest: Call): Misfit {
  const reason = `${describe(call.record)} came after ${describe(highest.record)} had returned, but its position is not after it`;
  return { reason, operations: [highest.record, call.record] };
}

function nowhere(call: Call, highest: Call | undefined, story: Story | undefined): Misfit {
  const write = story?.writes[Math.max(highest?.place ?? 0, call.place)];
  const after = highest ? ` at or after ${describe(highest.record)}` : '';
  const state = write ? `; the last write before it is ${describe(write)}` : '';
  return {
    reason: `${describe(call.record)} fits no state of the key${after}${state}`,
    operations: [write, highest?.record, call.record],
  };
}

/** Runs the writes in the order of their positions and looks at each answer. */
function replay(order: Order, unknown: UnknownWrites): Story | Misfit {
  const contents: Content[] = [null];
  const writes: (WriteRecord | undefined)[] = [undefined];
  const found: { record: WriteRecord; place: number }[] = [];
  let content: Content = null;
  for (const anchor of order.anchors) {
    const record = anchor.write ?? unknown.take(anchor, content);
    if (record === undefined) return unexplained(anchor);
    if (anchor.write === undefined) found.push({ record, place: anchor.place });
    const after = applyWrite(record.op, content, anchor.position, anchor.updated);
    if (after === undefined || !followsFrom(record, content, after) || !agrees(anchor, after)) {
      return impossibleWrite(record, anchor, content, writes.at(-1));
    }
    content = after;
    contents.push(content);
    writes.push(record);
  }
  return { contents, writes, found };
}

function followsFrom(record: WriteRecord, before: Content, after: Content): boolean {
  if (!writeFits(record, before, after, everything)) return false;
  if (record.result.kind !== 'ok' || !record.result.previous) return true;
  const { seq, version } = record.result.previous;
  return before?.position?.seq === seq && before.position.version === version;
}

function agrees(anchor: Anchor, after: Content): boolean {
  if (after === null) return anchor.sighting === undefined;
  if (anchor.value !== undefined && anchor.value !== after.value) return false;
  return anchor.objectVersion === undefined || anchor.objectVersion === after.objectVersion;
}

function impossibleWrite(
  record: WriteRecord,
  anchor: Anchor,
  before: Content,
  last: WriteRecord | undefined,
): Misfit {
  const held =
    before === null
      ? 'the key was absent'
      : `the key held ${JSON.stringify(before.value)} (object version ${before.objectVersion}) at ${describePosition(before.position)}`;
  const reason = `${describe(record)} cannot be answered like this where ${held}`;
  return { reason, operations: [last, record, anchor.sighting] };
}

function unexplained({ position, sighting, value }: Anchor): Misfit {
  const what = value === undefined ? 'a value' : JSON.stringify(value);
  const seen = sighting ? `${describe(sighting)} saw ` : '';
  return {
    reason: `${seen}${what} at ${describePosition(position)}, which no write explains`,
    operations: [sighting],
  };
}

/** A position that somebody saw and that no unanswered write at all can have made. */
function orphan(history: KeyHistory, order: Order, unknown: UnknownWrites): Misfit | undefined {
  const anchor = order.anchors.find((one) => one.write === undefined && !unknown.canExplain(one));
  if (anchor === undefined) return undefined;
  const failed = history.failed.find(({ op }) => op.kind === 'put' && op.value === anchor.value);
  const misfit = unexplained(anchor);
  if (failed === undefined) return misfit;
  return { reason: `${misfit.reason}: ${describe(failed)}`, operations: [failed, ...misfit.operations] };
}
