/** Errors over gRPC: a status that every client understands, and details that say exactly what happened. */
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { bytes, fixed64, message, nestedList, nestedOrNull, text, uint, word } from '../proto/fields.ts';
import { MalformedBytes, Reader } from '../proto/reader.ts';
import { Writer } from '../proto/writer.ts';
import { ChainError, type ErrorCode, type Outcome } from '../protocol/errors.ts';
import type { Failure, Seen } from '../protocol/requests.ts';
import type { Assignment, WallMs } from '../protocol/words.ts';
import { assignment, seen } from './wire-parts.ts';
import { errorNumbers, outcomes } from './wire-words.ts';

/**
 * The status of each code. UNAVAILABLE only where a repetition is harmless, for clients repeat it by themselves: what may
 * have taken effect is never UNAVAILABLE.
 */
export const statusOf = {
  BAD_REQUEST: status.INVALID_ARGUMENT,
  KEY_EMPTY: status.INVALID_ARGUMENT,
  KEY_TOO_LONG: status.INVALID_ARGUMENT,
  VALUE_TOO_LARGE: status.INVALID_ARGUMENT,
  MALFORMED_FRAME: status.INVALID_ARGUMENT,
  PROTOCOL_VERSION: status.FAILED_PRECONDITION,
  WRONG_CLUSTER: status.FAILED_PRECONDITION,
  DEADLINE_PAST: status.DEADLINE_EXCEEDED,
  CONDITION_FAILED: status.FAILED_PRECONDITION,
  NOT_A_COUNTER: status.FAILED_PRECONDITION,
  COUNTER_OVERFLOW: status.OUT_OF_RANGE,
  NOT_HEAD: status.UNAVAILABLE,
  NOT_MEMBER: status.UNAVAILABLE,
  NOT_READY: status.UNAVAILABLE,
  NO_PROOF: status.UNAVAILABLE,
  OVERLOADED: status.RESOURCE_EXHAUSTED,
  DISK_FULL: status.RESOURCE_EXHAUSTED,
  STORE_FAILED: status.UNAVAILABLE,
  CORRUPT: status.DATA_LOSS,
  CLOCK_SKEW: status.UNAVAILABLE,
  SESSION_LOST: status.FAILED_PRECONDITION,
  UNAVAILABLE: status.UNAVAILABLE,
  NOT_FOUND: status.NOT_FOUND,
  INTERNAL: status.INTERNAL,
  SESSION_EXPIRED: status.ABORTED,
  AMBIGUOUS: status.UNKNOWN,
  DEADLINE_EXCEEDED: status.DEADLINE_EXCEEDED,
} as const satisfies Record<ErrorCode, status>;

/** A failure with what it knows besides its code. */
export class DetailedError extends ChainError {
  readonly seen: Seen | null;
  readonly route: Assignment | null;
  /** 0 = not known. */
  readonly slotTime: WallMs;

  constructor(failure: Omit<Failure, 'kind'>) {
    super(failure.code, failure.message, { outcome: failure.outcome });
    this.seen = failure.seen;
    this.route = failure.route;
    this.slotTime = failure.slotTime;
  }
}

interface ErrorInfo {
  readonly code: ErrorCode;
  readonly outcome: Outcome;
  readonly message: string;
  readonly route: Assignment | null;
  readonly seen: Seen | null;
  readonly slotTime: WallMs;
}

const errorInfo = message<ErrorInfo>('ErrorInfo', {
  code: word(1, errorNumbers),
  outcome: word(2, outcomes),
  message: text(3),
  route: nestedOrNull(4, assignment),
  seen: nestedOrNull(5, seen),
  slotTime: fixed64(6),
});

/** google.protobuf.Any and google.rpc.Status, which carry details by convention. */
const any = message<{ readonly typeUrl: string; readonly value: Uint8Array }>('Any', {
  typeUrl: text(1),
  value: bytes(2),
});
const rpcStatus = message<{
  readonly code: number;
  readonly message: string;
  readonly details: readonly { readonly typeUrl: string; readonly value: Uint8Array }[];
}>('Status', { code: uint(1), message: text(2), details: nestedList(3, any) });

const errorInfoUrl = 'type.googleapis.com/chaincluster.v1.ErrorInfo';
const detailsKey = 'grpc-status-details-bin';
const codeKey = 'chain-error-code';
const outcomeKey = 'chain-error-outcome';
/** Trailers are headers: clients take only some kilobytes of them. */
const messageCharsMax = 1024;

/** What a gRPC call fails with. Anything but a ChainError is a bug, of which the caller learns no more than that. */
export function toServiceError(error: unknown): ServiceError {
  const known =
    error instanceof ChainError ? error : new ChainError('INTERNAL', 'the server failed; its log says more');
  const { code, outcome } = known;
  const message = known.message.slice(0, messageCharsMax);
  const more = known instanceof DetailedError ? known : { route: null, seen: null, slotTime: 0 };
  const info: ErrorInfo = {
    code,
    outcome,
    message,
    route: more.route,
    seen: more.seen,
    slotTime: more.slotTime,
  };
  const metadata = new Metadata();
  metadata.set(codeKey, code);
  metadata.set(outcomeKey, outcome);
  const w = new Writer(256);
  errorInfo.write(w, info);
  const value = Buffer.from(w.bytes.subarray(0, w.at));
  w.at = 0;
  rpcStatus.write(w, { code: statusOf[code], message, details: [{ typeUrl: errorInfoUrl, value }] });
  metadata.set(detailsKey, Buffer.from(w.bytes.subarray(0, w.at)));
  return Object.assign(new Error(message), { code: statusOf[code], details: message, metadata });
}

/** The other way round, at the client. A status without details comes from gRPC itself: nobody says what happened. */
export function fromServiceError(error: ServiceError): ChainError {
  const details = error.metadata?.get(detailsKey)[0];
  const info = details instanceof Buffer ? readInfo(details) : null;
  if (info !== null) return new DetailedError(info);
  const code = error.code === status.DEADLINE_EXCEEDED ? 'DEADLINE_EXCEEDED' : codeWithoutDetails(error);
  return new ChainError(code, error.details || error.message, { cause: error, outcome: 'indefinite' });
}

const codeWithoutDetails = (error: ServiceError): ErrorCode =>
  error.code === status.UNAVAILABLE || error.code === status.CANCELLED ? 'UNAVAILABLE' : 'INTERNAL';

function readInfo(details: Buffer): ErrorInfo | null {
  try {
    const info = rpcStatus.read(new Reader(details)).details.find(({ typeUrl }) => typeUrl === errorInfoUrl);
    return info === undefined ? null : errorInfo.read(new Reader(info.value));
  } catch (error) {
    if (error instanceof MalformedBytes) return null;
    throw error;
  }
}
