import type { Anchor, Order } from './anchors.ts';
import type { Content } from './content.ts';
import { applyWrite, holds } from './content.ts';
import type { WriteRecord } from './history.ts';
import { conditionsOf } from './history.ts';
import type { KeyHistory } from './prepare.ts';

/** The unanswered writes of a key, to explain positions that somebody saw and nobody acknowledged. */
export class UnknownWrites {
  readonly #puts = new Map<string, WriteRecord[]>();
  readonly #adds: WriteRecord[] = [];
  readonly #deletes: WriteRecord[] = [];
  /** Puts whose value is seen nowhere: good for positions of which nobody saw the value. */
  readonly #spare: WriteRecord[] = [];
  #nextSpare = 0;
  readonly #taken = new Set<WriteRecord>();
  readonly #deadlines: Float64Array;

  constructor(history: KeyHistory, order: Order) {
    this.#deadlines = deadlines(history, order);
    const seen = new Set(order.anchors.filter(({ write }) => write === undefined).map(({ value }) => value));
    for (const record of history.unknown) {
      const { op } = record;
      if (op.kind === 'add') this.#adds.push(record);
      if (op.kind === 'delete') this.#deletes.push(record);
      if (op.kind !== 'put') continue;
      const same = this.#puts.get(op.value);
      if (same) same.push(record);
      else this.#puts.set(op.value, [record]);
      if (!seen.has(op.value) && conditionsOf(op).length === 0) this.#spare.push(record);
    }
  }

  /**
   * A write not taken before that can have turned `before` into what was seen at `anchor`. Any of equal effect is as good:
   * later anchors have later deadlines.
   */
  take(anchor: Anchor, before: Content): WriteRecord | undefined {
    const record = this.#choose(anchor, before);
    if (record !== undefined) this.#taken.add(record);
    return record;
  }

  /** A delete not taken before that can have ended `before` ahead of the anchor at `place`. */
  takeDelete(place: number, before: Content): WriteRecord | undefined {
    const deadline = this.#deadlines[place] ?? Number.POSITIVE_INFINITY;
    const record = this.#deletes.find(
      (one) => !this.#taken.has(one) && one.call <= deadline && holds(conditionsOf(one.op), before) !== false,
    );
    if (record !== undefined) this.#taken.add(record);
    return record;
  }

  /** False only when no unanswered write can have made `anchor`, whatever came before it. */
  canExplain(anchor: Anchor): boolean {
    const inTime = (record: WriteRecord) => record.call <= this.#deadlines[anchor.place]!;
    return this.#candidates(anchor).some(inTime) || this.#adds.some(inTime);
  }

  #choose(anchor: Anchor, before: Content): WriteRecord | undefined {
    if (anchor.value === undefined) {
      while (this.#taken.has(this.#spare[this.#nextSpare]!)) this.#nextSpare++;
      const spare = this.#spare[this.#nextSpare];
      if (spare !== undefined && spare.call <= this.#deadlines[anchor.place]!) return spare;
    }
    const fits = (record: WriteRecord) => this.#fits(record, anchor, before);
    return this.#candidates(anchor).find(fits) ?? this.#adds.find(fits);
  }

  #candidates({ value }: Anchor): readonly WriteRecord[] {
    return value === undefined ? [...this.#puts.values()].flat() : (this.#puts.get(value) ?? []);
  }

  #fits(record: WriteRecord, anchor: Anchor, before: Content): boolean {
    if (this.#taken.has(record) || record.call > this.#deadlines[anchor.place]!) return false;
    if (holds(conditionsOf(record.op), before) === false) return false;
    const after = applyWrite(record.op, before, anchor.position, anchor.updated);
    return (
      after !== undefined && after !== null && (anchor.value === undefined || after.value === anchor.value)
    );
  }
}

/** By place: a write there was called before the first return of an answer that names this place or a later one. */
function deadlines(history: KeyHistory, { anchors, named }: Order): Float64Array {
  const latest = new Float64Array(anchors.length + 1).fill(Number.POSITIVE_INFINITY);
  history.answered.forEach(({ ret }, index) => {
    const place = named[index]?.place;
    if (place !== undefined) latest[place] = Math.min(latest[place]!, ret);
  });
  for (let place = latest.length - 2; place >= 0; place--) {
    latest[place] = Math.min(latest[place]!, latest[place + 1]!);
  }
  return latest;
}
