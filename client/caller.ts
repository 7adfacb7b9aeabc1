/**
 * Drives a session: carries its requests to nodes and their answers back, waits and asks again when it says so, and ends
 * every call at its deadline. Whether to try again, whom to ask and what an answer means is the session's decision.
 */
import { type Call, type Operation, Session, type Step } from '../protocol/client/session.ts';
import { readEntry, storesValue } from '../protocol/entry.ts';
import { ChainError } from '../protocol/errors.ts';
import type { Answer, Listed } from '../protocol/messages.ts';
import { failure } from '../protocol/replies.ts';
import type { Reply, Request, Routes, WriteReply } from '../protocol/requests.ts';
import {
  type Assignment,
  clientId,
  type Incarnation,
  type Key,
  type NodeName,
  type Slot,
} from '../protocol/words.ts';
import { abortedError, closedError } from './given-up.ts';
import { type NodeLink, NodeLinks } from './node-links.ts';
import { Pages } from './pages.ts';
import type { CallOptions, Pending, ReadAnswer } from './pending.ts';
import { mixedUp, refusalOf, unreachableError } from './reachability.ts';
import { errorOf } from './results.ts';

export interface CallerOptions {
  readonly endpoints: readonly string[];
  readonly clusterId: string;
  /** Random, 1..2^53-1: no two sessions may share it. */
  readonly client: number;
}

/** How often calls are looked at for their time. There are no timers of single calls. */
const tickMs = 10;
/** The clock stops after so many ticks without a call. */
const idleTicks = 200;
/** Routes are asked for anew at least so often while there are calls. */
const refreshMs = 5000;

/** How long endpoints that do not answer hold up a client that was not told which cluster is meant. */
const sayMs = 250;

export class Caller {
  readonly #anyCluster: boolean;
  readonly #session: Session;
  readonly #links: NodeLinks;
  readonly #pending = new Map<number, Pending>();
  readonly #pages = new Pages();
  #lastId = 0;
  #slots = 0;
  #clock: NodeJS.Timeout | undefined;
  #idle = 0;
  #refreshedAt = 0;
  /** Writes that wait until the session has room in their slot, the oldest first. */
  readonly #waiting = new Map<Slot, Set<Pending>>();
  /** Slots of writes that ended, in which others may begin. */
  readonly #freed = new Set<Slot>();
  #closed = false;
  #onRoutes: (() => void) | null = null;

