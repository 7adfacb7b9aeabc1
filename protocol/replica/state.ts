/** The state of one replica: plain data, so that it can be copied, compared and shown. */
import type { Entry } from '../entry.ts';
import type { Limits } from '../limits.ts';
import type { Agree, ChainMessage, CompareRequest, Offer, ReplicaReport, SpaceLevel } from '../messages.ts';
import type { Notice } from '../node/contract.ts';
import type { SessionRecord } from '../persist.ts';
import type { Failure, ListAsk, Page, ReadRequest, Reply, WriteRequest } from '../requests.ts';
import type { Timings } from '../timings.ts';
import type {
  Assignment,
  ChainVersion,
  ClientId,
  Incarnation,
  Key,
  Member,
  MonoMs,
  NodeName,
  Position,
  RequestNumber,
  Seq,
  Slot,
  WallMs,
} from '../words.ts';
import { type Damage, noDamage } from './damage.ts';
import type { Dedupe, Room } from './dedupe.ts';
import type { Item, Log, RefusedBy } from './log.ts';
import type { Pin } from './pins.ts';

/** `none`: acts as nothing (just started, installing, left out). */
export type Role = 'none' | 'member' | 'joiner';

/** The link to the replica behind: the next member, or the joiner behind a tail. */
export interface Downstream {
  readonly peer: Member;
  readonly session: number;
  /** `offered`: waits for Agree. `open`: entries flow. */
  state: 'offered' | 'open';
  /** When the offer was sent last, and how often it was repeated. */
  since: MonoMs;
  /** What was offered. */
  readonly offered: Offer;
  repeats: number;
  /** End of what was sent. */
  sent: Seq;
  /** Durable mark and commit mark that it was told. */
  toldDurable: Seq;
  toldCommit: Seq;
  /** Highest commit mark (member) or own durable mark (joiner) heard from it. */
  heard: Seq;
  /** Commit mark of a joiner, as it said last. */
  saidCommit: Seq;
  /** What was sent in this session and is above `heard`, message by message, and its bytes together. */
  readonly flying: { readonly upTo: Seq; readonly bytes: number }[];
  flyingBytes: number;
  /** Lowest feature level of the peer and all behind it; 1 until it said so. */
  features: number;
  /** A read of older entries from the store is under way. */
  reading: boolean;
}

/** The link to the replica before: the previous member, or the tail for a joiner. */
export interface Upstream {
  readonly peer: Member;
  session: number;
  /** What was agreed in this session, said again when the offer is repeated. */
  readonly agreed: Agree;
  told: Seq;
  /** Feature level that it was told. */
  toldFeatures: number;
  toldDurable: Seq;
  toldCopied: boolean;
}

/** What waits for a proof that the chain still includes this replica. */
export type Pending =
  | { readonly kind: 'read'; readonly tag: number; readonly request: ReadRequest; readonly until: MonoMs }
  | {
      readonly kind: 'refusal';
      readonly tag: number;
      readonly refusal: RefusedBy;
      readonly seen: Entry | null;
      readonly until: MonoMs;
    }
  | { readonly kind: 'list'; readonly ask: ListAsk; readonly until: MonoMs }
  | { readonly kind: 'answer'; readonly to: NodeName; readonly round: number; readonly until: MonoMs };

/** One batched question: what joined before it began is answered by it, later comers wait for the next (P22). */
export interface Round {
  /** Number of the question that is under way; 0 = none. */
  asked: number;
  /** When it was asked first: the answer may be to that sending. */
  askedAt: MonoMs;
  /** When it was sent last, and how often it was repeated. */
  sentAt: MonoMs;
  repeats: number;
  waiting: Pending[];
  next: Pending[];
  /** Barrier only: members that have not answered yet. */
  missing: NodeName[];
  commit: Seq;
}

/** Copy progress of a joiner. */
export interface Copy {
  /** Everything up to this key is here; null = nothing yet. */
  after: Key | null;
  /** When the present question was sent last, and how often it was repeated. */
  askedAt: MonoMs;
  repeats: number;
  asked: boolean;
  /**
   * Own commit mark when it first asked for the chunk that it waits for: entries above it stay in memory until the chunk
   * is here, however often it is asked for.
   */
  commit: Seq;
  /** What the present question asks for: values first, sessions of the dedupe table when those are all here. */
  of: 'values' | 'sessions';
  /** The sessions of clients up to this one are here. */
  client: ClientId;
}

