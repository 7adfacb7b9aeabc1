import type { HistoryRecord } from './history.ts';
import type { Entry, Problem } from './prepare.ts';

/** A sequential object. States are immutable. */
export interface Model<S> {
  readonly initial: S;
  /** The state after `entry`, `state` itself when it changes nothing, undefined when its answer is impossible here. */
  step(state: S, entry: Entry): S | undefined;
  /** Equal for equal states only. */
  name(state: S): string;
}

export type Outcome =
  | { readonly kind: 'legal'; readonly steps: number }
  /** `stuck` is the call that no order can place after the longest prefix found, `before` the last writes of that prefix. */
  | {
      readonly kind: 'illegal';
      readonly steps: number;
      readonly stuck: HistoryRecord;
      readonly before: readonly HistoryRecord[];
    }
  | { readonly kind: 'exhausted'; readonly steps: number };

/**
 * Is there an order of all required and some optional operations that respects real time and the model?
 * Wing and Gong's search with Lowe's memo. Two shortcuts lose no answer: an answer that fits the present state
 * and changes nothing may always go first, and of interchangeable operations the earliest called goes first.
 */
export function search<S>(problem: Problem, model: Model<S>, budget: number): Outcome {
  return new Search(problem, model).run(budget);
}

interface Frame<S> {
  readonly state: S;
  readonly entry: Entry;
  /** Index in `required`, or -1 for a member of group `group`. */
  readonly index: number;
  readonly group: number;
  /** The highest index taken so far. */
  readonly highest: number;
  /** Taken without need to try anything else in its place. */
  readonly forced: boolean;
}

class Search<S> {
  readonly #required: readonly Entry[];
  readonly #optional: readonly (readonly Entry[])[];
  readonly #model: Model<S>;
  /** Events of operations not yet taken, as a doubly linked list: i is the call of i, n + i its return, 2n both ends. */
  readonly #next: Int32Array;
  readonly #prev: Int32Array;
  readonly #used: number[];
  readonly #memo = new Set<string>();
  readonly #stack: Frame<S>[] = [];
  #state: S;
  #highest = -1;
  #taken = 0;
  #steps = 0;
  #deepest = -1;
  #stuck: Entry | undefined;
  #before: readonly HistoryRecord[] = [];

  constructor(problem: Problem, model: Model<S>) {
    this.#required = problem.required;
    this.#optional = problem.optional;
    this.#model = model;
    this.#state = model.initial;
    this.#used = problem.optional.map(() => 0);
    this.#next = new Int32Array(2 * problem.required.length + 1);
    this.#prev = new Int32Array(2 * problem.required.length + 1);
    this.#linkEvents();
  }

