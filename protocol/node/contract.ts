/**
 * The contract between the core of a storage node and its driver (the real host, the simulator, the exhaustive
 * checker). The driver feeds events and, when its turn ends, drains effects:
 *
 *   core.handle(event, now)          any number of times
 *   core.drain() -> Effects          everything in it may leave at once: what must wait for the disk appears only
 *                                    after the `persisted` event of the batch that carries it
 *   core.takeBatch() -> Batch|null   when no batch is in flight; write it, then feed `persisted` or `failed`
 *
 * The core has no clock, socket, disk, promise or randomness; all come in as values.
 */
import type { Entry } from '../entry.ts';
import type { Limits } from '../limits.ts';
import type { FromCoordinator, PeerMessage, Place, ToCoordinator } from '../messages.ts';
import type { Batch, Scanned } from '../persist.ts';
import type { Reply, Request } from '../requests.ts';
import type { Timings } from '../timings.ts';
import type { ClientId, Incarnation, Key, MonoMs, NodeName, Seq, Slot, WallMs } from '../words.ts';

export interface Now {
  readonly mono: MonoMs;
  readonly wall: WallMs;
}

export interface NodeConfig {
  readonly name: NodeName;
  readonly place: Place;
  readonly slots: number;
  readonly timings: Timings;
  /** Control addresses of all coordinators. */
  readonly coordinators: readonly string[];
  /** Session under which the node writes for front ends whose callers have none; random. */
  readonly ownClient: ClientId;
  /** The process holds the store's exclusive lock on the machine boot that wrote `boot` (R23). */
  readonly lockProof: boolean;
  /** @default the limits of every process; smaller ones are for tests */
  readonly limits?: Limits;
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
  | { readonly kind: 'persisted'; readonly batch: number }
  /** The store failed: this process never acknowledges anything again. */
  | { readonly kind: 'failed'; readonly why: string }
  /** `entry`: the stored record of the key, null = absent, 'corrupt' = its checksum does not hold. */
  | { readonly kind: 'fetched'; readonly id: number; readonly entry: Uint8Array | null | 'corrupt' }
  /** Log entries from the asked sequence on, contiguous; empty when they are no longer retained. */
  | { readonly kind: 'logRead'; readonly id: number; readonly entries: readonly Entry[] }
  | { readonly kind: 'scanned'; readonly id: number; readonly result: Scanned | 'corrupt' }
  /** The oldest log records hold entries up to these sequences and retention wants them gone. */
  | { readonly kind: 'trim'; readonly upTo: readonly { readonly slot: Slot; readonly seq: Seq }[] }
  /** A link (either direction) was established or lost; messages sent before `up` may be lost. */
  | { readonly kind: 'link'; readonly peer: NodeName; readonly up: boolean }
  | { readonly kind: 'coordinatorLink'; readonly to: string; readonly up: boolean }
  /** SIGTERM or drain: leave every chain, then say so (`Effects.left`). */
  | { readonly kind: 'leave' };

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
  }[];
  readonly notices: Notice[];
}

/** Addresses that links should be open to: every neighbour of every chain, and who requests are passed to. */
export type Peers = ReadonlyMap<NodeName, { readonly address: string; readonly incarnation: Incarnation }>;

export interface NodeCoreContract {
  handle(event: NodeEvent, now: Now): void;
  drain(): Effects;
  takeBatch(): Batch | null;
  readonly peers: Peers;
  readonly incarnation: Incarnation;
  /** What /readyz says. */
  readonly admitted: boolean;
  /** True once a leaving node is in no chain any more (or nothing can be asked). */
  readonly left: boolean;
}
