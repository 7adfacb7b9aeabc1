/**
 * What the core asks a store to keep, and what a store gives back at start. The driver writes ONE batch at a time
 * (group commit): it calls `takeBatch()` when the disk is idle, writes every item of the batch atomically and in
 * order, and reports `persisted` with the batch's id when it is durable. Nothing else proves anything (R4).
 */
import type { Entry } from './entry.ts';
import type {
  Assignment,
  ChainVersion,
  ClientId,
  Epoch,
  Incarnation,
  Key,
  Position,
  Reign,
  Seq,
  Slot,
  StoreId,
  WallMs,
} from './words.ts';

/** Items are applied in the order given; a later one of the same slot may rely on an earlier one. */
export type PersistItem =
  /** Entries to put at the end of the slot's log; contiguous with what is there. */
  | { readonly kind: 'append'; readonly slot: Slot; readonly entries: readonly Entry[] }
  /** Drop every log entry of the slot above `to` (R20). */
  | { readonly kind: 'drop'; readonly slot: Slot; readonly to: Seq }
  /** Newest value per key: the effect of committed entries ('delete' removes the key). Later ones win. */
  | { readonly kind: 'apply'; readonly slot: Slot; readonly entries: readonly Entry[] }
  /**
   * Records in the place of damaged ones. The core sees to it that nothing newer is there or comes before it; what a
   * store finds there is overwritten.
   */
  | { readonly kind: 'repair'; readonly slot: Slot; readonly records: readonly RepairedRecord[] }
  /** Marks of the slot; the last ones win. */
  | ({ readonly kind: 'marks'; readonly slot: Slot } & Marks)
  /**
   * Chain version and assignment of the slot, never lowered. `unproven`: it gives this store no place in the chain, so that a log
   * of which a power cut may have taken the end stays unproven (`BootSlot.syncedEnd`).
   */
  | {
      readonly kind: 'assignment';
      readonly slot: Slot;
      readonly assignment: Assignment;
      readonly unproven?: true;
    }
  /** Delete all values, sessions and log entries of the slot; its log begins anew after `start`. */
  | { readonly kind: 'erase'; readonly slot: Slot; readonly start: Position }
  /** Log entries up to `start` are not needed any more: what they said about requests is in records of sessions. */
  | { readonly kind: 'trim'; readonly slot: Slot; readonly start: Position }
  /**
   * Records of sessions of the dedupe table, each at a mark of its own: those in `put` replace older ones of the same
   * client, those of `gone` are deleted. A start reads all of them and takes in what the retained log says on top.
   */
  | ({ readonly kind: 'sessions'; readonly slot: Slot } & SessionChanges)
  | ({ readonly kind: 'identity' } & Identity);

/** null: the key is absent. 'damaged': no member has a copy that verifies; reads of it say so, as of rotten ones. */
export interface RepairedRecord {
  readonly key: Key;
  readonly record: Entry | null | 'damaged';
}

export interface Marks {
  readonly commit: Position;
  /** Highest durable mark that this replica told its successor (R15). */
  readonly passed: Position;
  /** Highest durable mark that it heard from its predecessors (R15). */
  readonly promised: Position;
  /** False while a copy is unfinished: the values are not a whole state. */
  readonly complete: boolean;
}

/** One session of the dedupe table as bytes, which name the client too (protocol/replica/sessions.ts). */
export interface SessionRecord {
  readonly client: ClientId;
  readonly bytes: Uint8Array;
}

export interface SessionChanges {
  readonly put: readonly SessionRecord[];
  readonly gone: readonly ClientId[];
  readonly forgotten: Forgotten;
}

/** The newest entry whose result the dedupe table forgot for want of room; what is at or below it may be forgotten. */
export interface Forgotten {
  readonly last: Seq;
  readonly stamp: WallMs;
}

export const nothingForgotten: Forgotten = { last: 0 as Seq, stamp: 0 };

/** What the process knows about itself; written at registration. */
export interface Identity {
  readonly clusterId: string;
  readonly epoch: Epoch;
  /** Whose epoch that was. */
  readonly reign: Reign;
  readonly incarnation: Incarnation;
}

/** Under durability `os` a batch with an `identity`, `assignment` or `erase` item is synced all the same. */
export interface Batch {
  readonly id: number;
  readonly items: readonly PersistItem[];
}

/** What a store holds of one slot when a process starts. */
export interface BootSlot {
  readonly slot: Slot;
  readonly assignment: Assignment | null;
  /** Highest version ever persisted, also of a slot that was left. */
  readonly version: ChainVersion;
  /** Position before the first retained entry. */
  readonly start: Position;
  /** Retained log in order, checked for gaps and checksums by the store. */
  readonly log: readonly Entry[];
  readonly marks: Marks;
  /** Records of the sessions of the dedupe table, in any order. */
  readonly sessions: readonly Uint8Array[];
  readonly forgotten: Forgotten;
  /**
   * Present under durability `os` after the machine booted anew: the log is proven up to here only, and later
   * acknowledged entries may be missing, so this replica is a returner (rule 2.7). It stays, from start to start,
   * until an `assignment` or `erase` of the slot is written.
   */
  readonly syncedEnd?: Position;
}

export interface Boot {
  readonly store: StoreId;
  readonly identity: Identity;
  readonly slots: readonly BootSlot[];
}

/** One chunk of a scan over the values of a slot, in key order. */
export interface Scanned {
  readonly values: readonly Uint8Array[];
  /** Keys in the same range whose records do not verify, in key order. */
  readonly damaged: readonly Key[];
  /** Last key seen, damaged or not; null when the scan reached the end. */
  readonly next: Key | null;
}

/** How far the log of a slot is meant. */
export interface LogTop {
  readonly slot: Slot;
  readonly seq: Seq;
}
