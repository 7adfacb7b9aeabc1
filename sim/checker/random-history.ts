import type { HistoryRecord, Position, Write } from './history.ts';
import type { Content, Fault, Intent, Plan } from './random-calls.ts';
import { randomCalls, randomFrom, randomWrite, test } from './random-calls.ts';

/** Tests only: what a correct store, or one with a single fault, would let clients record. */
export interface Run {
  readonly records: readonly HistoryRecord[];
  /** The key in which the fault shows; undefined when it had no chance to. */
  readonly faulty: string | undefined;
}

interface State {
  readonly content: Content;
  readonly from: number;
  /** When the client of the write that led here knew; -Infinity for the initial state. */
  readonly known: number;
}

export function randomHistory(plan: Plan): Run {
  return new Store(plan).run();
}

class Store {
  readonly #plan: Plan;
  readonly #random: () => number;
  readonly #records: HistoryRecord[] = [];
  readonly #states = new Map<string, State[]>();
  readonly #sessions = new Map<number, Position>();
  readonly #reads = new Map<string, Position>();
  #position: Position = { version: 1, seq: 0 };
  #values = 0;
  /** A stale read that found nothing: an overlapping delete may still make it right. */
  #staleAbsence: Intent | undefined;
  /** The operation before which no fault happens. */
  readonly #faultFrom: number;
  #faulty:
    | { key: string; ret: number; shown: boolean; spoilt: boolean; need: 'any' | 'value'; value?: string }
    | undefined;
  #delayed: { intent: Intent; op: Write; position: Position; index: number } | undefined;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#random = randomFrom(plan.seed);
    this.#faultFrom = plan.fault
      ? Math.floor(this.#random() * plan.operations * 0.7)
      : Number.POSITIVE_INFINITY;
  }

  run(): Run {
    const intents = randomCalls(this.#plan, this.#random);
    intents.forEach((intent, index) => {
      if (this.#random() < 0.02) this.#position = { ...this.#position, version: this.#position.version + 1 };
      this.#serve(intent, index);
    });
    const fault = this.#faulty;
    const showing = fault?.shown && !fault.spoilt && !this.#excused(fault.key) ? fault.key : undefined;
    return { records: [...this.#records].sort((a, b) => a.call - b.call), faulty: showing };
  }

  /** Could an unanswered write of the key, or an absence that came in time, explain what the fault did? */
  #excused(key: string): boolean {
    const { fault } = this.#plan;
    const unknown = this.#records.filter((one) => one.key === key && one.result.kind === 'unknown');
    if (fault === 'double add') return unknown.length > 0;
    if (fault === 'lost write' || fault === 'dirty read')
      return unknown.some(({ op }) => op.kind === 'delete');
    if (this.#staleAbsence === undefined) return false;
    const { call, ret } = this.#staleAbsence;
    return this.#records.some((one) => {
      if (one.key !== key || one.op.kind !== 'delete' || one.call > ret) return false;
      return one.result.kind === 'unknown' || (one.result.kind === 'ok' && one.ret >= call);
    });
  }

  #serve(intent: Intent, index: number): void {
    this.#settleDelayed(intent);
    const faultNow = index >= this.#faultFrom && this.#faulty === undefined ? this.#plan.fault : undefined;
    const { weakRate = 0 } = this.#plan;
    const chance = { random: this.#random, unique: () => this.#unique() };
    if (intent.outcome === 'answered' && this.#random() < 0.5) {
      if (this.#random() < weakRate) this.#weakRead(intent);
      else this.#strongRead(intent, faultNow);
    } else
      this.#write(intent, randomWrite(this.#plan, this.#content(intent.key), faultNow, chance), faultNow);
  }

  #strongRead(intent: Intent, fault: Fault | undefined): void {
    let content = this.#content(intent.key);
    const old =
      fault === 'stale read' || fault === 'resurrected' ? this.#overwritten(intent, fault) : undefined;
    if (old) {
      content = old.content;
      if (content === null) this.#staleAbsence = intent;
      this.#faulty = { key: intent.key, ret: 0, shown: true, spoilt: false, need: 'any' };
    } else if (fault === 'dirty read' && this.#states.has(intent.key)) content = this.#dirtyRead(intent);
    else this.#reveal(intent, content, false);
    this.#answerRead(intent, content, 'strong');
  }

  /** A state whose successor was acknowledged before the call began. */
  #overwritten(intent: Intent, fault: Fault): State | undefined {
    const states = this.#statesOf(intent.key);
    const current = this.#content(intent.key);
    const stale = states.filter((state, index) => {
      const next = states[index + 1];
      if (next === undefined || next.known >= intent.call || sameContent(state.content, current))
        return false;
      // An absent answer names no position: any later absence makes it right.
      if (state.content === null) {
        return fault === 'stale read' && !states.slice(index + 1).some(({ content }) => content === null);
      }
      return fault === 'stale read' || next.content === null;
    });
    return stale[this.#below(stale.length)];
  }

  /** Sees an unanswered write that will be lost with its head. */
  #dirtyRead(intent: Intent): Content {
    const before = this.#content(intent.key);
    const value = `lost${this.#unique()}`;
    const call = intent.call;
    const writer = 10_000 + this.#records.length;
    const ret = Number.POSITIVE_INFINITY;
    this.#records.push({
      client: writer,
      key: intent.key,
      call,
      ret,
      op: { kind: 'put', value },
      result: { kind: 'unknown' },
    });
    const position = { version: this.#position.version, seq: this.#position.seq + 1 };
    this.#position = { version: this.#position.version + 1, seq: this.#position.seq };
    this.#faulty = { key: intent.key, ret: intent.ret, shown: false, spoilt: false, need: 'any' };
    return { value, position, objectVersion: (before?.objectVersion ?? 0) + 1, updated: intent.effect };
  }

  #answerRead(intent: Intent, content: Content, level: 'strong' | 'eventual'): void {
    const { client, key, call, ret } = intent;
    if (content && level === 'strong') this.#remember(client, key, content.position);
    this.#records.push({ client, key, call, ret, op: { kind: 'get', level }, result: found(content) });
  }

