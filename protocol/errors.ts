/**
 * The closed list of errors. Each code says whether the operation may still take effect: `definite` means it did not
 * and never will; `indefinite` means it may have, or still may (rule 2.10).
 */
export const errorCodes = {
  BAD_REQUEST: 'definite',
  KEY_EMPTY: 'definite',
  KEY_TOO_LONG: 'definite',
  VALUE_TOO_LARGE: 'definite',
  MALFORMED_FRAME: 'definite',
  PROTOCOL_VERSION: 'definite',
  WRONG_CLUSTER: 'definite',
  DEADLINE_PAST: 'definite',
  CONDITION_FAILED: 'definite',
  NOT_A_COUNTER: 'definite',
  COUNTER_OVERFLOW: 'definite',
  NOT_HEAD: 'definite',
  NOT_MEMBER: 'definite',
  NOT_READY: 'definite',
  NO_PROOF: 'definite',
  OVERLOADED: 'definite',
  DISK_FULL: 'definite',
  STORE_FAILED: 'definite',
  CORRUPT: 'definite',
  CLOCK_SKEW: 'definite',
  SESSION_LOST: 'definite',
  UNAVAILABLE: 'definite',
  NOT_FOUND: 'definite',
  INTERNAL: 'indefinite',
  /** Definite for a first attempt: nothing was done, and the answer carries the slot time to send it again with. */
  SESSION_EXPIRED: 'indefinite',
  AMBIGUOUS: 'indefinite',
  DEADLINE_EXCEEDED: 'indefinite',
} as const;

export type ErrorCode = keyof typeof errorCodes;
export type Outcome = 'definite' | 'indefinite';

export const outcomeOf = (code: ErrorCode): Outcome => errorCodes[code];

/** A refusal or failure with its code. `message` says what, where and what to do next. */
export class ChainError extends Error {
  override readonly name = 'ChainError';
  readonly code: ErrorCode;
  readonly outcome: Outcome;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown; outcome?: Outcome }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.outcome = options?.outcome ?? errorCodes[code];
  }
}

/** A broken invariant: a bug or a disk that lies. The process that sees it stops acting; it never goes on. */
export class InvariantBroken extends Error {
  override readonly name = 'InvariantBroken';
}

/** Asserts what must hold, in production too. */
export function invariant(holds: boolean, what: string, facts?: Record<string, unknown>): asserts holds {
  if (!holds) throw new InvariantBroken(facts === undefined ? what : `${what} ${JSON.stringify(facts)}`);
}
