/**
 * One client: one operation at a time, sent again under the same number until it is answered for certain or its time
 * is up, and written down for the checker as the caller would have seen it.
 */
import { readEntry } from '../../protocol/entry.ts';
import type { outcomeOf } from '../../protocol/errors.ts';
import type { Reply, Request } from '../../protocol/requests.ts';
import { slotOf } from '../../protocol/slots.ts';
import {
  type Assignment,
  type ClientId,
  clientId,
  comparePositions,
  type Key,
  type NodeName,
  noIncarnation,
  type Position,
  type RequestNumber,
  type Slot,
} from '../../protocol/words.ts';
import type { HistoryRecord, ReadRecord, WriteRecord } from '../checker/history.ts';
import type { Random } from '../random.ts';
import { nextOperation, type Operation, type Sight, type WorkloadOptions } from '../workload.ts';
import { epochStart } from './clock.ts';
import { describeRequest } from './describe.ts';
import type { Frame } from './flow.ts';
import type { Dialer, Link, Port } from './network.ts';
import type { HostWorld } from './node-host.ts';

export interface ClientOptions {
  readonly name: string;
  readonly machine: number;
  readonly slots: number;
  readonly nodes: readonly NodeName[];
  /** Always talks to this node, which passes its requests on or answers them itself. */
  readonly pinned: NodeName | null;
  readonly passOn: boolean;
  readonly workload: WorkloadOptions;
  /** Time that the caller gives each operation. */
  readonly patienceMs: number;
  /** Time after which an attempt counts as unanswered. */
  readonly attemptMs: number;
  /** Numbers by which the checker tells clients apart, unique within a world. */
  readonly nextPerson: () => number;
}

export interface Client {
  readonly name: string;
  readonly machine: number;
  /** An operation is under way. */
  readonly busy: boolean;
  /** Slot of the operation under way; -1 = none. */
  readonly slot: number;
  /** Does one operation of the workload and calls back. */
  next(done: () => void): void;
  /** Does this operation; for stories and for the last words of a run. */
  perform(operation: Operation, done: (record: HistoryRecord) => void): void;
}

interface Attempt {
  readonly id: number;
  readonly retry: boolean;
  /** `open`: may still take effect. `refused`: did not and never will. */
  state: 'open' | 'refused';
}

interface Call {
  readonly operation: Operation;
  readonly request: Request;
  readonly slot: Slot;
  readonly call: number;
  readonly until: number;
  readonly attempts: Attempt[];
  readonly done: (record: HistoryRecord) => void;
  over: boolean;
}