  #weakRead(intent: Intent): void {
    const { client, key, call, ret, effect } = intent;
    const states = this.#statesOf(key);
    const level = (['eventual', 'session', 'bounded'] as const)[this.#below(3)]!;
    if (level === 'eventual') {
      this.#answerRead(intent, states[this.#below(states.length)]!.content, 'eventual');
      return;
    }
    if (level === 'bounded') {
      const boundMs = this.#below(20);
      const since = effect - this.#random() * boundMs;
      const fresh = states.filter(
        (_, index) => (states[index + 1]?.from ?? Number.POSITIVE_INFINITY) >= since,
      );
      const { content } = fresh[this.#below(fresh.length)]!;
      this.#records.push({
        client,
        key,
        call,
        ret,
        op: { kind: 'get', level, boundMs },
        result: found(content),
      });
      return;
    }
    const token = this.#sessions.get(client);
    const floor = this.#reads.get(`${client} ${key}`);
    const from = states.findLastIndex(({ content }, index) => {
      const at = content?.position ?? this.#deletedAt(key, index);
      return at === undefined || (token && !before(token, at)) || (floor && !before(floor, at));
    });
    const since = Math.max(0, from);
    const chosen = since + this.#below(states.length - since);
    const { content } = states[chosen]!;
    const at = content?.position ?? this.#deletedAt(key, chosen);
    if (at) this.#remember(client, key, at);
    const op = token ? ({ kind: 'get', level, token } as const) : ({ kind: 'get', level } as const);
    this.#records.push({ client, key, call, ret, op, result: found(content) });
  }

  readonly #deletes = new Map<string, Map<number, Position>>();

  #deletedAt(key: string, index: number): Position | undefined {
    return this.#deletes.get(key)?.get(index);
  }

  #write(intent: Intent, op: Write, fault: Fault | undefined): void {
    const { client, key, call, ret, outcome } = intent;
    const content = this.#content(key);
    const conditions = op.kind === 'add' ? [] : (op.condition ?? []);
    const allowed = conditions.every((condition) => test(condition, content));
    if (outcome === 'failed') {
      this.#records.push({ client, key, call, ret, op, result: { kind: 'failed' } });
      if (fault === 'failed write applied' && op.kind === 'put' && allowed) {
        this.#apply(intent, op);
        this.#faulty = { key, ret: 0, shown: false, spoilt: false, need: 'value', value: op.value };
      }
      return;
    }
    if (outcome === 'unknown') {
      this.#records.push({ client, key, call, ret, op, result: { kind: 'unknown' } });
      if (!allowed || intent.effect === Number.POSITIVE_INFINITY) return;
      if (this.#faulty?.key === key && !this.#faulty.shown) this.#faulty.spoilt = true;
      this.#apply(intent, op);
      return;
    }
    const lies =
      fault === 'wrong refusal'
        ? allowed
        : fault === 'wrong success' && !allowed && this.#provable(op, content);
    if (lies && conditions.length > 0) {
      this.#faulty = { key, ret: 0, shown: true, spoilt: false, need: 'any' };
    } else this.#reveal(intent, content, true);
    if (allowed === (lies && conditions.length > 0)) {
      this.#refuse(intent, op, content);
      return;
    }
    if (fault === 'reordered' && this.#delayed === undefined && content !== null && op.kind === 'put') {
      this.#delay(intent, op);
      return;
    }
    this.#acknowledge(intent, op, fault);
  }

  /** Is the refusal that should have come provable without time stamps, which writes do not tell? */
  #provable(op: Write, content: Content): boolean {
    const conditions = op.kind === 'add' ? [] : (op.condition ?? []);
    return conditions.some((condition) => condition.field !== 'updated' && !test(condition, content));
  }

  #refuse({ client, key, call, ret }: Intent, op: Write, content: Content): void {
    const seen = content === null ? { position: null } : content;
    if (content) this.#remember(client, key, content.position);
    this.#records.push({ client, key, call, ret, op, result: { kind: 'refused', seen } });
  }

  #acknowledge(intent: Intent, op: Write, fault: Fault | undefined): void {
    const { client, key, call, ret } = intent;
    const content = this.#content(key);
    const states = this.#statesOf(key).length;
    const after = this.#apply(intent, op);
    const position = this.#position;
    const common = {
      kind: 'ok',
      position,
      previous: content?.position ?? null,
      existed: content !== null,
    } as const;
    const counted = after ? { objectVersion: after.objectVersion } : {};
    const value = op.kind === 'add' ? { value: Number(after?.value) } : {};
    this.#records.push({ client, key, call, ret, op, result: { ...common, ...counted, ...value } });
    this.#remember(client, key, position);
    if (fault === 'lost write' && (content !== null || after !== null)) {
      this.#statesOf(key).length = states;
      this.#faulty = { key, ret, shown: false, spoilt: false, need: 'any' };
    }
    if (fault === 'double add' && op.kind === 'add') {
      this.#apply(intent, op);
      this.#faulty = { key, ret: Number.NEGATIVE_INFINITY, shown: false, spoilt: false, need: 'any' };
    }
  }

  /** Answers at once, but takes effect only behind a later write. */
  #delay(intent: Intent, op: Write): void {
    const index = this.#records.length;
    this.#delayed = { intent, op, position: this.#position, index };
    this.#faulty = { key: intent.key, ret: 0, shown: false, spoilt: false, need: 'value', value: '\u0000' };
    const { client, key, call, ret } = intent;
    this.#records.push({ client, key, call, ret, op, result: { kind: 'failed' } });
  }

  #settleDelayed(now: Intent): void {
    const delayed = this.#delayed;
    if (delayed === undefined) return;
    const { intent, op, index } = delayed;
    const last = this.#records.at(-1)!;
    const overtaken =
      last.key === intent.key &&
      last.result.kind === 'ok' &&
      last.op.kind !== 'get' &&
      last.call > intent.ret;
    if (!overtaken) return;
    const content = this.#content(intent.key);
    const after = this.#apply({ ...intent, effect: now.effect }, op)!;
    const { client, key, call, ret } = intent;
    const previous = content?.position ?? null;
    const { objectVersion } = after;
    const result = {
      kind: 'ok',
      position: this.#position,
      previous,
      existed: content !== null,
      objectVersion,
    } as const;
    this.#records[index] = { client, key, call, ret, op, result };
    this.#delayed = undefined;
    if (this.#faulty) this.#faulty.shown = true;
  }

  #apply(intent: Intent, op: Write): Content {
    const { key, effect, ret, outcome } = intent;
    const content = this.#content(key);
    const states = this.#statesOf(key);
    this.#position = { version: this.#position.version, seq: this.#position.seq + 1 + this.#below(2) };
    let after: Content = null;
    if (op.kind !== 'delete') {
      const value = op.kind === 'put' ? op.value : String(Number(content?.value ?? '0') + op.delta);
      if (value === 'NaN') return content;
      after = {
        value,
        position: this.#position,
        objectVersion: (content?.objectVersion ?? 0) + 1,
        updated: Math.floor(effect),
      };
    } else {
      const deletes = this.#deletes.get(key) ?? new Map<number, Position>();
      this.#deletes.set(key, deletes.set(states.length, this.#position));
    }
    states.push({
      content: after,
      from: effect,
      known: outcome === 'answered' ? ret : Number.POSITIVE_INFINITY,
    });
    return after;
  }

  /** Notes that an answer of the faulty key shows what the fault left behind. */
  #reveal(intent: Intent, content: Content, writes: boolean): void {
    const fault = this.#faulty;
    if (fault === undefined || fault.shown || fault.spoilt || fault.key !== intent.key) return;
    if (fault.need === 'any') fault.shown = writes || intent.call > fault.ret;
    else if (!writes && content?.value === fault.value) fault.shown = true;
    else if (writes && fault.value !== '\u0000') fault.spoilt = true;
  }

  #remember(client: number, key: string, position: Position): void {
    const token = this.#sessions.get(client);
    if (token === undefined || before(token, position)) this.#sessions.set(client, position);
    const own = this.#reads.get(`${client} ${key}`);
    if (own === undefined || before(own, position)) this.#reads.set(`${client} ${key}`, position);
  }

  #content(key: string): Content {
    return this.#statesOf(key).at(-1)!.content;
  }

  #statesOf(key: string): State[] {
    let states = this.#states.get(key);
    if (states === undefined) {
      states = [{ content: null, from: Number.NEGATIVE_INFINITY, known: Number.NEGATIVE_INFINITY }];
      this.#states.set(key, states);
    }
    return states;
  }

  #unique(): number {
    return this.#values++;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}

function found(content: Content) {
  return content === null
    ? ({ kind: 'ok', found: false } as const)
    : ({ kind: 'ok', found: true, ...content } as const);
}

function sameContent(a: Content, b: Content): boolean {
  return a?.position.seq === b?.position.seq;
}

function before(a: Position, b: Position): boolean {
  return a.version < b.version || (a.version === b.version && a.seq < b.seq);
}
