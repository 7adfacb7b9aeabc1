/** What a coordinator saves, and what it knows beside that. */
import type { Held, Place, Register, ReplicaReport, SpaceLevel } from '../messages.ts';
import type { Targets } from '../planner/planner.ts';
import type {
  Assignment,
  ChainVersion,
  Epoch,
  Incarnation,
  MonoMs,
  NodeName,
  Reign,
  Revision,
  Slot,
  StoreId,
} from '../words.ts';
import type { CoordinatorConfig, CoordinatorEffects, Desired, Now } from './contract.ts';

export interface SavedMember {
  readonly node: NodeName;
  readonly store: StoreId;
  readonly incarnation: Incarnation;
  readonly address: string;
  /** Version with which this incarnation came in: a lease covers it only from there on. */
  readonly since: ChainVersion;
  /**
   * Its store holds everything that was ever committed: it reported that it answers as what it is (R7), or it was
   * there when the slot was empty. Only such a member may carry a chain on alone (4.1, 4.8, 4.10).
   */
  readonly whole: boolean;
}

export interface SavedJoiner {
  readonly node: NodeName;
  readonly store: StoreId;
  readonly incarnation: Incarnation;
  readonly address: string;
}

export interface SavedChain {
  readonly slot: Slot;
  readonly version: ChainVersion;
  readonly members: readonly SavedMember[];
  readonly joiner: SavedJoiner | null;
  /** Incarnations that this version leaves out, and whose leases may still run. */
  readonly excluded: readonly { readonly node: NodeName; readonly incarnation: Incarnation }[];
  /** The wait for them is over: members may have this version (R6, R13). */
  readonly handedOut: boolean;
  readonly reason: string;
}

export interface SavedNode {
  readonly node: NodeName;
  readonly store: StoreId;
  readonly incarnation: Incarnation;
  readonly place: Place;
  /** Asked to be emptied by a command. */
  readonly drain: boolean;
}

/** One leadership in the history of a state: it saved the revisions from `from` on, up to the next one's. */
export interface SavedReign {
  readonly epoch: Epoch;
  readonly id: Reign;
  readonly from: Revision;
}

export interface ClusterState {
  readonly format: 2;
  readonly clusterId: string;
  readonly epoch: Epoch;
  readonly revision: Revision;
  readonly slots: number;
  /** Who led, oldest first, the last ones only (history.ts): by it a node that holds more than this state is known (R43). */
  readonly reigns: readonly SavedReign[];
  /** Longest read lease that any leader may have granted under this state (R14). */
  readonly leaseMsMax: number;
  readonly nodes: readonly SavedNode[];
  readonly chains: readonly SavedChain[];
}

/** What is only in memory of one node. */
export interface Heard {
  readonly incarnation: Incarnation;
  /** Random number of its process, 0 = it did not register with this leader. */
  readonly process: number;
  /** It told this leader of every slot that it has. */
  told: boolean;
  link: string;
  at: MonoMs;
  /** When this leader first heard this incarnation. */
  readonly since: MonoMs;
  /** Highest heartbeat taken: one that comes late over an old connection says nothing new. */
  beat: number;
  /** Until when its read lease may run, by this leader's count from receipt. */
  leaseUntil: MonoMs;
  /** For slots that are denied to it: until when its last lease that covered them may run. */
  deniedAfter: Map<Slot, MonoMs>;
  reports: Map<Slot, ReplicaReport>;
  unreachable: Map<NodeName, number>;
  leaving: boolean;
  failed: string;
  /** How much room its disk has, and since when it is full. */
  space: SpaceLevel;
  fullSince: MonoMs | null;
  /** Its process said that it stopped. */
  gone: boolean;
  admitted: boolean;
  heldEpoch: Epoch;
  heldRevision: Revision;
  sentRevision: Revision;
  /** The connection over which that was sent. */
  sentOver: string;
  sentAt: MonoMs;
  /** Slots of which it was told that they go on without it, and not yet that its data may go. */
  readonly undropped: Set<Slot>;
}

export interface Lived {
  /** Times at which it was declared dead, lately. */
  deaths: MonoMs[];
  deadSince: MonoMs | null;
}

export type Leading =
  | { readonly at: 'follower' }
  /** The lease is held; the state is being read and fenced. */
  | { readonly at: 'fencing' }
  | { readonly at: 'leader' }
  /** A node seems to hold more than the saved state; the store is asked whether that one is still the newest. */
  | { readonly at: 'doubting'; readonly why: string }
  /** The saved state is missing, or not the one that nodes were led by: waits for an operator's word (R30, R43). */
  | { readonly at: 'orphan'; readonly why: string; readonly foreign: boolean };

/** What a node told an orphan. */
export interface Orphan {
  readonly link: string;
  readonly held: Held;
  readonly incarnation: Incarnation;
  readonly clusterId: string;
  readonly place: Place;
  readonly store: StoreId;
  readonly reports: ReadonlyMap<Slot, ReplicaReport>;
  /** What it installed last, page by page. */
  readonly assignments: Map<Slot, Assignment>;
  /** It told all of it. */
  complete: boolean;
}

export interface CoordinatorState {
  readonly config: CoordinatorConfig;
  desired: Desired;
  now: Now;
  leading: Leading;
  resigned: boolean;

