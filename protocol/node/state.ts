/** The state of a storage node's core beside its replicas. Plain data. */
import type { Held, SpaceLevel } from '../messages.ts';
import type { Batch } from '../persist.ts';
import type { Fetch, Replica } from '../replica/state.ts';
import type {
  Assignment,
  Epoch,
  Incarnation,
  Key,
  MonoMs,
  NodeName,
  Reign,
  Revision,
  Slot,
  StoreId,
  WallMs,
} from '../words.ts';
import type { Effects, NodeConfig, Now } from './contract.ts';

/** The read lease (section 3): which installs it covers, until when. */
export interface Lease {
  until: MonoMs;
  /** Covers replicas whose install number is not above it (R35). */
  installs: number;
  denied: ReadonlySet<Slot>;
}

/** A heartbeat whose answer is awaited: the lease counts from its sending. */
export interface Beat {
  readonly sentAt: MonoMs;
  readonly installs: number;
}

export interface Control {
  /** Index of the coordinator that is talked to. */
  target: number;
  linked: boolean;
  heardAt: MonoMs;
  triedAt: MonoMs;
  registered: boolean;
  clusterId: string;
  epoch: Epoch;
  /** Whose epoch that is. */
  reign: Reign;
  incarnation: Incarnation;
  /** Before this process registered: the incarnation that its store remembers. */
  previous: Incarnation;
  beat: number;
  beats: Map<number, Beat>;
  lastBeatAt: MonoMs;
  urgent: boolean;
  /** The newest set taken, and whether all of it is installed. */
  set: Held;
  held: Held;
  /** A set of which pages are still to come, and the number of the next one. */
  paging: { readonly held: Held; readonly next: number } | null;
  /** Why the coordinator does not take this node in, in its words; '' = it does, or none was asked. */
  refusal: string;
  /** When this node last told an orphan what it holds. */
  announcedAt: MonoMs;
  /** What the coordinator has not acknowledged, by the report number under which it changed; in the order of numbers. */
  report: number;
  reports: Map<Slot, number>;
  admitted: boolean;
  leaving: boolean;
  left: boolean;
  /** Why the store failed; '' = it did not. */
  failed: string;
  /** It failed because its disk was full. */
  noRoom: boolean;
  identityNews: boolean;
}

export const heldNothing: Held = { epoch: 0 as Epoch, reign: 0 as Reign, revision: 0 as Revision };

/** The coordinator is to hear of the slot, under a number of its own. */
export function noteReport(c: Control, slot: Slot): void {
  c.report++;
  c.reports.delete(slot);
  c.reports.set(slot, c.report);
}

/** A request that was passed to another node. */
export interface PassedOn {
  readonly tag: number;
  readonly to: NodeName;
  readonly until: MonoMs;
  readonly write: boolean;
}

/** Room on disk (rule 2.12; space.ts). */
export interface SpaceState {
  /** The level that counts. */
  level: SpaceLevel;
  /** A better level that was seen, and since when. */
  better: { readonly level: SpaceLevel; readonly since: MonoMs } | null;
  /** Asks to be in no chain: from the moment that the disk is full until it is `ok`, not only less than full. */
  out: boolean;
  /** Peers that are short of room, and when they said so. */
  readonly peers: Map<NodeName, { readonly level: SpaceLevel; readonly at: MonoMs }>;
}

export interface LinkState {
  up: boolean;
  since: MonoMs;
}

export interface NodeState {
  readonly config: NodeConfig;
  readonly store: StoreId;
  now: Now;
  readonly replicas: Map<Slot, Replica>;
  /** Replicas to look at when the node drains, and when it takes a batch. */
  readonly touched: Set<Replica>;
  readonly unsaved: Set<Replica>;
  readonly control: Control;
  readonly lease: Lease;
  readonly space: SpaceState;
  readonly scrub: ScrubState;
  installs: number;
  readonly links: Map<NodeName, LinkState>;
  readonly coordinatorLinks: Set<string>;
  /** How far the wall clocks of neighbours are ahead, when it was heard. */
  readonly clocks: Map<NodeName, { readonly offset: WallMs; readonly at: MonoMs }>;
  clockSentAt: MonoMs;
  routes: Map<Slot, Assignment>;
  peers: Map<NodeName, { address: string; incarnation: Incarnation }>;
  fetchId: number;
  readonly fetches: Map<number, Fetch>;
  passId: number;
  readonly passed: Map<number, PassedOn>;
  /** Requests of other nodes, by the negative tag under which they wait here. */
  readonly asked: Map<number, { readonly to: NodeName; readonly id: number; readonly bytes: number }>;
  askedTag: number;
  /** Own callers' requests that wait, with the bytes of their keys and values. */
  readonly waiting: Map<number, number>;
  /** Bytes of all that waits, for own callers and for other nodes. */
  waitingBytes: number;
  /** Pages of values that were asked for, by tag, until when; and how many of them the store is reading. */
  readonly lists: Map<number, MonoMs>;
  listScans: number;
  /** Bytes of uncommitted entries, of all replicas. */
  pendingBytes: number;
  batchId: number;
  /** When the last batch was taken. */
  takenAt: MonoMs;
  flight: { readonly batch: Batch; readonly replicas: readonly Replica[] } | null;
  beaconAt: MonoMs;
  turn: number;
  effects: Effects;
}

/** A page that the scrub has read and that is being compared. */
export interface ReadPage {
  readonly slot: Slot;
  readonly records: number;
  readonly damaged: number;
  readonly next: Key | null;
}

/** How far the scrub is. */
interface ScrubState {
  /** Nothing is read before. */
  nextAt: MonoMs;
  /** When the present pass began; null between passes. */
  began: MonoMs | null;
  /** Slots of the present pass that are not read yet; the first one is being read, up to `after`. */
  left: Slot[];
  after: Key | null;
  /** How often the present chunk was read in vain. */
  tries: number;
  page: ReadPage | null;
  records: number;
  damaged: number;
  compared: number;
  differing: number;
  /** Pages that could not be compared. */
  skipped: number;
  passes: number;
  lastPassAt: WallMs;
}

export function emptyEffects(): Effects {
  return {
    sends: new Map(),
    control: [],
    replies: [],
    pages: [],
    fetches: [],
    logReads: [],
    scans: [],
    notices: [],
  };
}
