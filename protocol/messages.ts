/** Everything that crosses a link. A frame carries several messages of one sender in one incarnation, in order. */
import type { Forgotten } from './persist.ts';
import type { Reply, Request, Routes } from './requests.ts';
import type {
  Assignment,
  ChainVersion,
  ClientId,
  Epoch,
  Incarnation,
  Key,
  NodeName,
  Position,
  Reign,
  Revision,
  Seq,
  Slot,
  StoreId,
  WallMs,
} from './words.ts';

interface OfSlot {
  readonly slot: Slot;
  /** The chain version under which the sender acts (rule 4.4). */
  readonly version: ChainVersion;
}

/** A run of sequences made under one chain version; runs of a log are contiguous and their versions rise. */
export interface Run {
  readonly version: ChainVersion;
  readonly first: Seq;
}

/* Along the chain, head to tail. `session` numbers the handshake of (sender, receiver) that the message follows. */

/** Handshake, first half: what the predecessor's log holds (rule 4.7). */
export interface Offer extends OfSlot {
  readonly kind: 'offer';
  readonly session: number;
  /** Sequence before the first entry of the sender's retained log, with its chain version. */
  readonly start: Position;
  readonly runs: readonly Run[];
  readonly end: Position;
  readonly commit: Position;
  /** Feature level of the sender's release (features.ts). */
  readonly features: number;
}

/** Entries, in order, each whose `position before` is the end of what was sent; and the durable mark of the sender. */
export interface Append extends OfSlot {
  readonly kind: 'append';
  readonly session: number;
  /** Encoded entries (protocol/entry.ts). Empty: a beacon. */
  readonly entries: readonly Uint8Array[];
  /** End of what was sent in this session, these entries included: tells a receiver that something was lost. */
  readonly end: Position;
  /** Highest position that is on disk at the sender and at all before it, in this version (rule 2.4). */
  readonly durable: Position;
  /** The sender's commit mark: lets the receiver see that its own was not heard. */
  readonly commit: Position;
}

/* Along the chain, tail to head. */

/** "I act under this version now": asks the predecessor to begin the handshake. */
export interface Ready extends OfSlot {
  readonly kind: 'ready';
}

/** Handshake, second half. `snapshot`: nothing in common that may be kept, begin anew (joiners only). */
export interface Agree extends OfSlot {
  readonly kind: 'agree';
  readonly session: number;
  readonly common: Position;
  readonly snapshot: boolean;
  /** Highest durable mark that this replica ever heard from its predecessors: what they promised to have (R15). */
  readonly promised: Position;
  /** Lowest feature level of the sender and of all behind it, as far as it knows them; 1 until then. */
  readonly features: number;
}

export interface Commit extends OfSlot {
  readonly kind: 'commit';
  /** `fromTail`: said by the tail to the head directly, not by a successor. */
  readonly session: number;
  readonly commit: Position;
  /** For a joiner: what it has on disk. For a member: the same as commit. */
  readonly durable: Position;
  /** Joiner: its copy is complete and applied. */
  readonly copied: boolean;
  /** The tail told the head by itself: nobody needs to pass it on. */
  readonly headTold: boolean;
}

/** Session of a commit mark that the tail sends to the head itself. */
export const fromTail = 0;

/** The stream does not fit: begin a new handshake. */
export interface Broken extends OfSlot {
  readonly kind: 'broken';
  readonly session: number;
  readonly why: string;
}

/* Reads. */

export interface TailQuery extends OfSlot {
  readonly kind: 'tailQuery';
  readonly round: number;
}

/** `commit` null: the responder may not answer as tail of this version now. */
export interface TailAnswer extends OfSlot {
  readonly kind: 'tailAnswer';
  readonly round: number;
  readonly commit: Position | null;
}

export interface Barrier extends OfSlot {
  readonly kind: 'barrier';
  readonly round: number;
}

/** `holds`: "still this version, as this incarnation". `commit`: the tail's commit mark, null from others. */
export interface BarrierAnswer extends OfSlot {
  readonly kind: 'barrierAnswer';
  readonly round: number;
  readonly holds: boolean;
  readonly commit: Position | null;
}

/* Joins: the copy is pulled by the joiner, chunk by chunk. */

export interface CopyRequest extends OfSlot {
  readonly kind: 'copyRequest';
  /** Copy everything after this key; null = from the start. */
  readonly after: Key | null;
}

