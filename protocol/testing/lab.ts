/**
 * A laboratory for tests: real cores of nodes, a coordinator and clients joined by perfect links, memory disks and one
 * clock that moves by hand. Nothing goes wrong here unless the test makes it so; the simulator is where things go wrong.
 */

import type { Desired, StoreOutcome } from '../coordinator/contract.ts';
import { CoordinatorCore } from '../coordinator/coordinator.ts';
import { type Entry, readEntry } from '../entry.ts';
import { type Limits, limits } from '../limits.ts';
import { NodeCore } from '../node/node.ts';
import {
  type Boot,
  type BootSlot,
  type Forgotten,
  nothingForgotten,
  type PersistItem,
  type Scanned,
} from '../persist.ts';
import type { Reply, Request } from '../requests.ts';
import { defaultTimings } from '../timings.ts';
import {
  type ClientId,
  clientId,
  type Key,
  type NodeName,
  nodeName,
  origin,
  type Slot,
  storeId,
} from '../words.ts';

interface Slotted {
  assignment: BootSlot['assignment'];
  version: BootSlot['version'];
  start: BootSlot['start'];
  log: Entry[];
  marks: BootSlot['marks'];
  sessions: Map<ClientId, Uint8Array>;
  forgotten: Forgotten;
  values: Map<Key, Entry>;
  /** Keys whose records do not verify. */
  rotten: Set<Key>;
}

/** A disk in memory that keeps what was written when the process is gone. */
export class LabDisk {
  identity: Boot['identity'] = { clusterId: '', epoch: 0, incarnation: 0 } as unknown as Boot['identity'];
  readonly slots = new Map<Slot, Slotted>();

  write(items: readonly PersistItem[]): void {
    for (const item of items) {
      if (item.kind === 'identity') this.identity = item;
      else this.#writeSlot(this.slot(item.slot), item);
    }
  }

  slot(slot: Slot): Slotted {
    let s = this.slots.get(slot);
    if (s === undefined) {
      const marks = { commit: origin, passed: origin, promised: origin, complete: true };
      s = {
        assignment: null,
        version: 0 as BootSlot['version'],
        start: origin,
        log: [],
        marks,
        sessions: new Map(),
        forgotten: nothingForgotten,
        values: new Map(),
        rotten: new Set(),
      };
      this.slots.set(slot, s);
    }
    return s;
  }

  #writeSlot(s: Slotted, item: Exclude<PersistItem, { kind: 'identity' }>): void {
    switch (item.kind) {
      case 'append':
        s.log.push(...item.entries);
        return;
      case 'drop':
        s.log = s.log.filter((e) => e.seq <= item.to);
        return;
      case 'apply':
        for (const e of item.entries) {
          s.rotten.delete(e.key);
          if (e.kind === 'delete') s.values.delete(e.key);
          else s.values.set(e.key, e);
        }
        return;
      case 'repair':
        for (const { key, record } of item.records) {
          s.rotten.delete(key);
          if (record === 'damaged') s.rotten.add(key);
          else if (record === null) s.values.delete(key);
          else s.values.set(key, record);
        }
        return;
      case 'marks':
        s.marks = item;
        return;
      case 'sessions':
        for (const { client, bytes } of item.put) s.sessions.set(client, bytes);
        for (const client of item.gone) s.sessions.delete(client);
        s.forgotten = item.forgotten;
        return;
      case 'assignment':
        s.assignment = item.assignment;
        s.version = item.assignment.version;
        return;
      case 'erase':
        s.log = [];
        s.values.clear();
        s.rotten.clear();
        s.sessions.clear();
        s.forgotten = nothingForgotten;
        s.start = item.start;
        return;
      case 'trim':
        s.start = item.start;
        s.log = s.log.filter((e) => e.seq > item.start.seq);
        return;
    }
  }

  /** The record of a key as a store that verifies it finds it. */
  fetch(slot: Slot, key: Key): Uint8Array | null | 'corrupt' {
    const s = this.slot(slot);
    return s.rotten.has(key) ? 'corrupt' : (s.values.get(key)?.bytes ?? null);
  }

  /** Records above `after` in key order, at most `count`. */
  scan(slot: Slot, after: Key | null, count: number): Scanned {
    const s = this.slot(slot);
    const keys = [...new Set([...s.values.keys(), ...s.rotten])]
      .filter((k) => after === null || k > after)
      .sort();
    const page = keys.slice(0, count);
    return {
      values: page.flatMap((k) => (s.rotten.has(k) ? [] : [(s.values.get(k) as Entry).bytes])),
      damaged: page.filter((k) => s.rotten.has(k)),
      next: keys.length > count ? (page.at(-1) as Key) : null,
    };
  }

  boot(store: string): Boot {
    return {
      store: storeId(store),
      identity: this.identity,
      slots: [...this.slots].map(([slot, s]) => ({
        slot,
        ...s,
        log: [...s.log],
        sessions: [...s.sessions.values()],
      })),
    };
  }
}

