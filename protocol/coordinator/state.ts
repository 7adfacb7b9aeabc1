/** What a coordinator saves, and what it knows beside that. */
import type { Place, Register, ReplicaReport, SpaceLevel } from '../messages.ts';
import type { Targets } from '../planner/planner.ts';
import type {
  Assignment,
  ChainVersion,
  Epoch,
  Incarnation,
  MonoMs,
  NodeName,
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

export interface ClusterState {
  readonly format: 1;
  readonly clusterId: string;
  readonly epoch: Epoch;
  readonly revision: Revision;
  readonly slots: number;
  /** Longest read lease that any leader may have granted under this state (R14). */
  readonly leaseMsMax: number;
  readonly nodes: readonly SavedNode[];
  readonly chains: readonly SavedChain[];
}

/** What is only in memory of one node. */
export interface Heard {
  readonly incarnation: Incarnation;
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
  sentAt: MonoMs;
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
  /** No state, but nodes that belong to a cluster: waits for an operator's word (R30). */
  | { readonly at: 'orphan'; readonly why: string };

export interface CoordinatorState {
  readonly config: CoordinatorConfig;
  desired: Desired;
  now: Now;
  leading: Leading;
  resigned: boolean;

  /* The lease object. */
  leaseTag: string | null;
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
  saving: { readonly id: number; readonly state: ClusterState } | null;
  savedAt: MonoMs;
  storeId: number;
  storeCalls: Map<number, StoreCall>;

  takeoverAt: MonoMs;
  counter: number;
  heard: Map<NodeName, Heard>;
  lived: Map<NodeName, Lived>;
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
  orphans: Map<
    NodeName,
    {
      readonly link: string;
      readonly epoch: Epoch;
      readonly clusterId: string;
      readonly place: Place;
      readonly store: StoreId;
      readonly assignments: readonly Assignment[];
      readonly lost: ReadonlySet<Slot>;
    }
  >;
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
  | { readonly kind: 'reread'; readonly state: ClusterState };

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
