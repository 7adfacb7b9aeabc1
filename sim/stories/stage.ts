/**
 * A stage for stories: real cores of nodes, whose messages, disk writes and store reads wait until the script lets
 * them go. One slot, no coordinator: the script hands out chain versions and leases itself, in any order it likes.
 */

import { type Entry, readEntry } from '../../protocol/entry.ts';
import { featureLevel } from '../../protocol/features.ts';
import { type Limits, limits as usualLimits } from '../../protocol/limits.ts';
import type { AssignmentSet, Heartbeat, PeerMessage, SpaceLevel } from '../../protocol/messages.ts';
import type { Effects } from '../../protocol/node/contract.ts';
import { inspect } from '../../protocol/node/inspect.ts';
import { NodeCore } from '../../protocol/node/node.ts';
import type { Batch, Boot, BootSlot } from '../../protocol/persist.ts';
import type { Replica } from '../../protocol/replica/state.ts';
import type { Failure, Page, ReadRequest, Reply, Request, WriteRequest } from '../../protocol/requests.ts';
import { LabDisk } from '../../protocol/testing/lab.ts';
import { getRequest, putRequest } from '../../protocol/testing/samples.ts';
import { defaultTimings, type Timings } from '../../protocol/timings.ts';
import {
  type Assignment,
  chainVersion,
  clientId,
  epoch,
  type Incarnation,
  incarnation,
  type Key,
  key,
  type Member,
  type NodeName,
  nodeName,
  reign,
  revision,
  type Seq,
  seq,
  slot,
} from '../../protocol/words.ts';

const coordinator = 'c:1';
const wall = 1_700_000_000_000;

interface Actor {
  readonly name: NodeName;
  core: NodeCore;
  disk: LabDisk;
  batch: Batch | null;
  up: boolean;
  wallOffset: number;
  /** Number of its newest heartbeat, and what it said. */
  beat: number;
  said: Heartbeat | null;
}

interface Sent {
  readonly incarnation: Incarnation;
  readonly message: PeerMessage;
  /** When it arrives. */
  readonly due: number;
}

export interface Order {
  readonly joiner?: string;
  readonly drop?: boolean;
  /** Who is told; all living ones unless named. */
  readonly to?: readonly string[];
  /** Members as incarnations that are no more, by name. */
  readonly as?: Readonly<Record<string, Incarnation>>;
}

export class Stage {
  mono = 1000;
  /** How long each message between nodes travels from here on. */
  oneWayMs = 0;
  readonly #timings: Timings;
  readonly #features: Readonly<Record<string, number>>;
  readonly #limits: Limits;
  readonly #actors = new Map<string, Actor>();
  readonly #wires = new Map<string, Sent[]>();
  readonly #heldWires = new Set<string>();
  readonly #heldDisks = new Set<string>();
  readonly #slowLogs = new Set<string>();
  /** What nodes read of single keys, at nodes whose store lets them wait: the answers as the store held them then. */
  readonly #slowValues = new Map<string, ((asOf: 'then' | 'now') => void)[]>();
  /** Scans of stores that take their time: what each shows is settled when it begins. */
  readonly #slowScans = new Map<string, (() => void)[]>();
  readonly #noticed = new Map<string, string[]>();
  readonly #replies = new Map<number, Reply[]>();
  readonly #pages = new Map<number, (Page | Failure)[]>();
  #tag = 0;
  #incarnations = 0;
  #revision = 0;

  /** `features`: levels of nodes that are of another release. */
  constructor(
    names: readonly string[],
    timings: Partial<Timings> = {},
    features: Readonly<Record<string, number>> = {},
    limits: Limits = usualLimits,
  ) {
    this.#features = features;
    this.#timings = { ...defaultTimings, ...timings };
    this.#limits = limits;
    for (const name of names) this.start(name);
    this.run();
  }

  actor(name: string): Actor {
    const a = this.#actors.get(name);
    if (a === undefined) throw new Error(`nobody is called ${name}`);
    return a;
  }

  /** The replica of the only slot. */
  replica(name: string): Replica {
    const r = inspect(this.actor(name).core).replicas.get(slot(0));
    if (r === undefined) throw new Error(`${name} has no replica`);
    return r;
  }

  incarnation = (name: string): Incarnation => this.actor(name).core.incarnation;

  /* Processes. */

