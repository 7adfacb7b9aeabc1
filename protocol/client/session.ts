/**
 * A client session, pure: numbers requests, picks the node to ask, and decides after each answer whether the call is
 * done or must be tried again under the same number (rules 2.9, 2.10). The driver owns sockets, timers and promises.
 */
import type { ErrorCode } from '../errors.ts';
import { failure } from '../replies.ts';
import type { Condition, Failure, ReadLevel, Reply, Request, Routes, WriteRequest } from '../requests.ts';
import { slotOf } from '../slots.ts';
import { retryMs } from '../timings.ts';
import {
  type Assignment,
  type ChainVersion,
  type ClientId,
  comparePositions,
  type Key,
  type MonoMs,
  type NodeName,
  type Position,
  type RequestNumber,
  type Slot,
  type WallMs,
} from '../words.ts';
import { floorOf, type Lane, Numbers } from './numbers.ts';

/** What a caller wants done. */
export type Operation =
  | { readonly op: 'get'; readonly key: Key; readonly level: ReadLevel; readonly boundMs: number }
  | {
      readonly op: 'put';
      readonly key: Key;
      readonly value: Uint8Array;
      readonly conditions: readonly Condition[];
    }
  | { readonly op: 'delete'; readonly key: Key; readonly conditions: readonly Condition[] }
  | {
      readonly op: 'add';
      readonly key: Key;
      readonly delta: bigint;
      readonly conditions: readonly Condition[];
    };

export interface Call {
  readonly operation: Operation;
  readonly slot: Slot;
  readonly number: RequestNumber;
  /** Where its number counts. */
  readonly lane: Lane;
  readonly deadline: MonoMs;
  /** Only this node is asked; null = whoever can answer. */
  readonly pinned: NodeName | null;
  slotTime: WallMs;
  attempts: number;
  /** Attempts that may have been taken and were not answered. */
  open: number;
  /** Attempts that were sent and not answered. */
  silent: number;
  asked: NodeName | null;
  last: Reply | null;
}

export type Step =
  | {
      readonly kind: 'send';
      readonly to: NodeName;
      readonly address: string;
      readonly request: Request;
      readonly timeoutMs: number;
    }
  | { readonly kind: 'wait'; readonly ms: number; readonly refresh: boolean }
  | { readonly kind: 'done'; readonly reply: Reply };

/**
 * A single attempt is given up after this and tried elsewhere, under the same number; every second one may take twice as
 * long as those before, so that over a slow way one of them ends with its answer (R49).
 */
const attemptMs = 1000;

export class Session {
  readonly #numbers: Numbers;
  readonly #routes = new Map<Slot, Assignment>();
  readonly #addresses = new Map<NodeName, string>();
  readonly #slotTimes = new Map<Slot, WallMs>();
  readonly #tokens = new Map<Slot, Position>();
  #slots = 0;
  #turn: number;

  /** `client` and `turn` are random: they tell sessions apart and spread reads. */
  constructor(client: ClientId, turn: number) {
    this.#numbers = new Numbers(client);
    this.#turn = turn;
  }

  get knowsRoutes(): boolean {
    return this.#slots > 0;
  }

  /** Takes routes that are newer than what it has. */
  learn(routes: Routes): void {
    if (routes.slots > 0) this.#slots = routes.slots;
    for (const chain of routes.chains) this.#learnChain(chain);
    for (const { slot, time } of routes.times) this.#noteTime(slot, time);
  }

