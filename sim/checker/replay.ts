import type { Anchor, Order } from './anchors.ts';
import type { Content } from './content.ts';
import { applyWrite, everything, writeFits } from './content.ts';
import { describe, describePosition } from './describe.ts';
import type { HistoryRecord, Position, WriteRecord } from './history.ts';
import type { UnknownWrites } from './unknown-writes.ts';

/** One way in which the writes of a key can have happened. */
export interface Story {
  /** `contents[place]` is what the key held after the write at that place; place 0 is before all writes. */
  readonly contents: readonly Content[];
  /** The writes by place, from 1. */
  readonly writes: readonly (WriteRecord | undefined)[];
  /** Place in this story for each place among the anchors. */
  readonly placeOf: readonly number[];
  /** Unanswered writes that took effect, with their places. */
  readonly found: readonly { readonly record: WriteRecord; readonly place: number }[];
}

export interface Misfit {
  readonly reason: string;
  readonly operations: readonly (HistoryRecord | undefined)[];
}

/**
 * Runs the writes in the order of their positions and looks at each answer.
 * Unanswered writes join where something calls for them.
 */
export function replay(order: Order, unknown: UnknownWrites): Story | Misfit {
  return new Replay(unknown).run(order);
}

class Replay {
  readonly #unknown: UnknownWrites;
  readonly #contents: Content[] = [null];
  readonly #writes: (WriteRecord | undefined)[] = [undefined];
  readonly #placeOf: number[] = [0];
  readonly #found: { record: WriteRecord; place: number }[] = [];
  #content: Content = null;

  constructor(unknown: UnknownWrites) {
    this.#unknown = unknown;
  }

  run({ anchors }: Order): Story | Misfit {
    let last: Position | undefined;
    for (const anchor of anchors) {
      const room = last !== undefined && anchor.position.seq - last.seq > 1;
      if (room && this.#content !== null && startsFromAbsence(anchor)) this.#deleteBefore(anchor.place);
      const misfit = this.#perform(anchor);
      if (misfit) return misfit;
      last = anchor.position;
    }
    // Harmless when nobody found the key absent after all: nothing says that this write happened.
    if (this.#content !== null) this.#deleteBefore(anchors.length + 1);
    return { contents: this.#contents, writes: this.#writes, placeOf: this.#placeOf, found: this.#found };
  }

  #perform(anchor: Anchor): Misfit | undefined {
    const before = this.#content;
    const record = anchor.write ?? this.#unknown.take(anchor, before);
    if (record === undefined) return unexplained(anchor);
    const after = applyWrite(record.op, before, anchor.position, anchor.updated);
    if (after === undefined || !followsFrom(record, before, after) || !agrees(anchor, after)) {
      return impossibleWrite(record, anchor, before, this.#writes.at(-1));
    }
    this.#placeOf.push(this.#contents.length);
    this.#append(record, after, anchor.write === undefined);
    return undefined;
  }

  #deleteBefore(place: number): void {
    const record = this.#unknown.takeDelete(place, this.#content);
    if (record) this.#append(record, null, true);
  }

  #append(record: WriteRecord, after: Content, found: boolean): void {
    if (found) this.#found.push({ record, place: this.#contents.length });
    this.#contents.push(after);
    this.#writes.push(record);
    this.#content = after;
  }
}

/** Does something say that the key was absent right before this write? */
function startsFromAbsence({ write, objectVersion }: Anchor): boolean {
  if (objectVersion === 1) return true;
  if (write?.result.kind !== 'ok') return false;
  const { previous, existed, objectVersion: told } = write.result;
  return previous === null || existed === false || (told === 1 && write.op.kind !== 'delete');
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
      : `object version ${before.objectVersion}, ${JSON.stringify(before.value)}, lay at ${describePosition(before.position)}`;
  const reason = `${describe(record)} cannot be answered like this where ${held}`;
  return { reason, operations: [last, record, anchor.sighting] };
}

export function unexplained({ position, sighting, value }: Anchor): Misfit {
  const what = value === undefined ? 'a value' : JSON.stringify(value);
  const seen = sighting ? `${describe(sighting)} saw ` : '';
  return {
    reason: `${seen}${what} at ${describePosition(position)}, which no write explains`,
    operations: [sighting],
  };
}