interface LabNode {
  readonly name: NodeName;
  core: NodeCore;
  readonly disk: LabDisk;
  up: boolean;
  /** Its disk finishes nothing. */
  stalled: boolean;
}

export class Lab {
  mono = 1000;
  /** Unexpected errors inside a core are part of the test. */
  tolerant = false;
  readonly nodes = new Map<NodeName, LabNode>();
  readonly coordinator: CoordinatorCore;
  readonly desired: Desired;
  readonly replies = new Map<number, Reply>();
  readonly #objects = new Map<string, { value: string; tag: number }>();
  readonly #limits: Limits;
  #processes = 0;
  #tag = 0;
  #caller = 0;

  constructor(options: {
    nodes: number;
    slots?: number;
    replicationFactor?: number;
    limits?: Partial<Limits>;
  }) {
    this.#limits = { ...limits, ...options.limits };
    this.desired = {
      slots: options.slots ?? 4,
      replicationFactor: options.replicationFactor ?? 3,
      nodes: options.nodes,
      drain: [],
      timings: defaultTimings,
      begun: false,
      osRestart: 'wait',
      concurrentMoves: 4,
    };
    this.coordinator = new CoordinatorCore(
      {
        name: 'c0',
        process: 1,
        address: 'c0:1',
        objects: { lease: 'the lease', state: 'the state' },
        newClusterId: 'lab',
        desired: this.desired,
      },
      this.now,
    );
    for (let i = 0; i < options.nodes; i++) this.start(nodeName(`n${i}`));
  }

  get now(): { mono: number; wall: number } {
    return { mono: this.mono, wall: 1_700_000_000_000 + Math.floor(this.mono) };
  }

  node(name: string): LabNode {
    const n = this.nodes.get(nodeName(name));
    if (n === undefined) throw new Error(`no node ${name}`);
    return n;
  }