export interface CopyChunk extends OfSlot {
  readonly kind: 'copyChunk';
  /** The request that it answers. */
  readonly after: Key | null;
  /** Last key that it covers; null = it reaches the end: the last chunk. */
  readonly next: Key | null;
  /** The source's commit mark when it was made. */
  readonly at: Position;
  /** Encoded entries of stored values, each key once. */
  readonly values: readonly Uint8Array[];
  /** Keys of which no member has a record that verifies: the joiner takes them over as damaged. */
  readonly damaged: readonly Key[];
}

/** Copy the sessions of the dedupe table of all clients above `after`; asked when all values are there. */
export interface SessionsRequest extends OfSlot {
  readonly kind: 'sessionsRequest';
  /** 0 = from the first. */
  readonly after: ClientId;
}

export interface SessionsChunk extends OfSlot {
  readonly kind: 'sessionsChunk';
  /** The request that it answers. */
  readonly after: ClientId;
  /** Last client that it covers; 0 = it reaches the end: the last chunk. */
  readonly next: ClientId;
  /** The source's commit mark when it was made. */
  readonly at: Position;
  /** What the source has forgotten for want of room. */
  readonly forgotten: Forgotten;
  /** Encoded sessions (protocol/replica/sessions.ts). */
  readonly sessions: readonly Uint8Array[];
}

/* Repair: a member whose stored record does not verify asks another for the key's value. */

export interface RecordRequest extends OfSlot {
  readonly kind: 'recordRequest';
  readonly round: number;
  readonly key: Key;
  /** The asker's commit mark when it noticed: who is behind it can't know the value. */
  readonly atLeast: Seq;
}

export interface RecordAnswer extends OfSlot {
  readonly kind: 'recordAnswer';
  readonly round: number;
  readonly key: Key;
  /** `behind`: can't say now. `damaged`: its record does not verify either. */
  readonly state: 'value' | 'absent' | 'damaged' | 'behind';
  /** The entry as its head encoded it; null unless `value`. */
  readonly entry: Uint8Array | null;
  /** The answering member's commit mark: what it committed of the key is in the answer. */
  readonly at: Position;
}

/* Comparison: a member that has read a page of its records asks its predecessor what that holds in the same range. */

export interface CompareRequest extends OfSlot {
  readonly kind: 'compareRequest';
  readonly round: number;
  /** The range: above `after`, up to `next`; null = from the first, to the end. */
  readonly after: Key | null;
  readonly next: Key | null;
  /** The asker's commit mark when its own read had ended. */
  readonly atLeast: Seq;
  /** The digests differed: the records are wanted. */
  readonly records: boolean;
}

export interface CompareAnswer extends OfSlot {
  readonly kind: 'compareAnswer';
  readonly round: number;
  /** `behind`: can't say now. */
  readonly state: 'digest' | 'records' | 'behind';
  /** Last key that it covers; null = it reaches the end. */
  readonly next: Key | null;
  /** It shows the state at exactly this commit mark. */
  readonly at: Position;
  /** Over all summaries; 0 unless `digest`. */
  readonly digest: number;
  /** Summaries of all records in key order (protocol/replica/compare.ts); empty unless `records`. */
  readonly summaries: readonly Uint8Array[];
  /** Keys of which it can't say now what they hold: damaged, or under repair. */
  readonly damaged: readonly Key[];
}

/** Two members hold different things under this key at one commit mark: whoever hears it asks all members. */
export interface RecordSuspect extends OfSlot {
  readonly kind: 'recordSuspect';
  readonly key: Key;
}

/* Between nodes, not of one slot. */

export interface Pass {
  readonly kind: 'pass';
  readonly id: number;
  readonly request: Request;
}

export interface Passed {
  readonly kind: 'passed';
  readonly id: number;
  readonly reply: Reply;
}

/** Sent with beacons: neighbours compare clocks (rule 2.9). */
export interface Clock {
  readonly kind: 'clock';
  readonly wall: WallMs;
}

/** How much room a disk has: `low` is the soft mark, `full` the hard one (rule 2.12). */
export type SpaceLevel = 'ok' | 'low' | 'full';

/** How much room the sender's disk has. Said when it changes, on a new link, and again every second while it is not `ok`. */
export interface SpaceOf {
  readonly kind: 'space';
  readonly level: SpaceLevel;
}

