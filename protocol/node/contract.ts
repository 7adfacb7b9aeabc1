/**
 * The contract between the core of a storage node and its driver (the real host, the simulator, the exhaustive
 * checker). The driver feeds events and, when its turn ends, drains effects:
 *
 *   core.handle(event, now)          any number of times
 *   core.drain() -> Effects          everything in it may leave at once: what must wait for the disk appears only
 *                                    after the `persisted` event of the batch that carries it
 *   core.takeBatch() -> Batch|null   when no batch is in flight; write it, then feed `persisted` or `failed`
 *
 * This is all that a driver sees: its state is the core's own. Figures for people come from `view()`; only proofs look
 * inside (inspect.ts). The core has no clock, socket, disk, promise or randomness; all come in as values.
 */
import type { Entry } from '../entry.ts';
import type { Limits } from '../limits.ts';
import type { FromCoordinator, PeerMessage, Place, SpaceLevel, ToCoordinator } from '../messages.ts';
import type { Batch, LogTop, Scanned } from '../persist.ts';
import type { Failure, Page, Reply, Request, Routes } from '../requests.ts';
import type { Timings } from '../timings.ts';
import type {
  ChainVersion,
  ClientId,
  Epoch,
  Incarnation,
  Key,
  MonoMs,
  NodeName,
  Seq,
  Slot,
  StoreId,
  WallMs,
} from '../words.ts';

export interface Now {
  readonly mono: MonoMs;
  readonly wall: WallMs;
}

export interface NodeConfig {
  readonly name: NodeName;
  /** The cluster that this node is meant for. @default '' it is not known */
  readonly clusterId?: string;
  readonly place: Place;
  readonly slots: number;
  readonly timings: Timings;
  /** Control addresses of all coordinators. */
  readonly coordinators: readonly string[];
  /** Session under which the node writes for front ends whose callers have none; random. */
  readonly ownClient: ClientId;
  /** The process holds the store's exclusive lock on the machine boot that wrote `boot` (R23). */
  readonly lockProof: boolean;
  /** Feature level of this release. @default the present one; others are for tests */
  readonly features?: number;
  /** @default the limits of every process; smaller ones are for tests */
  readonly limits?: Limits;
  /** @default once a week, 1 MiB a second */
  readonly scrub?: ScrubPace;
}

/** How often all records are read to find rot, and how fast at most. */
export interface ScrubPace {
  /** 0: only when it is asked for. */
  readonly everyMs: number;
  readonly bytesPerSecond: number;
}

export type NodeEvent =
  | { readonly kind: 'tick' }
  /** `incarnation` is what the sender's frame said. */
  | {
      readonly kind: 'peer';
      readonly from: NodeName;
      readonly incarnation: Incarnation;
      readonly message: PeerMessage;
    }
  | { readonly kind: 'coordinator'; readonly from: string; readonly message: FromCoordinator }
  /** `tag` names the waiting caller; exactly one reply carries it back. */
  | { readonly kind: 'request'; readonly tag: number; readonly request: Request }
  /** A page of a slot's values is asked for; exactly one of `Effects.pages` carries the tag back. */
  | {
      readonly kind: 'list';
      readonly tag: number;
      readonly slot: Slot;
      readonly after: Key | null;
      readonly maxBytes: number;
    }
  | { readonly kind: 'persisted'; readonly batch: number }
  /** The store failed: this process never acknowledges anything again. `noRoom`: because its disk was full. */
  | { readonly kind: 'failed'; readonly why: string; readonly noRoom: boolean }
  /** `entry`: the stored record of the key, null = absent, 'corrupt' = its checksum does not hold. */
  | { readonly kind: 'fetched'; readonly id: number; readonly entry: Uint8Array | null | 'corrupt' }
  /** Log entries from the asked sequence on, contiguous; empty when they are no longer retained, 'corrupt' when damaged. */
  | { readonly kind: 'logRead'; readonly id: number; readonly entries: readonly Entry[] | 'corrupt' }
  /** 'corrupt': the range can't be read at all. */
  | { readonly kind: 'scanned'; readonly id: number; readonly result: Scanned | 'corrupt' }
  /**
   * The oldest log records hold entries up to these sequences and retention wants them gone. `overdue`: there is so much
   * more than retention allows that who is behind is waited for no longer.
   */
  | { readonly kind: 'trim'; readonly upTo: readonly LogTop[]; readonly overdue: readonly LogTop[] }
  /** A link (either direction) was established or lost; messages sent before `up` may be lost. */
  | { readonly kind: 'link'; readonly peer: NodeName; readonly up: boolean }
  | { readonly kind: 'coordinatorLink'; readonly to: string; readonly up: boolean }
  /** How much room the disk has: told at each look, the first one soon after the start. */
  | { readonly kind: 'space'; readonly level: SpaceLevel }
  /** SIGTERM or drain: leave every chain, then say so (`Effects.left`). */
  | { readonly kind: 'leave' }
  /** All records are to be read now, whenever they were read last. */
  | { readonly kind: 'scrub' };

