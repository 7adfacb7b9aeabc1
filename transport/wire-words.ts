/** The numbers that closed lists of words have on the wire. They are never reused; append only. */
import { words } from '../proto/fields.ts';
import type { ErrorCode, Outcome } from '../protocol/errors.ts';
import type {
  CompareAnswer,
  Hello,
  RecordAnswer,
  Refused,
  ReplicaReport,
  SpaceLevel,
} from '../protocol/messages.ts';
import type { ConditionField, ConditionOperator, ReadLevel, WriteRequest } from '../protocol/requests.ts';

export const readLevels = words<ReadLevel>({ strong: 0, bounded: 1, session: 2, eventual: 3 });

export const writeOperations = words<WriteRequest['op']>({ put: 1, delete: 2, add: 3 });

export const conditionFields = words<ConditionField>({ exists: 1, version: 2, revision: 3, updated: 4 });

export const conditionOperators = words<ConditionOperator>({ eq: 1, ne: 2, lt: 3, le: 4, gt: 5, ge: 6 });

export const outcomes = words<Outcome>({ definite: 1, indefinite: 2 });

export const roles = words<Hello['role']>({ node: 1, coordinator: 2, client: 3 });

/** `ok` is the default: nothing is sent for it. */
export const spaceLevels = words<SpaceLevel>({ ok: 0, low: 1, full: 2 });

export const replicaStates = words<ReplicaReport['state']>({
  member: 1,
  serving: 2,
  copying: 3,
  gone: 4,
  stale: 5,
  lost: 6,
  unproven: 7,
});

export const recordStates = words<RecordAnswer['state']>({ value: 1, absent: 2, damaged: 3, behind: 4 });

export const compareStates = words<CompareAnswer['state']>({ digest: 1, records: 2, behind: 3 });

export const refusedCodes = words<Refused['code']>({
  NOT_LEADER: 1,
  WRONG_CLUSTER: 2,
  UNKNOWN_INCARNATION: 3,
  NAME_TAKEN: 4,
  RECOVER: 5,
  OLD_EPOCH: 6,
});

export const errorNumbers = words<ErrorCode>({
  BAD_REQUEST: 1,
  KEY_EMPTY: 2,
  KEY_TOO_LONG: 3,
  VALUE_TOO_LARGE: 4,
  MALFORMED_FRAME: 5,
  PROTOCOL_VERSION: 6,
  WRONG_CLUSTER: 7,
  DEADLINE_PAST: 8,
  CONDITION_FAILED: 9,
  NOT_A_COUNTER: 10,
  COUNTER_OVERFLOW: 11,
  NOT_HEAD: 12,
  NOT_MEMBER: 13,
  NOT_READY: 14,
  NO_PROOF: 15,
  OVERLOADED: 16,
  STORE_FAILED: 17,
  CORRUPT: 18,
  CLOCK_SKEW: 19,
  SESSION_LOST: 20,
  UNAVAILABLE: 21,
  NOT_FOUND: 22,
  INTERNAL: 23,
  SESSION_EXPIRED: 24,
  AMBIGUOUS: 25,
  DEADLINE_EXCEEDED: 26,
  DISK_FULL: 27,
});