export type ChainMessage =
  | Offer
  | Append
  | Ready
  | Agree
  | Commit
  | Broken
  | TailQuery
  | TailAnswer
  | Barrier
  | BarrierAnswer
  | CopyRequest
  | CopyChunk
  | SessionsRequest
  | SessionsChunk
  | RecordRequest
  | RecordAnswer
  | CompareRequest
  | CompareAnswer
  | RecordSuspect;
export type PeerMessage = ChainMessage | Pass | Passed | Clock | SpaceOf;

/* Node and coordinator. */

/** Where a node stands: labels that placement uses. */
export interface Place {
  /** `host:port` of the node's links. */
  readonly address: string;
  /** `host:port` of the node's gRPC front, and of its admin server. */
  readonly grpc: string;
  readonly admin: string;
  readonly zone: string;
  readonly host: string;
  /** Relative capacity; 1 is usual. */
  readonly weight: number;
}

/** What one replica reports; level-triggered: always the whole truth about that slot. */
export interface ReplicaReport {
  readonly slot: Slot;
  /** Installed chain version, on disk. 0: none. */
  readonly version: ChainVersion;
  /**
   * `member`: acts, and does not yet answer as what it is. `serving`: answers. `copying`: joiner without a whole copy.
   * `insync` is reported by the TAIL about its joiner. `gone`: left the slot. `stale`: has a log, member of nothing.
   * `lost`: must not be a member: its log ends below what it promised (R15), or it diverged below a commit mark.
   * `unproven`: lost likewise, because its machine lost power under durability `os`; what its log and values hold is whole.
   */
  readonly state: 'member' | 'serving' | 'copying' | 'gone' | 'stale' | 'lost' | 'unproven';
  /** Incarnation of the joiner for which this tail holds back commits; noIncarnation when none (R10). */
  readonly insync: Incarnation;
  readonly end: Position;
  readonly commit: Position;
  readonly why: string;
  /**
   * Highest chain version of an order that this node refused because its own knowledge contradicts it (R44), 0 = none:
   * the coordinator's state is not the one that this node was led by.
   */
  readonly refused: ChainVersion;
}

/** A place in the history of saved states: which leadership saved it, as its how many-th. */
export interface Held {
  readonly epoch: Epoch;
  readonly reign: Reign;
  readonly revision: Revision;
}

export interface Register extends Held {
  readonly kind: 'register';
  /** '' when the store never belonged to a cluster. */
  readonly clusterId: string;
  readonly node: NodeName;
  readonly store: StoreId;
  readonly place: Place;
  /** Random number of the process: a registration that it repeats gets the incarnation that it was given before. */
  readonly process: number;
  /**
   * `epoch` is the highest that this store has seen, 0 = none, and `reign` is whose that was; `revision` is of the last set
   * of that epoch, 0 when this process has heard none.
   *
   * The incarnation before this one, when the process proves that it is over: it holds the store's exclusive lock on
   * the same machine boot (`lockProof`), so nobody has to wait for the old one's lease (R23).
   */
  readonly previous: Incarnation;
  readonly lockProof: boolean;
  readonly reports: readonly ReplicaReport[];
}

/**
 * What the store last installed, in pages: from it an operator's `recover` rebuilds a lost state (R30). Sent after a
 * registration that was refused with RECOVER.
 */
export interface Holdings {
  readonly kind: 'holdings';
  readonly node: NodeName;
  readonly store: StoreId;
  /** Pages that follow this one. */
  readonly more: number;
  readonly assignments: readonly Assignment[];
}

export interface Heartbeat extends Held {
  readonly kind: 'heartbeat';
  /** The cluster whose state it reports on; what it reports says nothing of any other. */
  readonly clusterId: string;
  readonly incarnation: Incarnation;
  /** Rises by one with each heartbeat of an incarnation; the grant echoes it. */
  readonly beat: number;
  /** `epoch`, `reign` and `revision` are of the newest set that is installed: on disk and acted upon. */
  /** Reports that the leader of `epoch` has not acknowledged yet, and their number. */
  readonly reports: readonly ReplicaReport[];
  readonly report: number;
  /** Peers whose link is down, and for how long (ms). */
  readonly unreachable: readonly { readonly node: NodeName; readonly forMs: number }[];
  /** Asks to be left out of every chain (SIGTERM, drain). */
  readonly leaving: boolean;
  /** '' while the store works. */
  readonly failed: string;
  readonly wall: WallMs;
  /** `full`: asks to be left out of every chain that goes on without it, until there is room again. */
  readonly space: SpaceLevel;
}