  /** Starts a process on the disk of that name, new or old. */
  start(name: NodeName): void {
    const disk = this.nodes.get(name)?.disk ?? new LabDisk();
    const place = { address: `${name}:1`, grpc: '', admin: '', zone: '', host: '', weight: 1 };
    const config = {
      name,
      place,
      slots: this.desired.slots,
      timings: this.desired.timings,
      coordinators: ['c0:1'],
      ownClient: clientId(++this.#processes),
      lockProof: true,
      limits: this.#limits,
    };
    const core = new NodeCore(config, disk.boot(`store-${name}`), this.now);
    this.nodes.set(name, { name, core, disk, up: true, stalled: false });
    core.handle({ kind: 'coordinatorLink', to: 'c0:1', up: true }, this.now);
    for (const other of this.nodes.values()) {
      if (other.name === name || !other.up) continue;
      core.handle({ kind: 'link', peer: other.name, up: true }, this.now);
      other.core.handle({ kind: 'link', peer: name, up: true }, this.now);
    }
  }

  /** kill -9. */
  kill(name: string): void {
    const n = this.node(name);
    n.up = false;
    for (const other of this.nodes.values())
      if (other.up) other.core.handle({ kind: 'link', peer: n.name, up: false }, this.now);
  }

  stall(name: string): void {
    this.node(name).stalled = true;
  }

  resume(name: string): void {
    this.node(name).stalled = false;
    this.settle();
  }

  /** Lets time pass; everything that is due happens. */
  run(ms: number): void {
    const end = this.mono + ms;
    while (this.mono < end) {
      this.mono += 10;
      this.coordinator.handle({ kind: 'tick' }, this.now);
      for (const n of this.nodes.values()) if (n.up) n.core.handle({ kind: 'tick' }, this.now);
      this.settle();
    }
  }

  /** Runs until `done`, at most `ms`. */
  until(done: () => boolean, ms = 20_000): void {
    const end = this.mono + ms;
    while (!done()) {
      if (this.mono >= end)
        throw new Error(
          `not reached within ${ms} ms: ${JSON.stringify(this.coordinator.view(this.now).waiting)}`,
        );
      this.run(10);
    }
  }

  get allFull(): boolean {
    const v = this.coordinator.view(this.now);
    return v.chains.length === this.desired.slots && v.chains.every((c) => c.full);
  }

  ask(node: string, request: Request): Reply | undefined {
    this.#caller++;
    const tag = this.#caller;
    this.node(node).core.handle({ kind: 'request', tag, request }, this.now);
    this.settle();
    return this.replies.get(tag);
  }

  /** Delivers until nothing moves. */
  settle(): void {
    for (let i = 0; i < 1000; i++) {
      let moved = this.#drainCoordinator();
      for (const n of this.nodes.values()) if (n.up && this.#drainNode(n)) moved = true;
      if (!moved) return;
    }
    throw new Error('messages go round in circles');
  }

  #drainNode(n: LabNode): boolean {
    const e = n.core.drain();
    let moved =
      e.control.length +
        e.replies.length +
        e.fetches.length +
        e.logReads.length +
        e.scans.length +
        e.sends.size >
      0;
    for (const notice of e.notices)
      if (notice.name === 'core.contained' && !this.tolerant) throw new Error(String(notice.fields.why));
    for (const r of e.replies) this.replies.set(r.tag, r.reply);
    for (const [to, messages] of e.sends) {
      const peer = this.nodes.get(to);
      if (peer?.up !== true) continue;
      for (const message of messages)
        peer.core.handle({ kind: 'peer', from: n.name, incarnation: n.core.incarnation, message }, this.now);
    }
    for (const f of e.fetches)
      n.core.handle({ kind: 'fetched', id: f.id, entry: n.disk.fetch(f.slot, f.key) }, this.now);
    for (const r of e.logReads)
      n.core.handle(
        { kind: 'logRead', id: r.id, entries: n.disk.slot(r.slot).log.filter((x) => x.seq >= r.from) },
        this.now,
      );
    for (const s of e.scans)
      n.core.handle({ kind: 'scanned', id: s.id, result: n.disk.scan(s.slot, s.after, 2) }, this.now);
    for (const c of e.control)
      this.coordinator.handle({ kind: 'node', link: n.name, message: c.message }, this.now);
    const batch = n.stalled ? null : n.core.takeBatch();
    if (batch !== null) {
      moved = true;
      n.disk.write(batch.items);
      n.core.handle({ kind: 'persisted', batch: batch.id }, this.now);
    }
    return moved;
  }

  #drainCoordinator(): boolean {
    const e = this.coordinator.drain();
    for (const { link, message } of e.sends) {
      const n = this.nodes.get(nodeName(link));
      if (n?.up === true) n.core.handle({ kind: 'coordinator', from: 'c0:1', message }, this.now);
    }
    for (const call of e.stores)
      this.coordinator.handle({ kind: 'stored', id: call.id, outcome: this.#store(call) }, this.now);
    return e.sends.length + e.stores.length > 0;
  }

  #store(call: {
    op: 'read' | 'write';
    object: string;
    value?: string;
    expect?: string | null;
  }): StoreOutcome {
    const held = this.#objects.get(call.object);
    if (call.op === 'read')
      return { kind: 'read', value: held?.value ?? null, tag: held === undefined ? null : `${held.tag}` };
    if ((held === undefined ? null : `${held.tag}`) !== call.expect) return { kind: 'conflict' };
    this.#tag++;
    this.#objects.set(call.object, { value: call.value as string, tag: this.#tag });
    return { kind: 'written', tag: `${this.#tag}` };
  }
}

/** The text of the value that a read returned; null = absent. */
export function textOf(reply: Reply | undefined): string | null {
  if (reply?.kind !== 'read') throw new Error(`not a read: ${JSON.stringify(reply)}`);
  const entry = reply.entry === null ? null : readEntry(reply.entry);
  return entry === null ? null : new TextDecoder().decode(entry.value);
}
