/**
 * The history of one run: one record for each client call, as the recorder wrote it.
 * Times are milliseconds (fractions allowed) of one monotonic clock in one recorder.
 * A client has at most one open call; after an unknown outcome its id is not used again.
 */
export type HistoryRecord = ReadRecord | WriteRecord;

export interface ReadRecord extends Span {
  readonly op: Get;
  readonly result: ReadAnswer | Unknown | Failed;
}

export interface WriteRecord extends Span {
  readonly op: Write;
  readonly result: WriteAnswer | Refused | Unknown | Failed;
}

interface Span {
  readonly client: number;
  readonly key: string;
  readonly call: number;
  /** +Infinity when the outcome is unknown. */
  readonly ret: number;
}

/** Chain version at which the head created the entry, and its sequence. Order: version first, then sequence. */
export interface Position {
  readonly version: number;
  readonly seq: number;
}

export interface Get {
  readonly kind: 'get';
  readonly level: 'strong' | 'bounded' | 'session' | 'eventual';
  /** Only for `bounded`: the staleness that the caller accepts. */
  readonly boundMs?: number;
  /** Only for `session`: the highest position that the session saw in the slot of the key. */
  readonly token?: Position;
}

export type Write =
  | { readonly kind: 'put'; readonly value: string; readonly condition?: readonly Condition[] }
  | { readonly kind: 'delete'; readonly condition?: readonly Condition[] }
  | { readonly kind: 'add'; readonly delta: number };

/** Compares a field of the newest state with `value`; an absent key counts as 0 in every field. */
export interface Condition {
  readonly field: 'exists' | 'version' | 'revision' | 'updated';
  readonly op: 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge';
  readonly value: number;
}

export interface ReadAnswer {
  readonly kind: 'ok';
  readonly found: boolean;
  readonly value?: string;
  /** Of the write that produced the value; an absent key has none. */
  readonly position?: Position;
  readonly objectVersion?: number;
  readonly updated?: number;
}

export interface WriteAnswer {
  readonly kind: 'ok';
  /** May be missing only when a delete found nothing and therefore logged nothing: a strong read of absence. */
  readonly position?: Position;
  /** Of the value that this write replaced; null when the key was absent. */
  readonly previous?: Position | null;
  /** The resulting number of an add. */
  readonly value?: number;
  readonly existed?: boolean;
  /** Writes of this object life, this one included. Not compared for a delete, which ends the life. */
  readonly objectVersion?: number;
}

/** The condition did not hold: a strong read of the state on which it was false. */
export interface Refused {
  readonly kind: 'refused';
  readonly seen?: {
    readonly position: Position | null;
    readonly value?: string;
    readonly objectVersion?: number;
    readonly updated?: number;
  };
}

/** May or may not take effect, at any time after the call. */
export interface Unknown {
  readonly kind: 'unknown';
}

/** Definitely never took effect. */
export interface Failed {
  readonly kind: 'failed';
}

export type Verdict = { readonly ok: true } | Violation | Doubt;

export interface Violation {
  readonly ok: false;
  readonly key: string;
  readonly reason: string;
  /** The few records that show it. */
  readonly operations: readonly HistoryRecord[];
}

/** The step budget ran out before a verdict. Not a pass. */
export interface Doubt {
  readonly ok: 'unknown';
  readonly key: string;
  readonly reason: string;
  readonly operations: readonly HistoryRecord[];
}

export function isRead(record: HistoryRecord): record is ReadRecord {
  return record.op.kind === 'get';
}

/** Negative when `a` is before `b` in the log. */
export function comparePositions(a: Position, b: Position): number {
  return a.version - b.version || a.seq - b.seq;
}

export function samePosition(a: Position, b: Position): boolean {
  return a.seq === b.seq && a.version === b.version;
}

export function conditionsOf(op: Write): readonly Condition[] {
  return op.kind === 'add' ? [] : (op.condition ?? []);
}
