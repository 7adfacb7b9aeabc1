/**
 * The words of the protocol as types. Every id and quantity has its own type, so that a sequence can't be passed
 * where a chain version is meant; the constructors here are the only places that make one from a bare number.
 * Numbers are safe integers (below 2^53); anything else is refused at the edge.
 */

type Brand<Base, Name extends string> = Base & { readonly is: Name };

/** One hash partition of the key space, `0 <= slot < slots`. */
export type Slot = Brand<number, 'Slot'>;
/** Counter of one slot's chain: +1 at every change of its members, their order or their incarnations. From 1. */
export type ChainVersion = Brand<number, 'ChainVersion'>;
/** Counter of leading coordinators: +1 at every change of leader. From 1; 0 is refused everywhere. */
export type Epoch = Brand<number, 'Epoch'>;
/** Position of an entry in the log of one slot, without gaps, from 1. 0 means "before the first entry". */
export type Seq = Brand<number, 'Seq'>;
/** Random number of one leadership: two leaders that count the same epoch over different states differ in it. 0 = none. */
export type Reign = Brand<number, 'Reign'>;
/** Counter of saved states of the coordinator; with the epoch it orders everything that a coordinator publishes. */
export type Revision = Brand<number, 'Revision'>;
/** One run of one process, issued by the coordinator at registration: (epoch, counter) packed by `incarnation`. */
export type Incarnation = Brand<number, 'Incarnation'>;
/** Name of a storage node: the pod's name on Kubernetes. */
export type NodeName = Brand<string, 'NodeName'>;
/** UUID made with an empty data directory and never changed. */
export type StoreId = Brand<string, 'StoreId'>;
/** A client session; a random integer in 1..2^53-1. */
export type ClientId = Brand<number, 'ClientId'>;
/** Number of a request within its client session, from 1. */
export type RequestNumber = Brand<number, 'RequestNumber'>;
/** A key as a byte string: every character is one byte (0..255), so that string order is byte order. */
export type Key = Brand<string, 'Key'>;
/** Milliseconds of a monotonic clock; comparable only within one process. */
export type MonoMs = number;
/** Milliseconds since 1970 of a wall clock; only ever used as data, never to decide who may act. */
export type WallMs = number;

export const slot = (n: number): Slot => n as Slot;
export const chainVersion = (n: number): ChainVersion => n as ChainVersion;
export const epoch = (n: number): Epoch => n as Epoch;
export const seq = (n: number): Seq => n as Seq;
export const reign = (n: number): Reign => n as Reign;
export const revision = (n: number): Revision => n as Revision;
export const nodeName = (s: string): NodeName => s as NodeName;
export const storeId = (s: string): StoreId => s as StoreId;
export const clientId = (n: number): ClientId => n as ClientId;
export const requestNumber = (n: number): RequestNumber => n as RequestNumber;
export const key = (s: string): Key => s as Key;

const COUNTER_RANGE = 2 ** 21;

/** Packs (epoch, counter): unique without a save, because no two leaders share an epoch (R23). */
export function incarnation(of: Epoch, counter: number): Incarnation {
  if (counter < 0 || counter >= COUNTER_RANGE)
    throw new RangeError(`incarnation counter ${counter} is out of range`);
  return (of * COUNTER_RANGE + counter) as Incarnation;
}

export const incarnationEpoch = (of: Incarnation): Epoch => Math.floor(of / COUNTER_RANGE) as Epoch;

export const incarnationCounter = (of: Incarnation): number => of % COUNTER_RANGE;

/** `epoch.counter`, as logs and tables show it. */
export const formatIncarnation = (of: Incarnation): string => `${incarnationEpoch(of)}.${of % COUNTER_RANGE}`;

/** "Nobody": no coordinator ever issues it. */
export const noIncarnation = 0 as Incarnation;

/** Where an entry stands: the chain version at which the head created it, and its sequence. */
export interface Position {
  readonly version: ChainVersion;
  readonly seq: Seq;
}

/** Before the first entry. */
export const origin: Position = { version: 0 as ChainVersion, seq: 0 as Seq };

/** Order of logs: version first, then sequence (R22). Negative when `a` is older. */
export const comparePositions = (a: Position, b: Position): number =>
  a.version !== b.version ? a.version - b.version : a.seq - b.seq;

export const samePosition = (a: Position, b: Position): boolean => a.version === b.version && a.seq === b.seq;

export const formatPosition = (p: Position): string => `${p.version}:${p.seq}`;

/** A chain member or joiner: a node in one incarnation, and where its links are answered. */
export interface Member {
  readonly node: NodeName;
  readonly incarnation: Incarnation;
  /** `host:port` of the node's links; a hint that may change without a new version. */
  readonly address: string;
}

/** What one slot's chain is, as the coordinator saved it. */
export interface Assignment {
  readonly slot: Slot;
  readonly version: ChainVersion;
  /** Head first, tail last. */
  readonly members: readonly Member[];
  /** A replica that is being built behind the tail; it counts for nothing until a version names it as a member. */
  readonly joiner: Member | null;
  /** True for a node that is neither member nor joiner any more: it may delete the slot's data (R19). */
  readonly drop: boolean;
}
