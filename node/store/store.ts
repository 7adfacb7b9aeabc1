/**
 * The store of a storage node: the logs, values and marks of all its slots in one LevelDB. The host writes one batch
 * at a time (group commit, P62) and reads what is no longer in memory. `level.ts` is the store on disk, `memory.ts`
 * one for tests; `store.contract.ts` says what both must do; docs/format.md says what lies on disk.
 */
import type { Entry } from '../../protocol/entry.ts';
import type { Batch, Boot, LogTop, Scanned } from '../../protocol/persist.ts';
import type { Key, Seq, Slot } from '../../protocol/words.ts';

/**
 * What a resolved write means. `fsync`: the batch survives a power cut. `os`: the operating system has it, so it
 * survives the death of every process but not of the machine; `BootSlot.syncedEnd` tells after a machine's restart
 * up to where the log is proven (rule 2.7).
 */
export type Durability = 'fsync' | 'os';

/** `serving` until the first failed write; there is no way back from `failed` (P65): close it and open it anew. */
export type StoreState = 'serving' | 'failed' | 'closed';

export interface Store {
  readonly state: StoreState;

  /**
   * Writes every item of the batch atomically and in order; resolves when it is durable at the configured level.
   * One call at a time: a second one while the first runs is a bug and rejects with InvariantBroken.
   * The first failure, whatever it is, latches: this and every later write rejects with STORE_FAILED, because LevelDB
   * can lose acknowledged writes that follow a failed one.
   */
  write(batch: Batch): Promise<void>;

  /**
   * The newest applied value record of a key (the bytes of its entry), null when there is none, 'corrupt' when what
   * is stored is not a whole entry of this slot and key with a right checksum. Synchronous, for data in the cache.
   */
  get(slot: Slot, key: Key): Found;
  /**
   * As `get`, off the event loop: for data that may be cold. Shows the value of any one moment between the call and the
   * result: batches written meanwhile may be in it or not (R42).
   */
  getAsync(slot: Slot, key: Key): Promise<Found>;

  /**
   * Value records of a slot in key order, from the first key above `after` (null = from the beginning): at least one
   * if there is one, and no more once `maxBytes` are reached. Keys of damaged records are told beside them. 'corrupt': the
   * range can't be read at all. Not a snapshot: each key is shown as it was at some moment
   * between the call and the result, so of a batch written meanwhile any part may be in it; what was written before the
   * call is, unless a later write replaced it (R42). A slot that is erased meanwhile may show any part of what it held.
   */
  scan(slot: Slot, after: Key | null, maxBytes: number): Promise<Scanned | 'corrupt'>;

  /**
   * Durable log entries of a slot from sequence `from` on: at least one if there is one, no more once `maxBytes` are
   * if there is one, and no more once `maxBytes` are reached. Keys of damaged records are told beside them. 'corrupt': the
   * range can't be read at all. Not a snapshot: each key is shown as it was at some moment
   * not; it never has a gap. A damaged log record rejects with STORE_CORRUPT, and the
   * store is failed from then on.
   */
  readLog(slot: Slot, from: Seq, maxBytes: number): Promise<Entry[] | 'corrupt'>;

  /**
   * The sequences up to which retention (bytes and age) wants the log trimmed, one for each slot with entries in the
   * oldest records; empty while less than a slab is too much. Nothing is deleted before a `trim` item says so.
   */
  oldestLog(): LogTop[];

  /** The same for records beyond twice the bytes of retention: whoever still needs them is waited for no longer. */
  overdueLog(): LogTop[];

  stats(): StoreStats;

  /** Waits for the write under way, then releases the folder. May be called again. */
  close(): Promise<void>;
}

export type Found = Uint8Array | null | 'corrupt';

/** What opening gives. `boot` holds the whole retained log in memory: hand it on and let it go. */
export interface Opened {
  readonly store: Store;
  readonly boot: Boot;
  /** This process holds the folder's lock on the same machine boot that last served from it (R23). */
  readonly lockProof: boolean;
  readonly recovery: Recovery;
}

export interface Recovery {
  readonly records: number;
  readonly entries: number;
  readonly ms: number;
  /**
   * Bytes that LevelDB says it dropped at the end of its own log as damaged, without leaving a gap that the store could
   * see. More than 0 is worth a warning: acknowledged batches may be among them, which the neighbours notice (R15).
   */
  readonly droppedBytes: number;
  /** Bytes of tables whose checksums were not looked at, because they are more than a start may take time for. */
  readonly uncheckedBytes: number;
  /**
   * First log record that a power cut took from the middle of the log (`os`), null = none. The log ends before it; slots
   * that had later records are copied anew.
   */
  readonly hole: number | null;
}

/** How much log is kept beyond what is needed, for members that come back and for change feeds. */
export interface Retention {
  readonly bytes: number;
  readonly ageMs: number;
}

export interface StoreStats {
  readonly state: StoreState;
  /** Why it failed; '' while it did not. */
  readonly reason: string;
  readonly slots: number;
  readonly log: {
    readonly records: number;
    readonly bytes: number;
    readonly first: number;
    readonly last: number;
  };
  readonly writes: {
    readonly batches: number;
    readonly bytes: number;
    /** Time that writes took, in all. */
    readonly ms: number;
    /** The slowest one since the last call of `stats`. */
    readonly slowestMs: number;
    /** For how long the present one has been under way; 0 = none is. A disk that hangs shows here. */
    readonly pendingMs: number;
  };
  /** Reads that found a damaged value or log record. */
  readonly corruptReads: number;
  /** One line a level, lowest first; empty for a store without levels. */
  readonly levels: readonly LevelStats[];
}

export interface LevelStats {
  readonly level: number;
  readonly files: number;
  readonly megabytes: number;
  readonly compactionSeconds: number;
}

/** All that can be wrong with a store. */
export type StoreErrorCode =
  /** The folder holds no store: create one, if this node is meant to begin blank. */
  | 'NO_STORE'
  /** The folder already holds one, or files of one. */
  | 'STORE_EXISTS'
  | 'OTHER_FORMAT'
  /** It belongs to another cluster. */
  | 'OTHER_CLUSTER'
  /** Another process serves from it. */
  | 'STORE_LOCKED'
  /** What it promised is not there any more: the node must come back blank and be copied from its chains. */
  | 'STORE_CORRUPT'
  /** A write or the opening failed. */
  | 'STORE_FAILED'
  | 'STORE_CLOSED';

/** The message says what is wrong, in which folder, and what to do next. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