  /** Starts a process on the disk of that name, and registers it under a new incarnation. */
  start(name: string, boot: Partial<BootSlot> = {}): void {
    const disk = this.#actors.get(name)?.disk ?? new LabDisk();
    const found = disk.boot(`store-${name}`);
    const whole: Boot = { ...found, slots: found.slots.map((s) => ({ ...s, ...boot })) };
    const core = new NodeCore(
      {
        name: nodeName(name),
        place: { address: `${name}:1`, grpc: '', admin: '', zone: '', host: '', weight: 1 },
        slots: 1,
        timings: this.#timings,
        limits: this.#limits,
        coordinators: [coordinator],
        ownClient: clientId(1000 + this.#incarnations),
        lockProof: true,
        features: this.#features[name] ?? featureLevel,
      },
      whole,
      this.#now(null),
    );
    const a: Actor = {
      name: nodeName(name),
      core,
      disk,
      batch: null,
      up: true,
      wallOffset: 0,
      beat: 0,
      said: null,
    };
    this.#actors.set(name, a);
    this.#heldDisks.delete(name);
    this.#handle(a, { kind: 'coordinatorLink', to: coordinator, up: true });
    this.#incarnations++;
    this.#handle(a, {
      kind: 'coordinator',
      from: coordinator,
      message: {
        kind: 'registered',
        clusterId: 'stage',
        epoch: epoch(1),
        reign: reign(1),
        incarnation: incarnation(epoch(1), this.#incarnations),
        slots: 1,
      },
    });
    for (const other of this.#actors.keys())
      if (other !== name && this.actor(other).up) this.link(name, other, true);
  }

  /** kill -9 and power off: what was not on disk is lost, `written` says that the batch in flight just made it. */
  crash(name: string, written = false): void {
    const a = this.actor(name);
    if (written && a.batch !== null) a.disk.write(a.batch.items);
    a.up = false;
    for (const other of this.#actors.keys()) if (other !== name) this.link(name, other, false);
  }

  /** The disk as it is now, to come back to later: a volume restored from a snapshot. */
  snapshot(name: string): LabDisk {
    const from = this.actor(name).disk;
    const copy = new LabDisk();
    copy.identity = from.identity;
    for (const [s, held] of from.slots)
      copy.slots.set(s, {
        ...held,
        log: [...held.log],
        values: new Map(held.values),
        rotten: new Set(held.rotten),
        sessions: new Map(held.sessions),
      });
    return copy;
  }

  restore(name: string, disk: LabDisk): void {
    this.actor(name).disk = disk;
  }

  /* Links and disks. */

  /** Down loses what is under way in both directions. */
  link(a: string, b: string, up: boolean): void {
    if (!up) {
      this.#wires.delete(`${a}>${b}`);
      this.#wires.delete(`${b}>${a}`);
    }
    for (const [x, y] of [
      [a, b],
      [b, a],
    ] as const)
      if (this.actor(x).up) this.#handle(this.actor(x), { kind: 'link', peer: nodeName(y), up });
  }

  /** Nobody reaches `name` any more. */
  isolate(name: string): void {
    for (const other of this.#actors.keys()) if (other !== name) this.link(name, other, false);
  }

  /** Messages of these wires (`a>b`) wait until they are released. */
  hold(...wires: string[]): void {
    for (const w of wires) this.#heldWires.add(w);
  }

  release(...wires: string[]): void {
    for (const w of wires) this.#heldWires.delete(w);
  }

  /** The disk of `name` finishes nothing until it is released. */
  stall(...names: string[]): void {
    for (const n of names) this.#heldDisks.add(n);
  }

  resume(...names: string[]): void {
    for (const n of names) this.#heldDisks.delete(n);
  }

  /** The record of a key at `name` does not verify any more. */
  rot(name: string, of = 'k'): void {
    this.actor(name).disk.slot(slot(0)).rotten.add(key(of));
  }

  /** `name` reads all of its records, and compares them. */
  scrub(name: string): void {
    this.#handle(this.actor(name), { kind: 'scrub' });
    this.#handle(this.actor(name), { kind: 'tick' });
    this.run();
  }

  /** Names of what `name` noticed, in order. */
  noticed = (name: string): readonly string[] => this.#noticed.get(name) ?? [];

  /** Reads of the log of `name` do not come back. */
  stallLogReads(name: string): void {
    this.#slowLogs.add(name);
  }

  /** Reads of single values at `name` do not come back until `answerValues`. */
  stallValues(name: string): void {
    this.#slowValues.set(name, []);
  }

  /** The values that `name` read come, as its store held them when they were asked for, or as it holds them now. */
  answerValues(name: string, asOf: 'then' | 'now' = 'then'): void {
    const late = this.#slowValues.get(name) ?? [];
    this.#slowValues.delete(name);
    for (const answer of late) answer(asOf);
  }

  /** One of the values that `name` reads comes: the one at `index`, as the store holds it now. */
  answerValue(name: string, index: number): void {
    this.#slowValues.get(name)?.splice(index, 1)[0]?.('now');
  }

  /** Scans of the store of `name` do not come back until `answerScans`. */
  stallScans(name: string): void {
    this.#slowScans.set(name, []);
  }

  /** What `name` scanned comes, as its store held it when each scan began; scans that follow come at once. */
  answerScans(name: string): void {
    const late = this.#slowScans.get(name) ?? [];
    this.#slowScans.delete(name);
    for (const answer of late) answer();
  }

  scansUnderWay = (name: string): number => this.#slowScans.get(name)?.length ?? 0;

  /** Messages on their way, in order. */
  waiting = (wire: string): PeerMessage[] => (this.#wires.get(wire) ?? []).map((s) => s.message);

  /** Takes the messages on their way off a wire. */
  takeWaiting = (wire: string): PeerMessage[] =>
    (this.#wires.get(wire)?.splice(0) ?? []).map((s) => s.message);

  /** Delivers the first message of a wire, held or not. */
  deliver(wire: string): void {
    const sent = this.#wires.get(wire)?.shift();
    const [from, to] = wire.split('>') as [string, string];
    if (sent === undefined) throw new Error(`nothing is on its way ${wire}`);
    const { incarnation: of, message } = sent;
    this.#handle(this.actor(to), { kind: 'peer', from: nodeName(from), incarnation: of, message });
  }

  /** A message that nobody sent in this story: an old one that comes late, or a copy. */
  inject(from: string, to: string, message: PeerMessage, of = this.incarnation(from)): void {
    this.#handle(this.actor(to), { kind: 'peer', from: nodeName(from), incarnation: of, message });
  }

  /** Lets everything happen that is not held. */
  run(): void {
    for (let i = 0; i < 10_000; i++) if (!this.#step()) return;
    throw new Error('messages go round in circles');
  }

  #step(): boolean {
    for (const a of this.#actors.values()) {
      if (!a.up || a.batch === null || this.#heldDisks.has(a.name)) continue;
      this.persist(a.name);
      return true;
    }
    for (const [wire, queue] of this.#wires) {
      if (this.#heldWires.has(wire) || (queue[0]?.due ?? Number.POSITIVE_INFINITY) > this.mono) continue;
      this.deliver(wire);
      return true;
    }
    return false;
  }

  /** The batch in flight is on disk. */
  persist(name: string): void {
    const a = this.actor(name);
    const batch = a.batch;
    if (batch === null) throw new Error(`${name} writes nothing`);
    a.batch = null;
    a.disk.write(batch.items);
    this.#handle(a, { kind: 'persisted', batch: batch.id });
  }

  /** Retention wants the log up to here gone, once the effects are on disk that may wait. */
  trim(name: string, upTo: number): void {
    this.pass(2 * defaultTimings.beaconMs);
    this.trimNow(name, upTo);
    this.pass(2 * defaultTimings.beaconMs);
  }

  /** The log takes far more than retention allows: up to here it waits for nobody. */
  trimOverdue(name: string, upTo: number): void {
    const tops = [{ slot: slot(0), seq: seq(upTo) }];
    this.#handle(this.actor(name), { kind: 'trim', upTo: tops, overdue: tops });
    this.pass(2 * defaultTimings.beaconMs);
  }

  /** The same at this very moment, with a batch that somebody waits for. */
  trimNow(name: string, upTo: number): void {
    this.#handle(this.actor(name), { kind: 'trim', upTo: [{ slot: slot(0), seq: seq(upTo) }], overdue: [] });
  }

  /** Lets `ms` pass in steps of 10 ms, with everything that is due. */
  pass(ms: number): void {
    for (const end = this.mono + ms; this.mono < end; ) {
      this.mono += 10;
      for (const a of this.#actors.values()) if (a.up) this.#handle(a, { kind: 'tick' });
      this.run();
    }
  }

  /** The driver of `name` looks at its disk. */
  space(name: string, level: SpaceLevel): void {
    this.#handle(this.actor(name), { kind: 'space', level });
    this.run();
  }

  /** The store of `name` refused a write, for want of room or for good. */
  failStore(name: string, noRoom: boolean): void {
    const why = noRoom ? 'no space left on the disk' : 'input/output error';
    this.#handle(this.actor(name), { kind: 'failed', why, noRoom });
    this.run();
  }

  /** How many peers `name` knows of whose disks are short of room. */
  tightPeers = (name: string): number => this.actor(name).core.view().tightPeers;

  /** The newest heartbeat of `name`. */
  told(name: string): Heartbeat {
    const { said } = this.actor(name);
    if (said === null) throw new Error(`${name} sent no heartbeat`);
    return said;
  }

  /** The wall clock of `name` jumps. */
  shiftClock(name: string, ms: number): void {
    this.actor(name).wallOffset += ms;
  }

  /* Control. */

  /** Tells of a chain version; an incarnation is the present one of that name unless `as` says another. */
  order(version: number, members: readonly string[], order: Order = {}): void {
    const member = (name: string): Member => ({
      node: nodeName(name),
      incarnation: order.as?.[name] ?? this.incarnation(name),
      address: `${name}:1`,
    });
    this.#revision++;
    const assignment: Assignment = {
      slot: slot(0),
      version: chainVersion(version),
      members: members.map(member),
      joiner: order.joiner === undefined ? null : member(order.joiner),
      drop: order.drop ?? false,
    };
    const living = [...this.#actors.keys()].filter((n) => this.actor(n).up);
    for (const name of order.to ?? living) this.set(name, this.#revision, [assignment]);
  }

  /** One set of assignments, as the coordinator would send it. */
  set(name: string, number: number, assignments: AssignmentSet['assignments'], page = 0, more = 0): void {
    this.#handle(this.actor(name), {
      kind: 'coordinator',
      from: coordinator,
      message: {
        kind: 'set',
        clusterId: 'stage',
        epoch: epoch(1),
        reign: reign(1),
        revision: revision(number),
        page,
        more,
        incarnation: this.incarnation(name),
        assignments,
        routes: [],
      },
    });
  }

  /** Answers the newest heartbeat with a read lease that covers what is installed now. */
  grant(...names: string[]): void {
    for (const name of names) {
      this.beat(name);
      this.answerBeat(name);
    }
  }

  /** `name` sends a heartbeat. */
  beat(name: string): void {
    this.mono += this.#timings.heartbeatMs;
    this.#handle(this.actor(name), { kind: 'tick' });
  }

  /** The answer to the newest heartbeat of `name` comes. */
  answerBeat(name: string): void {
    const a = this.actor(name);
    this.#handle(a, {
      kind: 'coordinator',
      from: coordinator,
      message: {
        kind: 'grant',
        epoch: epoch(1),
        incarnation: a.core.incarnation,
        beat: a.beat,
        leaseMs: 3_600_000,
        denied: [],
        report: 0,
        admitted: true,
        left: false,
      },
    });
  }

  /** The read lease of `name` is over. */
  expire(name: string): void {
    inspect(this.actor(name).core).lease.until = Number.NEGATIVE_INFINITY;
  }

  /* Clients. */

  /** Sends a request to `name`; the tag names its replies. */
  ask(name: string, request: Request): number {
    this.#tag++;
    this.#handle(this.actor(name), { kind: 'request', tag: this.#tag, request });
    return this.#tag;
  }

  /** The only reply so far, or undefined. @throws Error when there are several: exactly one may ever come. */
  reply(tag: number): Reply | undefined {
    const replies = this.#replies.get(tag) ?? [];
    if (replies.length > 1) throw new Error(`${replies.length} replies to one request`);
    return replies[0];
  }

  /** The text that a strong read at `name` returns now, null when absent, the error's code, or 'no answer'. */
  read(name: string, of = 'k'): string | null {
    const tag = this.ask(name, get(of));
    this.run();
    const reply = this.reply(tag);
    if (reply === undefined) return 'no answer';
    if (reply.kind === 'failed') return reply.code;
    return reply.kind === 'read' ? textIn(reply.entry) : reply.kind;
  }

  /** Asks `name` for a page of values; the tag names it. */
  askPage(name: string, after: Key | null = null, maxBytes = 1e6): number {
    this.#tag++;
    this.#handle(this.actor(name), { kind: 'list', tag: this.#tag, slot: slot(0), after, maxBytes });
    return this.#tag;
  }

  /** Key and text of each value of the page, the code of a failure, or 'no answer'. @throws Error for a second one */
  page(tag: number): string[] | string {
    const pages = this.#pages.get(tag) ?? [];
    if (pages.length > 1) throw new Error(`${pages.length} pages for one question`);
    const page = pages[0];
    if (page === undefined) return 'no answer';
    if (page.kind === 'failed') return page.code;
    return page.values.map((bytes) => `${readEntry(bytes)?.key} ${textIn(bytes)}`);
  }

  /** The page as it was given. */
  given = (tag: number): Page | Failure | undefined => this.#pages.get(tag)?.[0];

  #now(a: Actor | null): { mono: number; wall: number } {
    return { mono: this.mono, wall: wall + this.mono + (a?.wallOffset ?? 0) };
  }

  #handle(a: Actor, event: Parameters<NodeCore['handle']>[0]): void {
    a.core.handle(event, this.#now(a));
    this.#drain(a);
  }

  #drain(a: Actor): void {
    for (;;) {
      const e = a.core.drain();
      this.#carry(a, e);
      if (a.batch === null) a.batch = a.core.takeBatch();
      if (!this.#answerReads(a, e)) return;
    }
  }

  #carry(a: Actor, e: Effects): void {
    for (const notice of e.notices) {
      if (notice.name === 'core.contained') throw new Error(String(notice.fields.why));
      this.#noticed.set(a.name, [...(this.#noticed.get(a.name) ?? []), notice.name]);
    }
    for (const { tag, reply } of e.replies)
      this.#replies.set(tag, [...(this.#replies.get(tag) ?? []), reply]);
    for (const { tag, page } of e.pages) this.#pages.set(tag, [...(this.#pages.get(tag) ?? []), page]);
    for (const [to, messages] of e.sends) {
      if (this.#actors.get(to)?.up !== true || inspect(a.core).links.get(to)?.up !== true) continue;
      const wire = `${a.name}>${to}`;
      const queue = this.#wires.get(wire) ?? [];
      this.#wires.set(wire, queue);
      for (const message of messages)
        queue.push({ incarnation: a.core.incarnation, message, due: this.mono + this.oneWayMs });
    }
    for (const { message } of e.control) {
      if (message.kind !== 'heartbeat') continue;
      a.beat = message.beat;
      a.said = message;
    }
  }

  /** Store reads are answered at once, if they are answered. True when there were any. */
  #answerReads(a: Actor, e: Effects): boolean {
    const now = this.#now(a);
    const held = a.disk.slot(slot(0));
    const slow = this.#slowValues.get(a.name);
    for (const f of e.fetches) {
      const look = (): Uint8Array | null | 'corrupt' => a.disk.fetch(f.slot, f.key);
      const then = look();
      if (slow === undefined) a.core.handle({ kind: 'fetched', id: f.id, entry: then }, now);
      else
        slow.push((asOf) =>
          this.#handle(a, { kind: 'fetched', id: f.id, entry: asOf === 'then' ? then : look() }),
        );
    }
    for (const r of e.logReads)
      if (!this.#slowLogs.has(a.name))
        a.core.handle({ kind: 'logRead', id: r.id, entries: within(held.log, r.from, r.maxBytes) }, now);
    for (const s of e.scans) {
      const event = { kind: 'scanned', id: s.id, result: a.disk.scan(s.slot, s.after, 1000) } as const;
      const slowScans = this.#slowScans.get(a.name);
      if (slowScans === undefined) a.core.handle(event, now);
      else slowScans.push(() => this.#handle(a, event));
    }
    return e.fetches.length + e.logReads.length + e.scans.length > 0;
  }
}

/** Entries from a sequence on, until they are that many bytes. */
function within(log: readonly Entry[], from: Seq, maxBytes: number): Entry[] {
  let bytes = 0;
  return log.filter((e) => {
    if (e.seq < from || bytes >= maxBytes) return false;
    bytes += e.bytes.length;
    return true;
  });
}

const text = new TextDecoder();

function textIn(entry: Uint8Array | null): string | null {
  if (entry === null) return null;
  const keyLength = (entry[10] as number) | ((entry[11] as number) << 8);
  return text.decode(entry.subarray(72 + keyLength));
}

/** A put of `value` under a request number that nobody used. */
export const put = (value: string, more: Partial<WriteRequest> = {}): WriteRequest =>
  putRequest(key('k'), value, { client: clientId(7), slotTime: wall + 1000, ...more });

export const get = (of: string, more: Partial<ReadRequest> = {}): ReadRequest => getRequest(key(of), more);