/** Records of sessions that are being saved, a slice with each batch, so that the log up to `upTo` may be trimmed. */
export interface Saving {
  readonly clients: readonly ClientId[];
  next: number;
  readonly upTo: Seq;
}

/** A scan of the store for the chunk after `after`, for the joiner `to`. */
export interface CopyOut {
  readonly to: Incarnation;
  readonly after: Key | null;
  readonly pin: Pin;
}

/** What the batch in flight will prove for this replica when it is on disk. */
export interface Flight {
  /** Log end that it carries; lowered by a drop (R4). */
  top: Seq;
  applied: Seq;
  complete: boolean;
  installs: Assignment | null;
  erased: boolean;
}

export interface Replica {
  readonly slot: Slot;

  /** What it acts under; null = nothing. */
  assignment: Assignment | null;
  /** On its way to disk; it acts under nothing meanwhile. */
  installing: Assignment | null;
  /** The assignment on disk, whoever it names. */
  known: Assignment | null;
  /** Highest version persisted or on its way; lower ones are refused (4.3). */
  highest: ChainVersion;
  /** Highest version of an order that was refused since, because this replica knows better (R44). */
  refused: ChainVersion;
  role: Role;
  /** Index among the members; -1 for others. */
  index: number;
  /** Number of this install within the process; leases name the installs that they cover. */
  installed: number;

  log: Log;
  /** Values are a whole state; false while a copy is unfinished. */
  complete: boolean;
  /** The same, on disk. */
  completeDisk: boolean;
  /** Own log is on disk up to here. */
  disk: Seq;
  commit: Seq;
  /** The predecessor's durable mark in this version; null = not heard (R5). */
  before: Seq | null;
  /** Highest commit mark that a neighbour told in this version; taken over as far as the own disk goes. */
  learned: Seq;
  /** Highest commit mark that the tail told the head by itself, as far as this replica was told so in this version. */
  headTold: Seq;
  /** Highest durable mark told to a successor, and heard from predecessors, ever (R15). */
  passed: Position;
  promised: Position;
  /** Who stood before this replica when it heard that mark; null = all, since this process did not agree with anybody yet. */
  promisers: readonly NodeName[] | null;
  /** Who stands before it now. */
  ahead: readonly NodeName[];
  dedupe: Dedupe;
  /** Head only: uncommitted requests (rule 2.9). */
  requests: Map<ClientId, Map<RequestNumber, Item>>;
  pendingBytes: number;
  /** Reads of the store under way that need what happens meanwhile (R42). */
  pins: Set<Pin>;
  /** How often the range was emptied: a read that began before shows nothing of what is here now. */
  emptied: number;
  /** The scan for a copy that is under way. */
  copyOut: CopyOut | null;

  /** Finished the handshake with its own predecessor at this version (heads: from the start). */
  shaken: boolean;
  /** May answer reads: shaken, or it already did in the version before as the same incarnation. */
  readable: boolean;
  /** As tail: 4.6 is fulfilled. */
  answering: boolean;
  /** As tail: what must be on disk and committed before it answers (4.6). */
  answerFrom: Seq;
  /** End of the predecessor's log at the handshake: the successor's turn comes when it is here (4.7). */
  offerFrom: Seq;
  down: Downstream | null;
  up: Upstream | null;
  sessions: number;
  /** When it last said that it is ready, and how often since its version or its last handshake. */
  readyAt: MonoMs;
  readies: number;
  /** Joiner for which this tail holds back commits. */
  insync: Incarnation;
  joinerDisk: Seq;
  joinerCopied: boolean;

  copy: Copy | null;
  query: Round;
  barrier: Round;
  rounds: number;
  /** Sending time of the last tail question that was answered, while a lease covered it, and its mark (R16). */
  tailAskedAt: MonoMs;
  tailMark: Seq;

  /** What a batch was made of so far: log end, drop, marks, applied values. */
  taken: Seq;
  dropTo: Seq | null;
  takenCommit: Seq;
  takenPassed: Position;
  takenComplete: boolean;
  appliedTaken: Seq;
  appliedDisk: Seq;
  eraseAt: Position | null;
  copied: Entry[];
  /** Keys that the copy brought as damaged. */
  copiedDamaged: Key[];
  copiedSessions: SessionRecord[];
  saving: Saving | null;
  /** Wanted trim start. */
  trimWanted: Seq;
  /** Trim start that waits for no joiner: the log takes too much of the disk. */
  trimOverdue: Seq;
  flight: Flight | null;