/** The last word of a process that stopped acting: its leases are over. */
export interface Goodbye {
  readonly kind: 'goodbye';
  readonly incarnation: Incarnation;
}

export type ToCoordinator = Register | Holdings | Heartbeat | Goodbye | AskRoutes;

export interface AskRoutes {
  readonly kind: 'askRoutes';
}

export interface Registered {
  readonly kind: 'registered';
  readonly clusterId: string;
  readonly epoch: Epoch;
  readonly reign: Reign;
  readonly incarnation: Incarnation;
  readonly slots: number;
}

export interface Grant {
  readonly kind: 'grant';
  readonly epoch: Epoch;
  readonly incarnation: Incarnation;
  /** The heartbeat that it answers. */
  readonly beat: number;
  /** The lease covers the versions of the set that the heartbeat named, except these slots. 0 ms: no lease. */
  readonly leaseMs: number;
  readonly denied: readonly Slot[];
  /** Highest report number taken. */
  readonly report: number;
  /** True when every chain and order that concerns this node is done: what /readyz says. */
  readonly admitted: boolean;
  /** True when a node that asked to leave is in no chain any more. */
  readonly left: boolean;
}

/** The whole set of assignments that a node should have (rule 4.2), in pages that follow each other. */
export interface AssignmentSet extends Held {
  readonly kind: 'set';
  readonly clusterId: string;
  readonly incarnation: Incarnation;
  /** Number of this page, from 0, and how many follow it: the node holds the set when it took all of them. */
  readonly page: number;
  readonly more: number;
  readonly assignments: readonly Assignment[];
  /** Every chain of the cluster, for passing requests on. */
  readonly routes: readonly Assignment[];
}

/** `why` is a sentence. `again`: register anew (this incarnation is not known). */
export interface Refused {
  readonly kind: 'refused';
  readonly why: string;
  readonly code:
    | 'NOT_LEADER'
    | 'WRONG_CLUSTER'
    | 'UNKNOWN_INCARNATION'
    | 'NAME_TAKEN'
    | 'RECOVER'
    | 'OLD_EPOCH';
  /** Control address of the leader, '' when unknown. */
  readonly leader: string;
}

export interface RoutesMessage {
  readonly kind: 'routes';
  readonly routes: Routes;
}

export type FromCoordinator = Registered | Grant | AssignmentSet | Refused | RoutesMessage;

/* Client and node. */

export interface Ask {
  readonly kind: 'ask';
  readonly id: number;
  readonly request: Request;
}

export interface Answer {
  readonly kind: 'answer';
  readonly id: number;
  readonly reply: Reply;
}

/**
 * Asks a member for the committed values of a slot in key order, one page: for exports and for looking at data. Answered by
 * `listed`, or by `answer` with a failure.
 */
export interface List {
  readonly kind: 'list';
  readonly id: number;
  readonly slot: Slot;
  /** Only keys above it; null = from the first. */
  readonly after: Key | null;
  /** A page ends with the value that reaches it; the node may end it earlier. */
  readonly maxBytes: number;
}

/** Everything up to `at`, which covers each write that was acknowledged before the page was asked for, and perhaps later writes. */
export interface Listed {
  readonly kind: 'listed';
  readonly id: number;
  /** Encoded entries (readEntry), in key order. */
  readonly values: readonly Uint8Array[];
  /** Keys in the same range of which no member has a record that verifies. */
  readonly damaged: readonly Key[];
  /** Last key of the page; null = nothing follows. */
  readonly next: Key | null;
  readonly at: Position;
}

/** First message on every link, both ways. */
export interface Hello {
  readonly kind: 'hello';
  readonly protocol: number;
  /** '' = not known yet. */
  readonly clusterId: string;
  /** Name of the node or coordinator, '' for clients. */
  readonly name: string;
  readonly role: 'node' | 'coordinator' | 'client';
  readonly incarnation: Incarnation;
}

export type Message =
  | PeerMessage
  | ToCoordinator
  | FromCoordinator
  | Ask
  | Answer
  | List
  | Listed
  | RoutesMessage
  | Hello;

export const protocolVersion = 1;
