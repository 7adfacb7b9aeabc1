/**
 * Clients: the real session core, its connections to all nodes, and a caller that does one operation at a time and
 * writes down for the checker what it saw. Several callers may share a session, as threads of one program do.
 */
import { type Call, Session, type Step, type Operation as Wish } from '../../protocol/client/session.ts';
import { readEntry } from '../../protocol/entry.ts';
import type { Reply, Request, Routes } from '../../protocol/requests.ts';
import { slotOf } from '../../protocol/slots.ts';
import { clientId, type Key, type NodeName, noIncarnation, type Position } from '../../protocol/words.ts';
import type { HistoryRecord } from '../checker/history.ts';
import type { Random } from '../random.ts';
import { nextOperation, type Operation, type Sight, type WorkloadOptions } from '../workload.ts';
import { describeRequest } from './describe.ts';
import type { Frame } from './flow.ts';
import type { Dialer, Link, Port } from './network.ts';
import type { HostWorld } from './node-host.ts';

export interface ClientOptions {
  readonly name: string;
  readonly machine: number;
  readonly slots: number;
  readonly nodes: readonly NodeName[];
  /** Reads at this node and nowhere else. */
  readonly pinned: NodeName | null;
  /** Writes there too. */
  readonly pinnedWrites: boolean;
  readonly workload: WorkloadOptions;
  /** Time that the caller gives each operation. */
  readonly patienceMs: number;
  readonly dedupeHorizonMs: number;
  /** Callers that share the session. */
  readonly callers: number;
  /** Numbers by which the checker tells callers apart, unique within a world. */
  readonly nextPerson: () => number;
}

export interface Client {
  readonly name: string;
  readonly machine: number;
  /** An operation is under way. */
  readonly busy: boolean;
  /** Does one operation of the workload and calls back. */
  next(done: () => void): void;
  /** Does this operation; for stories and for the last words of a run. */
  perform(operation: Operation, done: (record: HistoryRecord) => void): void;
}

/** What the callers of one session have in common. */
interface Shared {
  readonly session: Session;
  readonly linkTo: (node: NodeName) => Link | null;
  readonly refresh: () => void;
  /** Who waits for the answer to an attempt. */
  readonly waiting: Map<number, (reply: Reply) => void>;
  readonly onBreak: Set<(link: Link) => void>;
  readonly send: (link: Link, id: number, request: Request) => void;
  nextAttempt(): number;
}

export function createClients(
  world: HostWorld,
  options: ClientOptions,
  record: (entry: HistoryRecord, request: string) => void,
): Client[] {
  const shared = connectSession(world, options);
  return Array.from({ length: options.callers }, (_, i) =>
    createCaller(world, { ...options, name: `${options.name}${'abc'[i] ?? i}` }, shared, record),
  );
}

function connectSession(world: HostWorld, options: ClientOptions): Shared {
  const { schedule, network, trace } = world;
  const random = world.random.fork();
  const session = new Session(clientId(1 + random.int(2 ** 40)), random.int(1000));
  const dialers = new Map<NodeName, Dialer>();
  const waiting = new Map<number, (reply: Reply) => void>();
  const onBreak = new Set<(link: Link) => void>();
  let attempts = 0;
  let refreshedAt = Number.NEGATIVE_INFINITY;
  const port: Port = {
    name: options.name,
    machine: options.machine,
    alive: () => true,
    responsive: () => true,
    opened() {},
    closed(link) {
      for (const tell of [...onBreak]) tell(link);
    },
    received(_: Link, frame: Frame) {
      for (const m of frame.messages) {
        if (m.kind === 'routes') session.learn(m.routes satisfies Routes);
        if (m.kind !== 'answer') continue;
        const take = waiting.get(m.id);
        waiting.delete(m.id);
        take?.(m.reply);
      }
    },
  };
  for (const node of options.nodes) dialers.set(node, network.dial(port, node));
  const linkTo = (node: NodeName): Link | null => dialers.get(node)?.link ?? null;
  return {
    session,
    linkTo,
    refresh() {
      if (schedule.now - refreshedAt < 100) return;
      const links = options.nodes.flatMap((n) => linkTo(n) ?? []);
      if (links.length === 0) return;
      refreshedAt = schedule.now;
      network.send(random.pick(links), port, {
        incarnation: noIncarnation,
        messages: [{ kind: 'askRoutes' }],
      });
    },
    waiting,
    onBreak,
    send(link, id, request) {
      const slot = slotOf(request.key, options.slots);
      trace.note(
        'ask',
        id,
        slot,
        slot,
        () => `${options.name} -> ${link.acceptor.name} #${id} ${describeRequest(request)}`,
      );
      network.send(link, port, { incarnation: noIncarnation, messages: [{ kind: 'ask', id, request }] });
    },
    nextAttempt: () => ++attempts,
  };
}