  readonly damage: Damage;

  /** It must not be a member; why (R15). */
  lost: string;
  /** It is lost because its machine lost power, and for no other reason. */
  unproven: boolean;
  /** It was sent what its release does not know; why. It joins no chain until its process is another one. */
  tooOld: string;
  /** An unexpected error may have left its memory half changed: it joins anew from nothing. */
  broken: boolean;
  report: ReplicaReport['state'];
}

/** Continuation of a store read. */
export type Fetch =
  | {
      readonly kind: 'read';
      readonly slot: Slot;
      readonly tag: number;
      readonly request: ReadRequest;
      readonly installed: number;
      readonly emptied: number;
      readonly upTo: Seq;
      readonly proof: 'none' | 'lease' | 'barrier';
      readonly until: MonoMs;
    }
  | {
      readonly kind: 'write';
      readonly slot: Slot;
      readonly tag: number;
      readonly request: WriteRequest;
      readonly installed: number;
      readonly pin: Pin;
      readonly until: MonoMs;
    }
  | { readonly kind: 'log'; readonly slot: Slot; readonly session: number }
  | { readonly kind: 'scrub'; readonly slot: Slot; readonly after: Key | null; readonly pin: Pin }
  | {
      /** A page for a member that compares its own. */
      readonly kind: 'compare';
      readonly slot: Slot;
      readonly to: NodeName;
      readonly asked: CompareRequest;
      readonly installed: number;
      readonly pin: Pin;
    }
  /** The own record of a key about which members differ. */
  | { readonly kind: 'own'; readonly slot: Slot; readonly key: Key; readonly round: number }
  | {
      /** A record for a member whose own is damaged. */
      readonly kind: 'record';
      readonly slot: Slot;
      readonly key: Key;
      readonly to: NodeName;
      readonly round: number;
      readonly installed: number;
      readonly pin: Pin;
    }
  | {
      readonly kind: 'copy';
      readonly slot: Slot;
      readonly to: NodeName;
      readonly after: Key | null;
      readonly installed: number;
      readonly pin: Pin;
    }
  | {
      readonly kind: 'list';
      readonly slot: Slot;
      readonly ask: ListAsk;
      readonly installed: number;
      /** The page shall hold everything up to here. */
      readonly upTo: Seq;
      readonly proof: 'lease' | 'barrier';
      readonly pin: Pin;
    };

/** A member whose disk is short of room. */
export interface TightDisk {
  readonly node: NodeName;
  readonly level: SpaceLevel;
}

/** What a replica needs of its node: the present moment, the lease, and places to put effects. */
export interface Context {
  readonly mono: MonoMs;
  readonly wall: WallMs;
  readonly name: NodeName;
  readonly incarnation: Incarnation;
  readonly timings: Timings;
  readonly limits: Limits;
  /** Feature level of this process. */
  readonly features: number;
  /** Of the dedupe table. */
  readonly room: Room;
  /** The read lease covers the install with this number now. */
  leaseCovers(r: Replica): boolean;
  /** This node's clock agrees with its neighbours' (rule 2.9). */
  readonly clockTrusted: boolean;
  /** The store failed: nothing is acknowledged any more. */
  readonly failed: boolean;
  /** It failed because its disk was full. */
  readonly noRoom: boolean;
  /** The member of the replica's chain whose disk has the least room; null when all have enough. */
  tightest(r: Replica): TightDisk | null;
  linkUp(peer: NodeName): boolean;
  send(to: NodeName, message: ChainMessage): void;
  reply(tag: number, reply: Reply): void;
  fetch(key: Key, then: Fetch & { kind: 'read' | 'write' | 'record' | 'own' }): void;
  readLog(from: Seq, maxBytes: number, then: Fetch & { kind: 'log' }): void;
  scan(
    after: Key | null,
    maxBytes: number,
    then: Fetch & { kind: 'copy' | 'list' | 'scrub' | 'compare' },
  ): void;
  /** Answers who asked for a page of values. */
  page(tag: number, page: Page | Failure): void;
  /** Something changed that the coordinator should hear at once. */
  report(r: Replica): void;
  /** Bytes of uncommitted entries that this replica took (or let go of), counted for the node too. */
  notePending(r: Replica, bytes: number): void;
  /** Bytes of uncommitted entries that this node may still take. */
  readonly pendingRoom: number;
  /** Something to send or to persist: look at this replica at the next drain. */
  touch(r: Replica): void;
  nextInstall(): number;
  notice(level: Notice['level'], name: string, fields: Record<string, unknown>): void;
}