  #learnChain(chain: Assignment): void {
    const known = this.#routes.get(chain.slot);
    if (known !== undefined && known.version > chain.version) return;
    this.#routes.set(chain.slot, chain);
    for (const m of chain.members) this.#addresses.set(m.node, m.address);
  }

  /** Addresses of all members as they are known now. */
  members(): Set<string> {
    const addresses = new Set<string>();
    for (const chain of this.#routes.values()) for (const m of chain.members) addresses.add(m.address);
    return addresses;
  }

  route(slot: Slot): Assignment | undefined {
    return this.#routes.get(slot);
  }

  slotOf(key: Key): Slot {
    return slotOf(key, this.#slots);
  }

  /** Begins a call. Needs routes. */
  begin(operation: Operation, deadline: MonoMs, pinned: NodeName | null = null): Call {
    const slot = this.slotOf(operation.key);
    const write = operation.op !== 'get';
    const { number, lane } = write ? this.#numbers.open(slot) : forReads;
    const slotTime = this.#slotTimes.get(slot) ?? 0;
    return {
      operation,
      slot,
      number,
      lane,
      deadline,
      pinned,
      slotTime,
      attempts: 0,
      open: 0,
      silent: 0,
      asked: null,
      last: null,
    };
  }

  /** True when another write of the slot may begin. */
  hasRoom(slot: Slot): boolean {
    return this.#numbers.hasRoom(slot);
  }

  /** What to do next for a call: send, wait, or give up. */
  next(call: Call, now: MonoMs): Step {
    if (now >= call.deadline) return this.#finish(call, this.#tooLate(call));
    const target = this.#pick(call);
    if (target === null) return { kind: 'wait', ms: 50, refresh: true };
    call.attempts++;
    call.asked = target;
    const left = call.deadline - now;
    return {
      kind: 'send',
      to: target,
      address: this.#addresses.get(target) ?? '',
      request: this.#request(call, left),
      timeoutMs: Math.min(left, retryMs(attemptMs, Math.floor(call.silent / 2))),
    };
  }

  #pick(call: Call): NodeName | null {
    if (call.pinned !== null) return call.pinned;
    const members = this.#routes.get(call.slot)?.members ?? [];
    if (members.length === 0) return null;
    if (call.operation.op !== 'get') {
      // After a head that gave no answer any member may know better: it passes the request on.
      const silent = call.attempts > 0 && call.last === null && call.attempts % 2 === 1;
      return (members[silent ? call.attempts % members.length : 0] as { node: NodeName }).node;
    }
    this.#turn++;
    return (members[this.#turn % members.length] as { node: NodeName }).node;
  }

  #request(call: Call, left: number): Request {
    const o = call.operation;
    const common = {
      key: o.key,
      version: this.#routes.get(call.slot)?.version ?? (0 as ChainVersion),
      passOn: call.pinned === null,
      // Whole numbers travel; a started millisecond counts.
      deadlineMs: Math.ceil(left),
    };
    if (o.op === 'get')
      return {
        ...common,
        op: 'get',
        level: o.level,
        boundMs: o.boundMs,
        token: this.#tokens.get(call.slot) ?? null,
      };
    const write: WriteRequest = {
      ...common,
      op: o.op,
      value: o.op === 'put' ? o.value : noBytes,
      delta: o.op === 'add' ? o.delta : 0n,
      conditions: o.conditions,
      client: call.lane.client,
      number: call.number,
      floor: floorOf(call.lane, call.number),
      slotTime: call.slotTime,
      retry: call.open > 0,
    };
    return write;
  }

  /** An answer came. `retryMs` of the step says when to try again. */
  onReply(call: Call, reply: Reply): Step {
    call.last = reply;
    if (reply.kind !== 'failed') {
      this.#noteTime(call.slot, reply.slotTime);
      this.#noteSight(call.slot, reply.kind === 'read' ? reply.at : reply.position);
      return this.#finish(call, reply);
    }
    // A refused condition is a strong read of what it says it saw.
    if (reply.seen !== null) this.#noteSight(call.slot, reply.seen.at);
    if (reply.route !== null) this.#learnChain(reply.route);
    if (reply.code === 'AMBIGUOUS' || reply.code === 'INTERNAL') {
      this.#leaveOpen(call);
      return reply.code === 'AMBIGUOUS' ? retry : pause(call);
    }
    if (reply.code === 'SESSION_EXPIRED') return this.#renew(call, reply);
    const mayPass = passing.has(reply.code) && (call.pinned === null || passingAtOnce.has(reply.code));
    if (mayPass) return pause(call);
    if (call.operation.op !== 'get') this.#noteTime(call.slot, reply.slotTime);
    return this.#finish(call, reply);
  }

  /** The chain does not know this number any more, or the call named no slot time. */
  #renew(call: Call, reply: Failure): Step {
    if (call.open > 0 || reply.slotTime <= call.slotTime)
      return this.#finish(call, { ...reply, outcome: 'indefinite' });
    // Every earlier attempt was refused for the same reason, so none can take effect any more.
    call.slotTime = reply.slotTime;
    this.#noteTime(call.slot, reply.slotTime);
    return retry;
  }

  /** No answer will come: the connection broke, or the attempt took too long. `sent`: it may have been taken. */
  onLost(call: Call, sent: boolean): Step {
    call.last = null;
    if (sent) {
      call.silent++;
      this.#leaveOpen(call);
    }
    return { kind: 'wait', ms: Math.min(200, 10 * call.attempts), refresh: true };
  }

  /** An attempt that may have been taken. One without a slot time never is. */
  #leaveOpen(call: Call): void {
    if (call.operation.op !== 'get' && call.slotTime > 0) call.open++;
  }

  #tooLate(call: Call): Reply {
    const last = call.last;
    const why = last?.kind === 'failed' ? `; the last answer was ${last.code}: ${last.message}` : '';
    const outcome = call.open > 0 ? 'indefinite' : 'definite';
    const fate =
      call.operation.op === 'get'
        ? ''
        : call.open > 0
          ? '; it may have taken effect'
          : '; it did not take effect';
    return failure(
      'DEADLINE_EXCEEDED',
      `no answer within the deadline after ${call.attempts} attempts${fate}${why}`,
      { outcome },
    );
  }

  /** The driver gives a call up (abort): what may have happened stays open. */
  abandon(call: Call): void {
    this.#numbers.close(call.slot, call.lane, call.number);
  }

  #finish(call: Call, reply: Reply): Step {
    this.abandon(call);
    return { kind: 'done', reply: reply.kind === 'failed' ? fateOf(call, reply) : reply };
  }

  /** Session reads never fall behind what this session saw. */
  #noteSight(slot: Slot, at: Position): void {
    const known = this.#tokens.get(slot);
    if (known === undefined || comparePositions(at, known) > 0) this.#tokens.set(slot, at);
  }

  #noteTime(slot: Slot, time: WallMs): void {
    if (time > (this.#slotTimes.get(slot) ?? 0)) this.#slotTimes.set(slot, time);
  }
}