export function createClient(
  world: HostWorld,
  options: ClientOptions,
  record: (entry: HistoryRecord) => void,
): Client {
  const { schedule, network, trace } = world;
  const random: Random = world.random.fork();
  const dialers = new Map<NodeName, Dialer>();
  const routes = new Map<Slot, Assignment>();
  const tokens = new Map<Slot, Position>();
  const times = new Map<Slot, number>();
  const sights = new Map<Key, Sight>();
  /** What the checker knows this client as; a new one after each unknown outcome. */
  let person = options.nextPerson();
  let session = newSession();
  let number = 0;
  let attemptId = 0;
  let values = 0;
  let current: Call | null = null;

  function newSession(): ClientId {
    return clientId(1 + random.int(2 ** 40));
  }

  const port: Port = {
    name: options.name,
    machine: options.machine,
    alive: () => true,
    responsive: () => true,
    opened() {},
    closed() {},
    received(_: Link, frame: Frame) {
      for (const m of frame.messages) if (m.kind === 'answer') onReply(m.id, m.reply);
    },
  };

  function linkTo(node: NodeName): Link | null {
    let dialer = dialers.get(node);
    if (dialer === undefined) {
      dialer = network.dial(port, node);
      dialers.set(node, dialer);
    }
    return dialer.link;
  }

  function makeRequest(operation: Operation, slot: Slot): Request {
    const base = {
      key: operation.key,
      version: routes.get(slot)?.version ?? (0 as Assignment['version']),
      deadlineMs: options.patienceMs,
    };
    if (operation.kind === 'get')
      return {
        ...base,
        op: 'get',
        passOn: options.passOn,
        level: operation.level,
        boundMs: operation.boundMs,
        token: operation.level === 'session' ? (tokens.get(slot) ?? null) : null,
      };
    number++;
    const { write } = operation;
    return {
      ...base,
      op: write.kind,
      passOn: options.passOn,
      value: write.kind === 'put' ? new TextEncoder().encode(write.value) : new Uint8Array(0),
      delta: write.kind === 'add' ? BigInt(write.delta) : 0n,
      conditions:
        write.kind === 'add'
          ? []
          : (write.condition ?? []).map((c) => ({ field: c.field, operator: c.op, value: c.value })),
      client: session,
      number: number as RequestNumber,
      floor: number as RequestNumber,
      slotTime: times.get(slot) ?? epochStart + Math.floor(schedule.now),
      retry: false,
    };
  }

  function perform(operation: Operation, done: (entry: HistoryRecord) => void): void {
    const slot = slotOf(operation.key, options.slots);
    current = {
      operation,
      request: makeRequest(operation, slot),
      slot,
      call: schedule.now,
      until: schedule.now + options.patienceMs,
      attempts: [],
      done,
      over: false,
    };
    attempt(current);
  }

  function target(c: Call): NodeName {
    if (options.pinned !== null) return options.pinned;
    const members = routes.get(c.slot)?.members;
    if (members === undefined || members.length === 0 || random.chance(0.15))
      return random.pick(options.nodes);
    if (c.request.op !== 'get') return (members[0] as { node: NodeName }).node;
    return random.pick(members).node;
  }

  function attempt(c: Call): void {
    if (c.over) return;
    if (schedule.now >= c.until) return giveUp(c);
    const link = linkTo(target(c));
    if (link === null) {
      schedule.after(random.between(5, 60), () => attempt(c));
      return;
    }
    attemptId++;
    const made: Attempt = { id: attemptId, retry: c.attempts.length > 0, state: 'open' };
    c.attempts.push(made);
    const passOn = options.passOn || (options.pinned === null && random.chance(0.3));
    const deadlineMs = c.until - schedule.now;
    const request: Request =
      c.request.op === 'get'
        ? { ...c.request, passOn, deadlineMs }
        : { ...c.request, passOn, deadlineMs, retry: made.retry };
    trace.note(
      'ask',
      attemptId,
      c.slot,
      c.slot,
      () => `${options.name} -> ${link.acceptor.name} #${made.id} ${describeRequest(request)}`,
    );
    network.send(link, port, {
      incarnation: noIncarnation,
      messages: [{ kind: 'ask', id: made.id, request }],
    });
    schedule.after(Math.min(options.attemptMs * random.between(0.8, 1.2), c.until - schedule.now), () => {
      if (c.over || c.attempts[c.attempts.length - 1] !== made || made.state !== 'open') return;
      attempt(c);
    });
  }

  function onReply(id: number, reply: Reply): void {
    const c = current;
    const made = c?.attempts.find((a) => a.id === id);
    if (c === null || made === undefined || c.over || made.state !== 'open') return;
    if (reply.kind === 'failed' && reply.route !== null) learnRoute(reply.route);
    if (reply.slotTime > (times.get(c.slot) ?? 0)) times.set(c.slot, reply.slotTime);
    if (reply.kind !== 'failed') return finish(c, resultOf(c, reply));
    if (reply.outcome === 'definite') made.state = 'refused';
    const others = c.attempts.some((a) => a.state === 'open');
    if (isVerdict(reply.code)) {
      // A refusal is the last word when no attempt can still take effect, or when it is logged under the number (R17).
      if (made.retry || !others || c.request.op === 'get')
        return finish(c, { kind: 'refused', seen: reply.seen });
      return;
    }
    if (reply.code === 'SESSION_EXPIRED' || reply.code === 'SESSION_LOST') {
      session = newSession();
      number = 0;
      tokens.delete(c.slot);
      return giveUp(c);
    }
    if (c.attempts[c.attempts.length - 1] === made) schedule.after(random.between(2, 80), () => attempt(c));
  }

  function learnRoute(route: Assignment): void {
    const known = routes.get(route.slot);
    if (known === undefined || known.version <= route.version) routes.set(route.slot, route);
  }

  function giveUp(c: Call): void {
    const uncertain = c.request.op !== 'get' && c.attempts.some((a) => a.state === 'open');
    finish(c, { kind: uncertain ? 'unknown' : 'failed' });
  }

  function finish(c: Call, result: HistoryRecord['result'] | { kind: 'refused'; seen: unknown }): void {
    c.over = true;
    current = null;
    const unknown = result.kind === 'unknown';
    const made = {
      client: person,
      key: c.operation.key,
      call: c.call,
      ret: unknown ? Number.POSITIVE_INFINITY : schedule.now,
      op: opOf(c),
      result,
    } as HistoryRecord;
    if (unknown) person = options.nextPerson();
    trace.note(
      'done',
      person,
      c.slot,
      c.slot,
      () => `${options.name} ${c.operation.key} ${JSON.stringify(made.op)} -> ${JSON.stringify(result)}`,
    );
    record(made);
    c.done(made);
  }

  function opOf(c: Call): HistoryRecord['op'] {
    if (c.operation.kind === 'write') return c.operation.write;
    const { level, boundMs } = c.operation;
    // Nodes count the bound on clocks whose rate is off by up to 5 %.
    if (level === 'bounded') return { kind: 'get', level, boundMs: boundMs * 1.06 };
    const token = c.request.op === 'get' ? c.request.token : null;
    return token === null ? { kind: 'get', level } : { kind: 'get', level, token };
  }

  function resultOf(
    c: Call,
    reply: Exclude<Reply, { kind: 'failed' }>,
  ): ReadRecord['result'] | WriteRecord['result'] {
    if (reply.kind === 'written') {
      noteToken(c.slot, reply.position);
      sights.set(c.operation.key, {
        position: reply.position,
        objectVersion: reply.objectVersion,
        updated: reply.slotTime,
      });
      const isAdd = c.request.op === 'add';
      return {
        kind: 'ok',
        position: reply.position,
        previous: reply.replaced,
        existed: reply.replaced !== null,
        objectVersion: reply.objectVersion,
        ...(isAdd ? { value: Number(new TextDecoder().decode(reply.value)) } : {}),
      };
    }
    noteToken(c.slot, reply.at);
    const entry = reply.entry === null ? null : readEntry(reply.entry);
    if (entry === null) {
      sights.set(c.operation.key, { position: null, objectVersion: 0, updated: 0 });
      return { kind: 'ok', found: false };
    }
    const position = { version: entry.version, seq: entry.seq };
    sights.set(c.operation.key, { position, objectVersion: entry.objectVersion, updated: entry.stamp });
    return {
      kind: 'ok',
      found: true,
      value: new TextDecoder().decode(entry.value),
      position,
      objectVersion: entry.objectVersion,
      updated: entry.stamp,
    };
  }

  function noteToken(slot: Slot, at: Position): void {
    const token = tokens.get(slot);
    if (token === undefined || comparePositions(at, token) > 0) tokens.set(slot, at);
  }

  return {
    name: options.name,
    machine: options.machine,
    get busy() {
      return current !== null;
    },
    get slot() {
      return current?.slot ?? -1;
    },
    next(done) {
      values++;
      const operation = nextOperation(random, options.workload, `${options.name}.${values}`, (k) =>
        sights.get(k),
      );
      perform(operation, () => done());
    },
    perform,
  };
}

const isVerdict = (code: Parameters<typeof outcomeOf>[0]): boolean =>
  code === 'CONDITION_FAILED' || code === 'NOT_A_COUNTER' || code === 'COUNTER_OVERFLOW';
