/** Every limit of the protocol, in one place, with the relations between them checked at load. */
export const limits = {
  slots: 4096,
  keyBytes: 1024,
  valueBytes: 1_048_576,
  /** Conditions of one request. */
  conditions: 8,
  /** One frame on a link. Larger than any entry by far, so that what the head took every hop can carry (P60). */
  frameBytes: 8_388_608,
  /** Entries in one append message. */
  appendBytes: 1_048_576,
  /** Values in one chunk of a copy. */
  copyBytes: 262_144,
  /** Requests of one client session that may be unanswered at once. */
  sessionWindow: 32_768,
  /** Uncommitted entries of one slot; beyond it the head sheds (OVERLOADED). */
  pendingEntries: 8192,
  pendingBytes: 16_777_216,
  /** Entries sent to a successor beyond its last commit mark. */
  inFlightBytes: 8_388_608,
  /** A chain's members. */
  chainLength: 9,
} as const;

if (limits.frameBytes < limits.appendBytes + limits.valueBytes + limits.keyBytes + 65_536)
  throw new Error('frameBytes must hold one append message and one entry of the largest value');