/** An operation under way. */
interface Effort {
  readonly operation: Operation;
  readonly call: number;
  /** What a session read named at its last attempt. */
  token: Position | null;
  /** Name of a write's request in the ledgers; '' = none was sent. */
  request: string;
  readonly done: (record: HistoryRecord) => void;
}

function createCaller(
  world: HostWorld,
  options: ClientOptions,
  shared: Shared,
  record: (entry: HistoryRecord, request: string) => void,
): Client {
  const { schedule, trace } = world;
  const { session } = shared;
  const random: Random = world.random.fork();
  const sights = new Map<Key, Sight>();
  /** What the checker knows this caller as; a new one after each unknown outcome. */
  let person = options.nextPerson();
  let values = 0;
  let busy = false;

  function perform(operation: Operation, done: (entry: HistoryRecord) => void): void {
    busy = true;
    const until = schedule.now + options.patienceMs;
    const called = schedule.now;
    const start = (): void => {
      if (session.knowsRoutes) {
        const call = session.begin(
          wishOf(operation),
          until,
          operation.kind === 'get' || options.pinnedWrites ? options.pinned : null,
        );
        run(
          { operation, call: called, token: null, request: '', done },
          call,
          session.next(call, schedule.now),
        );
      } else if (schedule.now >= until)
        finish({ operation, call: called, token: null, request: '', done }, null);
      else {
        shared.refresh();
        schedule.after(20, start);
      }
    };
    start();
  }

  function run(effort: Effort, call: Call, step: Step): void {
    switch (step.kind) {
      case 'done':
        return finish(effort, step.reply);
      case 'wait':
        if (step.refresh) shared.refresh();
        if (step.ms === 0) return run(effort, call, session.next(call, schedule.now));
        schedule.after(Math.min(step.ms, call.deadline - schedule.now), () =>
          run(effort, call, session.next(call, schedule.now)),
        );
        return;
      case 'send':
        return attempt(effort, call, step);
    }
  }

  function attempt(effort: Effort, call: Call, step: Step & { kind: 'send' }): void {
    const direct = shared.linkTo(step.to);
    const link = direct ?? (call.pinned === null ? anyLink() : null);
    if (link === null) return run(effort, call, session.onLost(call, false));
    const id = shared.nextAttempt();
    const settle = (next: () => Step): void => {
      if (!shared.waiting.delete(id) && !answered) return;
      shared.onBreak.delete(broke);
      run(effort, call, next());
    };
    let answered = false;
    const broke = (l: Link): void => {
      if (l === link) settle(() => session.onLost(call, true));
    };
    shared.waiting.set(id, (reply) => {
      answered = true;
      settle(() => session.onReply(call, reply));
    });
    shared.onBreak.add(broke);
    schedule.after(step.timeoutMs, () => {
      if (!answered) settle(() => session.onLost(call, true));
    });
    const { request } = step;
    effort.token = request.op === 'get' && request.level === 'session' ? request.token : null;
    effort.request = request.op === 'get' ? '' : `${request.client}/${request.number}`;
    shared.send(link, id, request);
  }

  function anyLink(): Link | null {
    const links = options.nodes.flatMap((n) => shared.linkTo(n) ?? []);
    return links.length === 0 ? null : random.pick(links);
  }

  function finish(effort: Effort, reply: Reply | null): void {
    busy = false;
    const { operation } = effort;
    const result = resultOf(operation, reply, sights);
    const unknown = result.kind === 'unknown';
    const made = {
      client: person,
      key: operation.key,
      call: effort.call,
      ret: unknown ? Number.POSITIVE_INFINITY : schedule.now,
      op: opOf(effort),
      result,
    } as HistoryRecord;
    if (unknown) person = options.nextPerson();
    const slot = slotOf(operation.key, options.slots);
    trace.note(
      'done',
      person,
      slot,
      slot,
      () => `${options.name} ${operation.key} ${JSON.stringify(made.op)} -> ${JSON.stringify(result)}`,
    );
    record(made, effort.request);
    effort.done(made);
  }

  return {
    name: options.name,
    machine: options.machine,
    get busy() {
      return busy;
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

function wishOf(operation: Operation): Wish {
  const { key } = operation;
  if (operation.kind === 'get') return { op: 'get', key, level: operation.level, boundMs: operation.boundMs };
  const { write } = operation;
  if (write.kind === 'add') return { op: 'add', key, delta: BigInt(write.delta), conditions: [] };
  const conditions = (write.condition ?? []).map((c) => ({ field: c.field, operator: c.op, value: c.value }));
  if (write.kind === 'delete') return { op: 'delete', key, conditions };
  return { op: 'put', key, value: new TextEncoder().encode(write.value), conditions };
}

function opOf({ operation, token }: Effort): HistoryRecord['op'] {
  if (operation.kind === 'write') return operation.write;
  const { level, boundMs } = operation;
  // Nodes count the bound on clocks whose rate is off by up to 5 %.
  if (level === 'bounded') return { kind: 'get', level, boundMs: boundMs * 1.06 };
  return token === null ? { kind: 'get', level } : { kind: 'get', level, token };
}

const verdicts: readonly string[] = ['CONDITION_FAILED', 'NOT_A_COUNTER', 'COUNTER_OVERFLOW'];

/** What the caller was told; notes what it saw of the key. */
function resultOf(
  operation: Operation,
  reply: Reply | null,
  sights: Map<Key, Sight>,
): HistoryRecord['result'] {
  if (reply === null) return { kind: 'failed' };
  if (reply.kind === 'failed') {
    if (verdicts.includes(reply.code))
      return reply.seen === null ? { kind: 'refused' } : { kind: 'refused', seen: reply.seen };
    return { kind: operation.kind === 'get' || reply.outcome === 'definite' ? 'failed' : 'unknown' };
  }
  if (reply.kind === 'written') {
    const { position, objectVersion, replaced } = reply;
    sights.set(operation.key, { position, objectVersion, updated: reply.slotTime });
    const isAdd = operation.kind === 'write' && operation.write.kind === 'add';
    const value = isAdd ? { value: Number(new TextDecoder().decode(reply.value)) } : {};
    return { kind: 'ok', position, previous: replaced, existed: replaced !== null, objectVersion, ...value };
  }
  const entry = reply.entry === null ? null : readEntry(reply.entry);
  if (entry === null) {
    sights.set(operation.key, { position: null, objectVersion: 0, updated: 0 });
    return { kind: 'ok', found: false };
  }
  const { objectVersion, stamp } = entry;
  const position = { version: entry.version, seq: entry.seq };
  sights.set(operation.key, { position, objectVersion, updated: stamp });
  return {
    kind: 'ok',
    found: true,
    value: new TextDecoder().decode(entry.value),
    position,
    objectVersion,
    updated: stamp,
  };
}
