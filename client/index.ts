/** What programs import: `connect`, and the words of its API. */
// biome-ignore-all lint/performance/noBarrelFile: the one entry of the package; nothing inside it imports from here

export { ChainError, type ErrorCode, type Outcome } from '../protocol/errors.ts';
export type { Condition, ConditionField, ConditionOperator, ReadLevel } from '../protocol/requests.ts';
export type { Assignment, Member, Position, Slot } from '../protocol/words.ts';
export type { CallOptions, Client, ReadOptions, WriteOptions } from './client.ts';
export type { Conditions } from './conditions.ts';
export { type ConnectOptions, connect } from './connect.ts';
export type { EntriesOptions, StoredEntry } from './entries.ts';
export {
  type Absent,
  type AddResult,
  ConditionFailed,
  type DeleteResult,
  type Found,
  type PutResult,
  type ReadResult,
} from './results.ts';
export type { Bytes } from './values.ts';