/** A named event for the log: `epoch.adopted`, `chain.installed` … (docs/glossary.md lists them). */
export interface Notice {
  readonly name: string;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface Effects {
  /** Messages by peer, in order. */
  readonly sends: Map<NodeName, PeerMessage[]>;
  readonly control: { readonly to: string; readonly message: ToCoordinator }[];
  readonly replies: { readonly tag: number; readonly reply: Reply }[];
  readonly pages: { readonly tag: number; readonly page: Page | Failure }[];
  readonly fetches: { readonly id: number; readonly slot: Slot; readonly key: Key }[];
  readonly logReads: {
    readonly id: number;
    readonly slot: Slot;
    readonly from: Seq;
    readonly maxBytes: number;
  }[];
  readonly scans: {
    readonly id: number;
    readonly slot: Slot;
    readonly after: Key | null;
    readonly maxBytes: number;
    /** A copy: it shall not take more of the disk than it may, so it may wait. */
    readonly paced: boolean;
  }[];
  readonly notices: Notice[];
}

/** Addresses that links should be open to: every neighbour of every chain, and who requests are passed to. */
export type Peers = ReadonlyMap<NodeName, { readonly address: string; readonly incarnation: Incarnation }>;

/** What people, metrics and `/state` see of a storage node. Plain data, made anew at each look. */
export interface NodeView {
  readonly node: NodeName;
  readonly store: StoreId;
  readonly clusterId: string;
  readonly incarnation: Incarnation;
  readonly epoch: Epoch;
  /** Control address of the coordinator that it talks to. */
  readonly coordinator: string;
  readonly registered: boolean;
  /** Why the coordinator does not take this node in, in its words; '' = it does, or did not answer. */
  readonly refusal: string;
  /** Why nothing of its store is shown to anybody; '' = it is its own cluster's, as far as is known. */
  readonly foreign: string;
  readonly admitted: boolean;
  readonly leaving: boolean;
  readonly left: boolean;
  /** '' while the store works. */
  readonly failed: string;
  /** How much room its disk has, and whether it therefore asks to be in no chain. */
  readonly space: SpaceLevel;
  readonly out: boolean;
  /** Peers that say that their disks are short of room. */
  readonly tightPeers: number;
  /** Until when the read lease runs, by the clock of the events; in the past when there is none. */
  readonly leaseUntil: MonoMs;
  /** Keys and values of requests that wait. */
  readonly waitingBytes: number;
  /** Uncommitted entries, in all slots. */
  readonly pendingBytes: number;
  /** Requests that other nodes were asked to answer, and requests that others passed to this one. */
  readonly passed: number;
  readonly asked: number;
  /** Pages of values that are asked for or read. */
  readonly lists: number;
  readonly scrub: ScrubView;
  /** By slot. */
  readonly replicas: readonly ReplicaView[];
}

export interface ScrubView {
  /** Records that were read and found damaged since the process began. */
  readonly records: number;
  readonly damaged: number;
  /** Records that were compared with the predecessor's, and keys under which other things were found there. */
  readonly compared: number;
  readonly differing: number;
  /** Pages that could not be compared. */
  readonly skipped: number;
  /** Damaged records, whoever read them: under repair now, and since the process began repaired, or with no member. */
  readonly repairing: number;
  readonly repaired: number;
  readonly nowhere: number;
  /** Keys whose members differ now while nothing proves who is right. */
  readonly undecided: number;
  /** Whole passes since the process began, and when the last one ended (ms since 1970; 0 = none did). */
  readonly passes: number;
  readonly lastPassAt: WallMs;
  /** Slots that the present pass has still to read; 0 between passes. */
  readonly slotsLeft: number;
}

export type ChainPlace = 'head' | 'middle' | 'tail' | 'alone' | 'joiner' | 'none';

export interface ReplicaView {
  readonly slot: Slot;
  readonly version: ChainVersion;
  readonly role: ChainPlace;
  /** It answers strong reads. */
  readonly serving: boolean;
  /** Its values are a whole state: no copy is unfinished. */
  readonly complete: boolean;
  /** Before the first retained entry. */
  readonly start: Seq;
  readonly disk: Seq;
  readonly end: Seq;
  readonly commit: Seq;
  /** Why it must not be a member; '' = it may. */
  readonly lost: string;
}

export interface NodeCoreContract {
  handle(event: NodeEvent, now: Now): void;
  drain(): Effects;
  takeBatch(): Batch | null;
  readonly peers: Peers;
  readonly incarnation: Incarnation;
  /** What /readyz says. */
  readonly admitted: boolean;
  /** True once a leaving node is in no chain any more, or when it never was in one. */
  readonly left: boolean;
  /** '' until it belongs to one. */
  readonly clusterId: string;
  /** As clients are told: '' while its store is another cluster's than the configuration names. */
  readonly servedClusterId: string;
  /** Control address of the coordinator that it talks to. */
  readonly coordinator: string;
  /** Every chain as this node knows it, for clients that ask. */
  routes(): Routes;
  /** What metrics and `/state` show. A driver decides nothing by it. */
  view(): NodeView;
}
