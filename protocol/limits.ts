/**
 * Every limit of the protocol, in one place, with the relations between them checked. `limits` is what processes use;
 * a node's core takes its own from its configuration, so that a test can make them so small that each is reached.
 */
export interface Limits {
  readonly slots: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
  /** Conditions of one request. */
  readonly conditions: number;
  /** One frame on a link. Larger than any entry by far, so that what the head took every hop can carry (P60). */
  readonly frameBytes: number;
  /** One frame of a client: a request of the largest value, and what gathered before it. */
  readonly clientFrameBytes: number;
  /** Entries in one append message. */
  readonly appendBytes: number;
  /** Values in one chunk of a copy. */
  readonly copyBytes: number;
  /** How far a request number may lie above its session's lowest unanswered one. */
  readonly sessionWindow: number;
  /** Uncommitted entries of one slot; beyond it the head sheds (OVERLOADED). */
  readonly pendingEntries: number;
  readonly pendingBytes: number;
  /** Bytes of uncommitted entries of all slots of one node; a slot may hold as much as is left free. */
  readonly nodePendingBytes: number;
  /** Results of writes that one slot remembers for retries; beyond it the oldest are forgotten (SESSION_EXPIRED). */
  readonly dedupeResults: number;
  /**
   * Entries of one slot in memory. What is not committed takes half of it at most; beyond it reads of the store that
   * keep entries there are given up and asked for again (R42).
   */
  readonly logMemoryBytes: number;
  /** Bytes of entries sent to a successor beyond what it confirmed; the message that reaches it may go beyond. */
  readonly inFlightBytes: number;
  /** Requests that wait inside one node, those included that other nodes passed to it. */
  readonly waitingRequests: number;
  /** Bytes of keys and values of those. One that comes alone is taken whatever its size. */
  readonly waitingBytes: number;
  /** Requests that one node has passed to others and that were not answered. */
  readonly passedRequests: number;
  /** Damaged records of one slot that are being repaired, and reads for members that repair theirs. */
  readonly repairs: number;
  /** A chain's members. */
  readonly chainLength: number;
  /** Pages of values that are read at one node at once, and bytes of one: a value more may follow. */
  readonly lists: number;
  readonly listBytes: number;
  /** Reports of slots in one heartbeat; the rest follows when they are acknowledged. */
  readonly beatReports: number;
  /** Chains in one page of a set, and of what a node tells a coordinator that lost its state. */
  readonly pageChains: number;
}

export const limits: Limits = {
  slots: 4096,
  keyBytes: 1024,
  valueBytes: 1_048_576,
  conditions: 8,
  frameBytes: 8_388_608,
  clientFrameBytes: 2_097_152,
  appendBytes: 1_048_576,
  copyBytes: 262_144,
  sessionWindow: 32_768,
  pendingEntries: 8192,
  pendingBytes: 16_777_216,
  nodePendingBytes: 134_217_728,
  dedupeResults: 65_536,
  waitingRequests: 131_072,
  waitingBytes: 134_217_728,
  passedRequests: 65_536,
  logMemoryBytes: 33_554_432,
  inFlightBytes: 8_388_608,
  repairs: 16,
  chainLength: 9,
  lists: 4,
  listBytes: 1_048_576,
  beatReports: 512,
  pageChains: 512,
};

/** @throws when limits contradict each other: a value that a head takes must fit everywhere that it passes. */
export function checkLimits(l: Limits): void {
  if (l.frameBytes < l.listBytes + l.valueBytes + l.keyBytes + 65_536)
    throw new Error('frameBytes must hold one page of values');
  if (l.frameBytes < l.appendBytes + l.valueBytes + l.keyBytes + 65_536)
    throw new Error('frameBytes must hold one append message and one entry of the largest value');
  if (l.clientFrameBytes < 2 * l.keyBytes + l.valueBytes + 524_288)
    throw new Error('clientFrameBytes must hold a request of the largest value beside others');
  if (l.pendingBytes > l.nodePendingBytes)
    throw new Error('pendingBytes of one slot must not exceed nodePendingBytes');
  if (l.logMemoryBytes < 2 * l.pendingBytes)
    throw new Error('logMemoryBytes must be twice pendingBytes, or what waits for the chain ends every read');
}

checkLimits(limits);
