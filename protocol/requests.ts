/** What a client asks of a node, and what it is told. */
import type { ErrorCode, Outcome } from './errors.ts';
import type {
  Assignment,
  ChainVersion,
  ClientId,
  Epoch,
  Key,
  MonoMs,
  Position,
  RequestNumber,
  Slot,
  WallMs,
} from './words.ts';

/**
 * Read levels (docs/protocol.md section 3). `strong` is linearizable; `bounded` is at most `boundMs` old; `session`
 * shows at least what `token` names; `eventual` is any committed state.
 */
export type ReadLevel = 'strong' | 'bounded' | 'session' | 'eventual';

export type ConditionField = 'exists' | 'version' | 'revision' | 'updated';
export type ConditionOperator = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge';

/** One test of the newest value of the key; several are ANDed. `exists` compares with 0 or 1; absent has 0 in every field. */
export interface Condition {
  readonly field: ConditionField;
  readonly operator: ConditionOperator;
  readonly value: number;
}

interface Addressed {
  readonly key: Key;
  /** Chain version of the route that the client used; 0 = none. */
  readonly version: ChainVersion;
  /** False: this node answers itself or refuses. True: it passes the request on to who can answer. */
  readonly passOn: boolean;
  /** Time left, in ms, when it was sent. */
  readonly deadlineMs: number;
}

export interface ReadRequest extends Addressed {
  readonly op: 'get';
  readonly level: ReadLevel;
  /** `bounded`: the greatest age in ms. Otherwise 0. */
  readonly boundMs: number;
  /** `session`: the newest position of this slot that the session has seen. */
  readonly token: Position | null;
}

export interface WriteRequest extends Addressed {
  readonly op: 'put' | 'delete' | 'add';
  /** put: the value's bytes. */
  readonly value: Uint8Array;
  /** add: a signed 64-bit number. Otherwise 0n. */
  readonly delta: bigint;
  readonly conditions: readonly Condition[];
  readonly client: ClientId;
  readonly number: RequestNumber;
  /** All numbers of this client below it are answered. */
  readonly floor: RequestNumber;
  /**
   * Highest stamp of this slot that the client knew when it first sent this request (R18). 0: it knows none; such a
   * request is never executed, and the refusal tells the time.
   */
  readonly slotTime: WallMs;
  /** An earlier attempt under this number may have been sent: a refusal must be logged to be definite (R17). */
  readonly retry: boolean;
}

export type Request = ReadRequest | WriteRequest;

/** `entry` is the encoded entry of the write that made the value (readEntry), null when the key is absent. */
export interface ReadReply {
  readonly kind: 'read';
  readonly entry: Uint8Array | null;
  /** The commit mark that the answer reflects: the session token for this slot. */
  readonly at: Position;
  /** Newest stamp of the slot known here. */
  readonly slotTime: WallMs;
}

/** Durable at every member of the chain when it is sent. */
export interface WriteReply {
  readonly kind: 'written';
  readonly position: Position;
  readonly objectVersion: number;
  /** Position of the value that was replaced or deleted; null = the key was absent. */
  readonly replaced: Position | null;
  /** add: the new number in decimal. Otherwise empty. */
  readonly value: Uint8Array;
  readonly slotTime: WallMs;
}

/** What a refused condition saw. */
export interface Seen {
  /** null = absent. */
  readonly position: Position | null;
  readonly objectVersion: number;
  /** The commit mark that the refusal reflects, also where the key was absent: the session token for this slot. */
  readonly at: Position;
}

export interface Failure {
  readonly kind: 'failed';
  readonly code: ErrorCode;
  readonly outcome: Outcome;
  readonly message: string;
  readonly seen: Seen | null;
  /** The slot's chain as this node knows it, when the client's route seems old. */
  readonly route: Assignment | null;
  /** SESSION_EXPIRED and refusals: newest stamp of the slot, for a fresh attempt. */
  readonly slotTime: WallMs;
}

/** A page of values that somebody asked for. */
export interface ListAsk {
  readonly tag: number;
  readonly after: Key | null;
  readonly maxBytes: number;
  readonly until: MonoMs;
}

/** One page of a slot's values (`List` of messages.ts). */
export interface Page {
  readonly kind: 'page';
  /** Encoded entries, in key order. */
  readonly values: readonly Uint8Array[];
  /** Keys in the same range of which no member has a record that verifies. */
  readonly damaged: readonly Key[];
  /** Last key of the page; null = nothing follows. */
  readonly next: Key | null;
  /** The page holds everything up to here, and perhaps later writes. */
  readonly at: Position;
}

export type Reply = ReadReply | WriteReply | Failure;

/** Where every chain is, as one node or coordinator knows it. */
export interface Routes {
  readonly clusterId: string;
  readonly epoch: Epoch;
  readonly revision: number;
  readonly slots: number;
  readonly chains: readonly Assignment[];
  /** Newest stamp of each slot that the sender holds: where a new client's slot times begin (R18). */
  readonly times: readonly SlotTime[];
}

export interface SlotTime {
  readonly slot: Slot;
  readonly time: WallMs;
}