  constructor(options: CallerOptions) {
    this.#session = new Session(clientId(options.client), options.client % 1_000_003);
    this.#anyCluster = options.clusterId === '';
    this.#links = new NodeLinks({
      endpoints: options.endpoints,
      self: { clusterId: options.clusterId, name: '', role: 'client', incarnation: 0 as Incarnation },
      onAnswer: (answer) => this.#onAnswer(answer),
      onListed: (page) => this.#pages.onListed(page),
      onRoutes: (routes) => this.#learn(routes),
      onUp: (link) => this.#onUp(link),
      onDown: (link) => this.#onDown(link),
    });
  }

  /**
   * Resolves when routes are known; without a cluster id also when each endpoint said whose it is, or had a moment to.
   * @throws ChainError that names each endpoint and why it does not help
   */
  async ready(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    const deadline = now() + timeoutMs;
    while (!this.#session.knowsRoutes) {
      if (signal?.aborted) throw signal.reason;
      const refusal = refusalOf(this.#links.all);
      if (refusal !== null) throw refusal;
      if (now() >= deadline) throw unreachableError(this.#links.all, timeoutMs);
      this.#links.refresh(now());
      await new Promise<void>((resolve) => {
        this.#onRoutes = resolve;
        setTimeout(resolve, Math.min(tickMs, deadline - now()));
      });
    }
    this.#onRoutes = null;
    if (!this.#anyCluster) return;
    const enough = Math.min(deadline, now() + sayMs);
    while ([...this.#links.all].some((link) => link.state === 'new') && now() < enough) {
      if (signal?.aborted) throw signal.reason;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const mixed = mixedUp(this.#links.all);
    if (mixed !== null) throw mixed;
  }

  call(operation: Operation, options: CallOptions): Promise<ReadAnswer | WriteReply> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw closedError('definite');
      const p: Pending = {
        operation,
        options,
        deadline: now() + Math.trunc(options.timeoutMs),
        resolve,
        reject,
        onAbort: null,
        call: null,
        id: ++this.#lastId,
        link: null,
        unsent: null,
        due: 0,
        entry: null,
      };
      if (options.signal !== undefined && !this.#heed(p, options.signal)) return;
      this.#pending.set(p.id, p);
      this.#startClock();
      this.#begin(p);
    });
  }

  /** One page of a slot's values, from its member number `turn`. @throws ChainError: ask the next one */
  async page(slot: Slot, after: Key | null, turn: number): Promise<Listed> {
    if (this.#closed) throw closedError('definite');
    const members = this.route(slot)?.members ?? [];
    const member = members[turn % members.length];
    const link = member === undefined ? null : this.#links.to(member.node, member.address);
    if (member === undefined || link?.state !== 'up' || link.name !== member.node)
      throw new ChainError('UNAVAILABLE', `${member?.node ?? `slot ${slot}`} cannot be reached now`);
    this.#startClock();
    return this.#pages.ask(link, ++this.#lastId, { slot, after, now: now() });
  }

  /** How many slots the cluster has. */
  get slots(): number {
    return this.#slots;
  }

  refresh(): void {
    this.#links.refresh(now());
  }

  slotOf(key: Operation['key']): Slot {
    return this.#session.slotOf(key);
  }

  route(slot: Slot): Assignment | undefined {
    return this.#session.route(slot);
  }

  /** Every call under way ends with UNAVAILABLE. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#clock);
    for (const p of this.#pending.values()) this.#giveUp(p, (outcome) => closedError(outcome));
    this.#pages.close();
    this.#links.close();
  }

  #begin(p: Pending): void {
    const slot = this.#session.slotOf(p.operation.key);
    if (p.operation.op !== 'get' && !this.#session.hasRoom(slot)) {
      const queue = this.#waiting.get(slot) ?? new Set();
      this.#waiting.set(slot, queue.add(p));
      p.due = p.deadline;
      return;
    }
    p.call = this.#session.begin(p.operation, p.deadline, p.options.node);
    this.#run(p, p.call, this.#session.next(p.call, now()));
  }

  #run(p: Pending, call: Call, step: Step): void {
    switch (step.kind) {
      case 'send':
        this.#send(p, call, step);
        return;
      case 'wait':
        if (step.refresh) this.#links.refresh(now());
        if (step.ms === 0) this.#run(p, call, this.#session.next(call, now()));
        else this.#wait(p, step.ms);
        return;
      case 'done':
        this.#finish(p, step.reply);
        return;
      default:
        step satisfies never;
    }
  }

  #wait(p: Pending, ms: number): void {
    this.#renew(p);
    p.link = null;
    p.due = Math.min(now() + ms, p.deadline);
  }

  #send(p: Pending, call: Call, step: Extract<Step, { kind: 'send' }>): void {
    this.#renew(p);
    p.due = now() + step.timeoutMs;
    const link = this.#linkFor(call, step.to, step.address);
    if (link === null) {
      if (call.pinned !== null && step.address === '') return this.#noSuchNode(p, call, call.pinned);
      return this.#run(p, call, this.#session.onLost(call, false));
    }
    p.link = link;
    if (link.state === 'new') p.unsent = step.request;
    else this.#put(p, call, link, step.request);
  }

  /** The way to a node: its own link, else, where it may be passed on, one to any other node. */
  #linkFor(call: Call, node: NodeName, address: string): NodeLink | null {
    const direct = this.#links.to(node, address);
    if (call.pinned !== null)
      return direct !== null && direct.state !== 'down' && (direct.name === node || direct.state === 'new')
        ? direct
        : null;
    return direct === null || direct.state === 'down' ? this.#links.any() : direct;
  }

  #put(p: Pending, call: Call, link: NodeLink, request: Request): void {
    const sent = link.link.send({ kind: 'ask', id: p.id, request });
    if (sent === 'dropped') this.#run(p, call, this.#session.onLost(call, false));
  }

  #noSuchNode(p: Pending, call: Call, node: NodeName): void {
    const what = `no chain names a node ${node}, so its address is not known here`;
    const refusal = failure('NOT_FOUND', `${what}; \`chainctl status\` lists the nodes`);
    this.#run(p, call, this.#session.onReply(call, refusal));
  }

  /** The call goes on under another id. */
  #renew(p: Pending): void {
    this.#pending.delete(p.id);
    p.id = ++this.#lastId;
    p.unsent = null;
    this.#pending.set(p.id, p);
  }

  #onAnswer({ id, reply }: Answer): void {
    const p = this.#pending.get(id);
    if (p === undefined && reply.kind === 'failed') this.#pages.onFailed(id, reply);
    const call = p?.call;
    if (p === undefined || call == null || p.link === null) return;
    const verified = this.#verify(p, reply, p.link);
    this.#run(p, call, this.#session.onReply(call, verified));
    this.#noteVersion(call, verified);
  }

  /** The head made the checksum, nobody since was trusted: what does not fit it is asked for at another member. */
  #verify(p: Pending, reply: Reply, link: NodeLink): Reply {
    if (reply.kind !== 'read' || reply.entry === null) return reply;
    const entry = readEntry(reply.entry);
    if (entry !== null && entry.key === p.operation.key && storesValue(entry)) {
      p.entry = entry;
      return reply;
    }
    const what = `the answer of ${link.name} at ${link.address} does not fit its checksum or its key`;
    return failure('CORRUPT', `${what}; look at that node's disk and memory`);
  }

  /** A newer chain version than this client knows: whoever answered for it knows the new route. */
  #noteVersion(call: Call, reply: Reply): void {
    if (reply.kind === 'failed') return;
    const seen = reply.kind === 'read' ? reply.at.version : reply.position.version;
    if (seen > (this.#session.route(call.slot)?.version ?? 0)) this.#links.refresh(now());
  }

  #finish(p: Pending, reply: Reply): void {
    this.#forget(p);
    if (reply.kind === 'failed') p.reject(errorOf(reply));
    else if (reply.kind === 'written') p.resolve(reply);
    else p.resolve({ kind: 'read', entry: reply.entry === null ? null : p.entry, at: reply.at });
    this.#free(p.call);
  }

  /** A call ended. Who waits for its room begins later, and not inside what ended it: that may be a long row of them. */
  #free(call: Call | null): void {
    if (call === null || !this.#waiting.has(call.slot)) return;
    if (this.#freed.size === 0) queueMicrotask(() => this.#beginWaiting());
    this.#freed.add(call.slot);
  }

  #beginWaiting(): void {
    const slots = [...this.#freed];
    this.#freed.clear();
    for (const slot of slots)
      for (const p of this.#waiting.get(slot) ?? []) {
        if (this.#closed || !this.#session.hasRoom(slot)) break;
        this.#stopWaiting(slot, p);
        this.#begin(p);
      }
  }

  #stopWaiting(slot: Slot, p: Pending): void {
    const queue = this.#waiting.get(slot);
    queue?.delete(p);
    if (queue?.size === 0) this.#waiting.delete(slot);
  }

  #forget(p: Pending): void {
    this.#pending.delete(p.id);
    if (p.onAbort !== null) p.options.signal?.removeEventListener('abort', p.onAbort);
  }

  /** Ends a call that the session did not end: whether it took effect depends on what was sent. */
  #giveUp(p: Pending, makeError: (outcome: ChainError['outcome']) => unknown): void {
    const { call } = p;
    const sent = call !== null && (call.open > 0 || (p.link !== null && p.unsent === null));
    const outcome = sent && p.operation.op !== 'get' ? 'indefinite' : 'definite';
    if (call === null) this.#stopWaiting(this.#session.slotOf(p.operation.key), p);
    else this.#session.abandon(call);
    this.#forget(p);
    p.reject(makeError(outcome));
    this.#free(call);
  }

  /** False when the signal is aborted already. */
  #heed(p: Pending, signal: AbortSignal): boolean {
    if (signal.aborted) {
      p.reject(abortedError(signal, 'definite'));
      return false;
    }
    p.onAbort = () => this.#giveUp(p, (outcome) => abortedError(signal, outcome));
    signal.addEventListener('abort', p.onAbort, { once: true });
    return true;
  }

  #onUp(link: NodeLink): void {
    for (const p of this.#pending.values()) {
      if (p.link !== link || p.unsent === null || p.call === null) continue;
      const request = p.unsent;
      p.unsent = null;
      this.#put(p, p.call, link, request);
    }
  }

  #onDown(link: NodeLink): void {
    this.#pages.onDown(link);
    for (const p of [...this.#pending.values()]) {
      if (p.link !== link || p.call === null) continue;
      this.#run(p, p.call, this.#session.onLost(p.call, p.unsent === null));
    }
  }

  #learn(routes: Routes): void {
    this.#session.learn(routes);
    if (routes.slots > 0) this.#slots = routes.slots;
    this.#links.keep(this.#session.members());
    this.#refreshedAt = now();
    this.#onRoutes?.();
  }

  #startClock(): void {
    this.#idle = 0;
    this.#clock ??= setInterval(() => this.#tick(), tickMs);
  }

  #tick(): void {
    const time = now();
    this.#links.tick(time);
    this.#pages.tick(time);
    if (this.#pending.size + this.#pages.size === 0 && ++this.#idle > idleTicks) {
      clearInterval(this.#clock);
      this.#clock = undefined;
      return;
    }
    if (this.#pending.size > 0 && time - this.#refreshedAt > refreshMs) {
      this.#refreshedAt = time;
      this.#links.refresh(time);
    }
    for (const p of this.#pending.values()) if (time >= p.due) this.#overdue(p, time);
  }

  #overdue(p: Pending, time: number): void {
    const { call } = p;
    if (call === null) {
      this.#giveUp(
        p,
        () =>
          new ChainError('OVERLOADED', 'too many writes of this client are unanswered; send fewer at once'),
      );
      return;
    }
    if (p.link === null) this.#run(p, call, this.#session.next(call, time));
    else this.#run(p, call, this.#session.onLost(call, p.unsent === null));
  }
}

/** Whole milliseconds: what is sent as time left has no fractions. */
const now = (): number => Math.trunc(performance.now());