const round = (): Round => ({
  asked: 0,
  askedAt: 0,
  sentAt: 0,
  repeats: 0,
  waiting: [],
  next: [],
  missing: [],
  commit: 0 as Seq,
});

export function createReplica(slot: Slot, log: Log, dedupe: Dedupe, origin: Position): Replica {
  return {
    slot,
    assignment: null,
    installing: null,
    known: null,
    highest: 0 as ChainVersion,
    refused: 0 as ChainVersion,
    role: 'none',
    index: -1,
    installed: 0,
    log,
    complete: true,
    completeDisk: true,
    disk: log.end.seq,
    commit: log.start.seq,
    before: null,
    learned: 0 as Seq,
    headTold: 0 as Seq,
    passed: origin,
    promised: origin,
    promisers: null,
    ahead: [],
    dedupe,
    requests: new Map(),
    pendingBytes: 0,
    pins: new Set(),
    emptied: 0,
    copyOut: null,
    shaken: false,
    readable: false,
    answering: false,
    answerFrom: 0 as Seq,
    offerFrom: 0 as Seq,
    down: null,
    up: null,
    sessions: 0,
    readyAt: Number.NEGATIVE_INFINITY,
    readies: 0,
    insync: 0 as Incarnation,
    joinerDisk: 0 as Seq,
    joinerCopied: false,
    copy: null,
    query: round(),
    barrier: round(),
    rounds: 0,
    tailAskedAt: Number.NEGATIVE_INFINITY,
    tailMark: 0 as Seq,
    taken: log.end.seq,
    dropTo: null,
    takenCommit: log.start.seq,
    takenPassed: origin,
    takenComplete: true,
    appliedTaken: log.start.seq,
    appliedDisk: log.start.seq,
    eraseAt: null,
    copied: [],
    copiedDamaged: [],
    copiedSessions: [],
    saving: null,
    trimWanted: 0 as Seq,
    trimOverdue: 0 as Seq,
    flight: null,
    damage: noDamage(),
    lost: '',
    unproven: false,
    tooOld: '',
    broken: false,
    report: 'stale',
  };
}

export const isHead = (r: Replica): boolean => r.role === 'member' && r.index === 0;
export const isTail = (r: Replica): boolean =>
  r.role === 'member' && r.assignment !== null && r.index === r.assignment.members.length - 1;

/** The next member, or the joiner behind a tail. */
export function successor(r: Replica): Member | null {
  if (r.role !== 'member' || r.assignment === null) return null;
  return r.assignment.members[r.index + 1] ?? r.assignment.joiner;
}

/** The member before, or the tail for a joiner. */
export function predecessor(r: Replica): Member | null {
  if (r.assignment === null || r.role === 'none') return null;
  const members = r.assignment.members;
  return (r.role === 'joiner' ? members[members.length - 1] : members[r.index - 1]) ?? null;
}

/** The member that sent a message under this version, by name AND incarnation (rules 4.3, 4.4). */
export function sender(r: Replica, from: NodeName, incarnation: Incarnation): Member | null {
  const a = r.assignment;
  if (a === null) return null;
  const m = a.members.find((x) => x.node === from) ?? (a.joiner?.node === from ? a.joiner : null);
  return m !== undefined && m !== null && m.incarnation === incarnation ? m : null;
}

/** The feature level that this replica and all behind it have, as far as it is known. */
export function featuresFrom(r: Replica, ctx: Context): number {
  if (successor(r) === null) return ctx.features;
  return r.down?.state === 'open' ? Math.min(ctx.features, r.down.features) : 1;
}

/** Everything that this replica and all before it have on disk, in this version (rule 2.4). */
export function durable(r: Replica): Seq {
  if (r.index === 0) return r.disk;
  return r.before === null ? (0 as Seq) : (Math.min(r.disk, r.before) as Seq);
}
