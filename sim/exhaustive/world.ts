/**
 * A small world as plain data, so that it can be copied and named: processes with the replica of one slot, wires, the
 * saved chain, and a ledger of what clients may rely on. Nothing in it moves by itself; moves.ts says what may happen.
 */
import type { Entry } from '../../protocol/entry.ts';
import type { ChainMessage } from '../../protocol/messages.ts';
import type { PersistItem } from '../../protocol/persist.ts';
import { emptyReplicaOf } from '../../protocol/replica/replica.ts';
import type { Replica } from '../../protocol/replica/state.ts';
import { LabDisk } from '../../protocol/testing/lab.ts';
import {
  type Assignment,
  chainVersion,
  epoch,
  type Incarnation,
  incarnation,
  type Member,
  type NodeName,
  nodeName,
  type Position,
  slot,
} from '../../protocol/words.ts';

export const theSlot = slot(0);

/** How much may happen. Everything else (delays, orders, lost suffixes of a broken connection) is always possible. */
export interface Scope {
  readonly members: number;
  readonly writes: number;
  /** Crashes, each with or without the batch in flight, followed by a restart in place at any time or never. */
  readonly crashes: number;
  /** New versions: one member left out (dead or not), or a restarted one taken in under its new incarnation. */
  readonly changes: number;
  /** Connections between two processes that break and come back. */
  readonly breaks: number;
  /** Strong reads by request; without any, reads under a lease are still judged in every state. */
  readonly reads: number;
  /** A process that was started anew may be told again of the version under which the one before it acted (R3). */
  readonly staleOrders: boolean;
  /** Read leases; without them a read asks all members. */
  readonly leases: boolean;
}

/** What is under way on a wire; links come up and go down in order with the messages. */
export type Wired =
  | { readonly kind: 'message'; readonly incarnation: Incarnation; readonly message: ChainMessage }
  | { readonly kind: 'down' }
  | { readonly kind: 'up'; readonly connection: number };

export type Disk = ReturnType<LabDisk['slot']>;

export interface Process {
  readonly name: NodeName;
  incarnation: Incarnation;
  up: boolean;
  replica: Replica;
  disk: Disk;
  batch: readonly PersistItem[] | null;
  installs: number;
  /** Connection to each other process as it sees it; 0 = down. */
  links: number[];
  /** Installs that its last lease covers although a saved version leaves it out; 0 = it ran out. */
  oldLease: number;
}

export interface SavedMember extends Member {
  readonly since: number;
}

/** The chain as the coordinator saved it. */
export interface Chain {
  readonly assignment: Assignment;
  readonly members: readonly SavedMember[];
  /** Processes whose leases must be over before members may have this version. */
  readonly excluded: readonly number[];
}

export interface Ledger {
  /** What was committed, by sequence - 1: position and request. */
  committed: { readonly at: Position; readonly request: number }[];
  /** Nobody may answer with less from now on. */
  floor: number;
  acknowledged: number;
  /** Reads that wait, by tag: the floor when they were asked. */
  reads: Map<number, number>;
}

export interface World {
  processes: Process[];
  /** `from * members + to`. */
  wires: Wired[][];
  /** Present connection of each pair, by the same index (from < to); 0 = none. */
  connections: number[];
  connectionCount: number;
  incarnations: number;
  chain: Chain;
  left: { writes: number; crashes: number; changes: number; breaks: number; reads: number };
  ledger: Ledger;
}

export const wireOf = (w: World, from: number, to: number): Wired[] =>
  w.wires[from * w.processes.length + to] as Wired[];

export const pairOf = (w: World, a: number, b: number): number =>
  Math.min(a, b) * w.processes.length + Math.max(a, b);

export function freshDisk(): Disk {
  return new LabDisk().slot(theSlot);
}

/** Writes a batch as one step. */
export function writeDisk(disk: Disk, items: readonly PersistItem[]): void {
  const lab = new LabDisk();
  lab.slots.set(theSlot, disk);
  lab.write(items);
}

