import type { Order } from './anchors.ts';
import { orderByPosition } from './anchors.ts';
import { everything, isReadOnly, readFits } from './content.ts';
import { describe, violation } from './describe.ts';
import type { HistoryRecord, Violation } from './history.ts';
import type { KeyHistory } from './prepare.ts';
import type { Misfit, Story } from './replay.ts';
import { replay, unexplained } from './replay.ts';
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
  const misfit = 'reason' in story ? story : scan(placedByStory(calls, story), story);
  if (misfit === undefined) return { ok: true };
  return certain ? violation(history.key, misfit.reason, misfit.operations) : { ok: 'undecided' };
}

/** A call with its place among the writes. */
interface Call {
  readonly record: HistoryRecord;
  readonly ret: number;
  readonly writes: boolean;
  /** Of the write that it made or saw, among the anchors or in a story; -1 when its answer names none. */
  readonly place: number;
}

function placedCalls(history: KeyHistory, { named }: Order): Call[] {
  return history.answered.map((record, index) => ({
    record,
    ret: record.ret,
    writes: !isReadOnly(record),
    place: named[index]?.place ?? -1,
  }));
}

function placedByStory(calls: readonly Call[], { found, placeOf }: Story): readonly Call[] {
  if (found.length === 0) return calls;
  const ret = Number.POSITIVE_INFINITY;
  const moved = calls.map((call) => (call.place < 0 ? call : { ...call, place: placeOf[call.place]! }));
  const late = found.map(({ record, place }) => ({ record, ret, writes: true, place }));
  return [...moved, ...late].sort((a, b) => a.record.call - b.record.call);
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

/** A position that somebody saw and that no unanswered write at all can have made. */
function orphan(history: KeyHistory, order: Order, unknown: UnknownWrites): Misfit | undefined {
  const anchor = order.anchors.find((one) => one.write === undefined && !unknown.canExplain(one));
  if (anchor === undefined) return undefined;
  const failed = history.failed.find(({ op }) => op.kind === 'put' && op.value === anchor.value);
  const misfit = unexplained(anchor);
  if (failed === undefined) return misfit;
  return { reason: `${misfit.reason}: ${describe(failed)}`, operations: [failed, ...misfit.operations] };
}