  run(budget: number): Outcome {
    const n = this.#required.length;
    let event = 0;
    let group = 0;
    let fresh = true;
    while (this.#taken < n) {
      if (this.#steps > budget) return { kind: 'exhausted', steps: this.#steps };
      if (fresh) {
        fresh = this.#takeFreeRead();
        event = this.#next[2 * n]!;
        group = 0;
      } else if (event < n) {
        fresh = this.#tryRequired(event);
        event = this.#next[event]!;
      } else if (group < this.#optional.length) {
        fresh = this.#tryOptional(group, this.#required[event - n]!.ret);
        group++;
      } else {
        this.#noteDepth(this.#required[event - n]!);
        const undone = this.#backtrack();
        if (undone === undefined) return this.#illegal();
        event = undone.index >= 0 ? this.#next[undone.index]! : this.#firstReturn();
        group = undone.index >= 0 ? 0 : undone.group + 1;
      }
    }
    return { kind: 'legal', steps: this.#steps };
  }

  #linkEvents(): void {
    const n = this.#required.length;
    const time = (event: number) =>
      event < n ? this.#required[event]!.record.call : this.#required[event - n]!.ret;
    const events = Array.from({ length: 2 * n }, (_, event) => event);
    // At equal times calls go first (they have the lower numbers): such operations count as concurrent.
    events.sort((a, b) => time(a) - time(b) || a - b);
    let last = 2 * n;
    for (const event of [...events, 2 * n]) {
      this.#next[last] = event;
      this.#prev[event] = last;
      last = event;
    }
  }

  #takeFreeRead(): boolean {
    const n = this.#required.length;
    for (let event = this.#next[2 * n]!; event < n; event = this.#next[event]!) {
      const entry = this.#required[event]!;
      if (!entry.readOnly) continue;
      this.#steps++;
      if (this.#model.step(this.#state, entry) !== this.#state) continue;
      this.#push(entry, event, -1, true);
      return true;
    }
    return false;
  }

  #tryRequired(index: number): boolean {
    const entry = this.#required[index]!;
    this.#steps++;
    const after = this.#model.step(this.#state, entry);
    if (after === undefined || (entry.readOnly && after === this.#state)) return false;
    this.#push(entry, index, -1, false);
    this.#state = after;
    return this.#keepIfNew();
  }

  #tryOptional(group: number, deadline: number): boolean {
    const entry = this.#optional[group]![this.#used[group]!];
    if (entry === undefined || entry.record.call > deadline) return false;
    this.#steps++;
    const after = this.#model.step(this.#state, entry);
    if (after === undefined) return false;
    this.#push(entry, -1, group, false);
    this.#state = after;
    return this.#keepIfNew();
  }

  #push(entry: Entry, index: number, group: number, forced: boolean): void {
    this.#stack.push({ state: this.#state, entry, index, group, highest: this.#highest, forced });
    if (index < 0) {
      this.#used[group]!++;
      return;
    }
    this.#taken++;
    this.#highest = Math.max(this.#highest, index);
    this.#unlink(index);
    this.#unlink(this.#required.length + index);
  }

  #pop(): Frame<S> | undefined {
    const frame = this.#stack.pop();
    if (frame === undefined) return undefined;
    this.#state = frame.state;
    this.#highest = frame.highest;
    if (frame.index < 0) {
      this.#used[frame.group]!--;
      return frame;
    }
    this.#taken--;
    this.#relink(this.#required.length + frame.index);
    this.#relink(frame.index);
    return frame;
  }

  #keepIfNew(): boolean {
    if (this.#isNew()) return true;
    this.#pop();
    return false;
  }

  #backtrack(): Frame<S> | undefined {
    let frame = this.#pop();
    while (frame?.forced) frame = this.#pop();
    return frame;
  }

  #firstReturn(): number {
    const n = this.#required.length;
    let event = this.#next[2 * n]!;
    while (event < n) event = this.#next[event]!;
    return event;
  }

  #unlink(event: number): void {
    const before = this.#prev[event]!;
    const after = this.#next[event]!;
    this.#next[before] = after;
    this.#prev[after] = before;
  }

  #relink(event: number): void {
    this.#next[this.#prev[event]!] = event;
    this.#prev[this.#next[event]!] = event;
  }

  /**
   * Remembers (operations taken, state). The set of the taken is told by its highest index and what is missing below: those
   * were all open at one moment, so there are never more of them than clients.
   */
  #isNew(): boolean {
    const n = this.#required.length;
    let name = `${this.#highest}`;
    for (let event = this.#next[2 * n]!; event !== 2 * n; event = this.#next[event]!) {
      if (event < n && event > this.#highest) break;
      if (event < n) name += `,${event}`;
    }
    name += `;${this.#used.join()};${this.#model.name(this.#state)}`;
    const known = this.#memo.size;
    this.#memo.add(name);
    return this.#memo.size > known;
  }

  #noteDepth(stuck: Entry): void {
    if (this.#taken <= this.#deepest) return;
    this.#deepest = this.#taken;
    this.#stuck = stuck;
    const writes = this.#stack.filter(({ entry }) => !entry.readOnly).slice(-3);
    this.#before = writes.map(({ entry }) => entry.record);
  }

  #illegal(): Outcome {
    return { kind: 'illegal', steps: this.#steps, stuck: this.#stuck!.record, before: this.#before };
  }
}