  /* The lease object. */
  leaseTag: string | null;
  /** Why its content is no lease; '' = it is one. */
  leaseDamage: string;
  /** An own write of it had no answer: what is found there may be that. */
  leaseDoubt: boolean;
  leaseHolder: string;
  leaseAddress: string;
  leaseReleased: boolean;
  leaseDurationMs: number;
  /** When this process last saw the lease object change. */
  leaseSeenAt: MonoMs;
  leaseReadAt: MonoMs;
  leaseSentAt: MonoMs;
  /** Own leadership, counted from before the last successful renewal was sent. */
  leaderUntil: MonoMs;

  /* The state object. */
  stateTag: string | null;
  saved: ClusterState | null;
  work: ClusterState | null;
  /** A save under way, and what it saves. */
  saving: { readonly state: ClusterState } | null;
  savedAt: MonoMs;
  /** A save that was not carried out is tried again then. */
  retryAt: MonoMs | null;
  lookedAt: MonoMs;
  /** What is wrong with the state object while this leader still has the newest state; '' = nothing. */
  stateTrouble: string;
  reigns: number;
  storeId: number;
  storeCalls: Map<number, StoreCall>;

  takeoverAt: MonoMs;
  /** Since takeover every node had its chance to be heard, or all members of all chains were (R46). */
  hearingOver: boolean;
  /** A member of a chain of the saved state was heard, with its own store (doubt.ts). */
  confirmed: boolean;
  /** Nodes that belong to another cluster than the saved state, and its id. */
  foreign: Map<NodeName, string>;
  counter: number;
  heard: Map<NodeName, Heard>;
  lived: Map<NodeName, Lived>;
  /** Pairs that could not reach each other lately (damping.ts), until when and for how long they are kept apart. */
  readonly apart: Map<
    string,
    { readonly a: NodeName; readonly b: NodeName; readonly forMs: number; readonly until: MonoMs }
  >;
  /** When each chain changed lately. */
  readonly changes: Map<Slot, readonly MonoMs[]>;
  /** Incarnations whose process is known to be over, and leases of ones that were replaced. */
  overs: Set<Incarnation>;
  leases: Map<Incarnation, MonoMs>;
  /** Blank nodes that wait for a cluster to begin. */
  firsts: Map<NodeName, { readonly link: string; readonly message: Register }>;
  firstAt: MonoMs | null;
  /** Registrations that wait for a save. */
  registering: { readonly link: string; readonly node: NodeName; readonly incarnation: Incarnation }[];
  /** When each chain's present version was published. */
  publishedAt: Map<Slot, { readonly version: ChainVersion; readonly at: MonoMs }>;
  /** Since when more than half of the nodes are silent. */
  massSince: MonoMs | null;
  /** A save is wanted to prove that the state store is reached. */
  proveStore: boolean;
  /** When the allowed lease may be lowered. */
  lowerAt: MonoMs | null;
  tickAt: MonoMs;
  orphans: Map<NodeName, Orphan>;
  targets: Targets;
  /** What the targets were computed from. */
  targetsKey: string;
  waitingFor: string;
  effects: CoordinatorEffects;
  pendingCommands: { readonly tag: number; readonly message: string; readonly revision: number }[];
}

export type StoreCall =
  | { readonly kind: 'readLease' }
  | { readonly kind: 'acquire'; readonly sentAt: MonoMs }
  | { readonly kind: 'renew'; readonly sentAt: MonoMs }
  | { readonly kind: 'release' }
  | { readonly kind: 'readState' }
  | { readonly kind: 'fence'; readonly state: ClusterState }
  | { readonly kind: 'save'; readonly state: ClusterState }
  /** After a save with unknown outcome (R31). */
  | { readonly kind: 'reread'; readonly state: ClusterState }
  /** Is the state object still the one that this leader wrote last? */
  | { readonly kind: 'look'; readonly tag: string | null };

const nodeIndexes = new WeakMap<readonly SavedNode[], ReadonlyMap<NodeName, SavedNode>>();

/** A node by its name. Lists of nodes are never changed in place, so the index of one is made once. */
export function nodeOf(state: ClusterState | null, name: NodeName): SavedNode | undefined {
  if (state === null) return undefined;
  let index = nodeIndexes.get(state.nodes);
  if (index === undefined) {
    index = new Map(state.nodes.map((n) => [n.node, n]));
    nodeIndexes.set(state.nodes, index);
  }
  return index.get(name);
}

export const emptyEffects = (): CoordinatorEffects => ({ sends: [], stores: [], replies: [], notices: [] });

export function notice(
  s: CoordinatorState,
  level: 'debug' | 'info' | 'warn' | 'error',
  name: string,
  fields: Record<string, unknown>,
): void {
  s.effects.notices.push({ level, name, fields });
}

export const assignmentOf = (c: SavedChain): Assignment => ({
  slot: c.slot,
  version: c.version,
  members: c.members.map(({ node, incarnation, address }) => ({ node, incarnation, address })),
  joiner:
    c.joiner === null
      ? null
      : { node: c.joiner.node, incarnation: c.joiner.incarnation, address: c.joiner.address },
  drop: false,
});
