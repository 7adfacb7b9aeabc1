/**
 * The contract between the core of a coordinator and its driver. As with nodes: `handle` any number of events, then
 * `drain` the effects. The core elects itself over a state store (two objects with compare-and-swap), fences by
 * epoch, and decides; the driver only carries messages and store calls.
 */
import type { FromCoordinator, SpaceLevel, ToCoordinator } from '../messages.ts';
import type { Routes } from '../requests.ts';
import type { Timings } from '../timings.ts';
import type { ChainVersion, Epoch, Incarnation, MonoMs, NodeName, Slot, StoreId, WallMs } from '../words.ts';

export interface Now {
  readonly mono: MonoMs;
  readonly wall: WallMs;
}

/** What the manifest wants. May change while the coordinator runs, except `slots`. */
export interface Desired {
  readonly slots: number;
  readonly replicationFactor: number;
  /** Storage nodes that should exist; the first placement waits for them. */
  readonly nodes: number;
  /** The cluster has begun before: a missing state was lost, and no other cluster is founded (R30). */
  readonly begun: boolean;
  /** Nodes to empty. */
  readonly drain: readonly NodeName[];
  readonly timings: Timings;
  /**
   * After a power cut of all members of a chain under durability `os`: wait for an operator's override, or restart from the
   * longest log (2.7).
   */
  readonly osRestart: 'wait' | 'longestLog';
  /** Slots that may have a joiner at the same time. */
  readonly concurrentMoves: number;
}

export interface CoordinatorConfig {
  /** Name, unique among the coordinators; appears as lease holder. */
  readonly name: string;
  /** Control address that nodes are told when this one leads. */
  readonly address: string;
  /** Random number of this process, a safe integer: no two processes of coordinators ever share one. */
  readonly process: number;
  /** What the objects of the state store are called, and where they lie, for people. */
  readonly objects: Readonly<Record<StoredObject, string>>;
  /** Id given to a cluster at its first start (uuid or the resource's uid). */
  readonly newClusterId: string;
  readonly desired: Desired;
}

/** The two objects of a state store: the lease elects, the state carries every decision. */
export type StoredObject = 'lease' | 'state';

export type StoreOutcome =
  | { readonly kind: 'read'; readonly value: string | null; readonly tag: string | null }
  | { readonly kind: 'written'; readonly tag: string }
  /** The tag did not match: somebody else wrote. */
  | { readonly kind: 'conflict' }
  /** No answer, or an error after sending: it may have been written (R31). */
  | { readonly kind: 'unknown'; readonly why: string };

export type CoordinatorCommand =
  | { readonly kind: 'drain'; readonly node: NodeName }
  | { readonly kind: 'undrain'; readonly node: NodeName }
  /**
   * Builds a lost state anew from what nodes report; members that do not report must be given up by name, slots that
   * nobody who reports ever held by number, unless every node of the cluster is heard (R30).
   */
  | {
      readonly kind: 'recover';
      readonly clusterId: string;
      readonly giveUp: readonly NodeName[];
      readonly giveUpSlots: readonly Slot[];
    }
  /** Lets a chain restart from the named member although others may know more; logged as a possible loss (4.10). */
  | { readonly kind: 'override'; readonly slot: Slot; readonly node: NodeName };

export type CoordinatorEvent =
  | { readonly kind: 'tick' }
  /** `link` names the connection; answers go back over it. */
  | { readonly kind: 'node'; readonly link: string; readonly message: ToCoordinator }
  | { readonly kind: 'linkDown'; readonly link: string }
  | { readonly kind: 'stored'; readonly id: number; readonly outcome: StoreOutcome }
  | { readonly kind: 'desired'; readonly desired: Desired }
  | { readonly kind: 'command'; readonly tag: number; readonly command: CoordinatorCommand }
  /** SIGTERM: give the lease back. */
  | { readonly kind: 'resign' };

export interface Notice {
  readonly name: string;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface CoordinatorEffects {
  readonly sends: { readonly link: string; readonly message: FromCoordinator }[];
  /** `expect` null: the object must not exist yet. */
  readonly stores: (
    | { readonly id: number; readonly op: 'read'; readonly object: StoredObject }
    | {
        readonly id: number;
        readonly op: 'write';
        readonly object: StoredObject;
        readonly value: string;
        readonly expect: string | null;
      }
  )[];
  readonly replies: { readonly tag: number; readonly ok: boolean; readonly message: string }[];
  readonly notices: Notice[];
}

export type ReplicaState = 'member' | 'serving' | 'copying' | 'insync' | 'silent';

/** What only an operator can end. */
export interface CoordinatorTrouble {
  /**
   * `StateLost`: the saved state is missing, damaged, or older than what nodes hold (R30, R43). `LeaseUnreadable`: what
   * lies where the lease should be is none, so nobody can be elected.
   */
  readonly reason: 'StateLost' | 'LeaseUnreadable';
  /** A sentence that says what was found and what to do: for a lost state the command `chainctl recover`. */
  readonly message: string;
  /** Cluster that living nodes belong to, for that command; '' = none was heard. */
  readonly clusterId: string;
}

/** What `/state`, `chainctl topology` and the operator see. */
export interface CoordinatorView {
  readonly clusterId: string;
  readonly leading: boolean;
  readonly name: string;
  /** Address of the leader as far as known, '' = none. */
  readonly leader: string;
  readonly epoch: Epoch;
  readonly revision: number;
  /** Why it does not lead or what it waits for; '' when all is done. */
  readonly waiting: string;
  /** Not null: it holds the lease and may not lead with the state that it found; only an operator's word ends that. */
  readonly trouble: CoordinatorTrouble | null;
  readonly chains: readonly {
    readonly slot: Slot;
    readonly version: ChainVersion;
    readonly members: readonly {
      readonly node: NodeName;
      readonly incarnation: Incarnation;
      readonly role: 'head' | 'middle' | 'tail' | 'alone' | 'joiner';
      readonly state: ReplicaState;
    }[];
    /** As many serving members as the manifest wants. */
    readonly full: boolean;
    /** The last change, in words. */
    readonly reason: string;
    /** What it waits for now; '' when it is full, or nothing is in its way. */
    readonly waiting: string;
  }[];
  readonly nodes: readonly {
    readonly node: NodeName;
    readonly store: StoreId;
    readonly incarnation: Incarnation;
    readonly status: 'healthy' | 'suspect' | 'dead' | 'flapping' | 'failed' | 'left';
    /** More than the status says: what holds it back, for how long, and what to do; '' = nothing. */
    readonly why: string;
    readonly address: string;
    readonly admin: string;
    readonly grpc: string;
    readonly zone: string;
    readonly host: string;
    readonly weight: number;
    readonly chains: number;
    readonly admitted: boolean;
    readonly draining: boolean;
    /** Since when nothing was heard of it, in ms; 0 = never heard by this leader. */
    readonly silentMs: number;
    /** '' while its store works. */
    readonly failed: string;
    /** How much room its disk has; a node with a full one is in no chain that goes on without it. */
    readonly space: SpaceLevel;
  }[];
}

export interface CoordinatorCoreContract {
  handle(event: CoordinatorEvent, now: Now): void;
  drain(): CoordinatorEffects;
  /** Of the cluster that it saved; '' before. */
  readonly clusterId: string;
  /** Every chain as it is saved, for whoever asks. */
  routes(): Routes;
  /** What people, metrics and `/state` see. A driver decides nothing by it. */
  view(now: Now): CoordinatorView;
}

export type CreateCoordinatorCore = (config: CoordinatorConfig, now: Now) => CoordinatorCoreContract;