/** All processes up and connected; version 1 is saved and handed out, nobody has installed it yet. */
export function firstWorld(scope: Scope): World {
  const n = scope.members;
  const names = Array.from({ length: n }, (_, i) => nodeName(String.fromCharCode(97 + i)));
  const members = names.map((node, i) => ({
    node,
    incarnation: incarnation(epoch(1), i + 1),
    address: '',
    since: 1,
  }));
  const { writes, crashes, changes, breaks, reads } = scope;
  return {
    processes: members.map((m, i) => ({
      name: m.node,
      incarnation: m.incarnation,
      up: true,
      replica: emptyReplicaOf(theSlot),
      disk: freshDisk(),
      batch: null,
      installs: 0,
      links: names.map((_, j) => (i === j ? 0 : 1)),
      oldLease: 0,
    })),
    wires: Array.from({ length: n * n }, () => []),
    connections: Array.from({ length: n * n }, () => 1),
    connectionCount: 1,
    incarnations: n,
    chain: { assignment: assignmentOf(1, members), members, excluded: [] },
    left: { writes, crashes, changes, breaks, reads },
    ledger: { committed: [], floor: 0, acknowledged: 0, reads: new Map() },
  };
}

export const assignmentOf = (version: number, members: readonly SavedMember[]): Assignment =>
  Object.freeze({
    slot: theSlot,
    version: chainVersion(version),
    members: members.map(({ node, incarnation: of, address }) => ({ node, incarnation: of, address })),
    joiner: null,
    drop: false,
  });

/**
 * A copy for a move at process `at`, the only one that a move changes (-1: none). It shares the other processes, and
 * what never changes: entries, messages, batches, positions.
 */
export function copyWorld(w: World, at: number): World {
  return {
    processes: w.processes.map((p, i) => (i === at ? (copy(p, new Map()) as Process) : p)),
    wires: w.wires.map((wire) => wire.slice()),
    connections: w.connections.slice(),
    connectionCount: w.connectionCount,
    incarnations: w.incarnations,
    chain: w.chain,
    left: { ...w.left },
    ledger: { ...w.ledger, committed: w.ledger.committed.slice(), reads: new Map(w.ledger.reads) },
  };
}

function copy(v: unknown, seen: Map<object, unknown>): unknown {
  if (typeof v !== 'object' || v === null || isConstant(v)) return v;
  if (Array.isArray(v)) {
    const out = new Array<unknown>(v.length);
    for (let i = 0; i < v.length; i++) out[i] = copy(v[i], seen);
    return out;
  }
  if (v instanceof Map) {
    const out = new Map<unknown, unknown>();
    for (const [k, x] of v) out.set(k, copy(x, seen));
    return out;
  }
  if (v instanceof Set) return new Set(v);
  // Items of a log point at each other.
  const linked = 'waiters' in v;
  if (linked) {
    const done = seen.get(v);
    if (done !== undefined) return done;
  }
  const out: Record<string, unknown> = {};
  if (linked) seen.set(v, out);
  for (const k in v) out[k] = copy((v as Record<string, unknown>)[k], seen);
  return out;
}

const isConstant = (v: object): boolean =>
  v instanceof Uint8Array ||
  Object.isFrozen(v) ||
  'bytes' in v ||
  ('seq' in v && 'version' in v) ||
  'first' in v;

/** A name of the state: equal for equal states, whatever way led there. A named world must not be changed any more. */
export function nameOf(w: World): string {
  let out = '';
  for (const p of w.processes) {
    let name = rendered.get(p);
    if (name === undefined) {
      name = render(p);
      rendered.set(p, name);
    }
    out += name;
  }
  return out + render({ ...w, processes: null });
}

const rendered = new WeakMap<object, string>();

function render(v: unknown): string {
  if (typeof v !== 'object' || v === null) return String(v);
  if (v instanceof Uint8Array) return '';
  if ('bytes' in v) return `e${(v as Entry).version}:${(v as Entry).seq}=${(v as Entry).client}`;
  const constant = Object.isFrozen(v);
  const known = constant ? rendered.get(v) : undefined;
  if (known !== undefined) return known;
  const text = renderParts(v);
  if (constant) rendered.set(v, text);
  return text;
}

function renderParts(v: object): string {
  let out = '';
  if (Array.isArray(v)) {
    for (const x of v) out += `${render(x)},`;
    return `[${out}]`;
  }
  if (v instanceof Map) {
    for (const [k, x] of v) out += `${String(k)}>${render(x)},`;
    return `{${out}}`;
  }
  if (v instanceof Set) return `<${[...v].map(render).join()}>`;
  for (const k in v) {
    // Neighbours of an item follow from the order of the log.
    if (k === 'older' || k === 'newer') continue;
    out += `${render((v as Record<string, unknown>)[k])};`;
  }
  return `(${out})`;
}