/**
 * R48: while an attempt may have been taken, a refusal says nothing of that attempt, whoever gives it. Only one that the
 * head logged under the request's number is definite, and the head logs those that look at the value (R17).
 */
function fateOf(call: Call, reply: Failure): Failure {
  if (call.open === 0 || reply.outcome === 'indefinite' || logged.has(reply.code)) return reply;
  const fate = 'an earlier attempt was not answered, so the write may have taken effect';
  return { ...reply, outcome: 'indefinite', message: `${reply.message}; ${fate}` };
}

/** Refusals that the head logs when the request says that it is a retry. */
const logged: ReadonlySet<ErrorCode> = new Set(['CONDITION_FAILED', 'NOT_A_COUNTER', 'COUNTER_OVERFLOW']);

const forReads = {
  number: 0 as RequestNumber,
  lane: { client: 0 as ClientId, open: new Set<RequestNumber>() },
};
const noBytes = new Uint8Array(0);
/** Refusals that another node, or a later moment, may not repeat. */
const passing: ReadonlySet<ErrorCode> = new Set([
  'NOT_HEAD',
  'NOT_MEMBER',
  'NOT_READY',
  'NO_PROOF',
  'UNAVAILABLE',
  'OVERLOADED',
  'CORRUPT',
  'CLOCK_SKEW',
  'STORE_FAILED',
  'WRONG_CLUSTER',
]);
/** Of these, the ones that the same node may take back in a moment. */
const passingAtOnce: ReadonlySet<ErrorCode> = new Set(['NOT_READY', 'OVERLOADED']);
const retry: Step = { kind: 'wait', ms: 0, refresh: false };
const pause = (call: Call): Step => ({
  kind: 'wait',
  ms: Math.min(200, 5 * 2 ** Math.min(call.attempts, 5)),
  refresh: call.attempts > 2,
});
