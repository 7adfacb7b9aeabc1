/** What callers are given: replies of the protocol in the words of the API. */
import type { Entry } from '../protocol/entry.ts';
import { ChainError } from '../protocol/errors.ts';
import type { Failure, Seen, WriteReply } from '../protocol/requests.ts';
import type { Position } from '../protocol/words.ts';
import { textOf } from './values.ts';

/** A read of a key that is absent. Every number is 0, as conditions see it. */
export interface Absent {
  readonly found: false;
  readonly value: null;
  readonly revision: 0;
  readonly version: 0;
  /** The state that the answer reflects. */
  readonly at: Position;
}

/** A read of a key that is present. */
export interface Found {
  readonly found: true;
  /** The caller's own copy. */
  readonly value: Uint8Array;
  /** Rises with every write of the key for ever, also across delete and re-create. */
  readonly revision: number;
  /** Writes since the object was created, from 1. */
  readonly version: number;
  /** Where the write that made this value stands in the log of its slot. */
  readonly position: Position;
  /** Time of the object's first write, ms since 1970 by the head's clock. */
  readonly created: number;
  /** Time of its last write, ms since 1970 by the head's clock. */
  readonly updated: number;
  /** The state that the answer reflects. */
  readonly at: Position;
  /** The value as text. @throws ChainError BAD_REQUEST when it is not UTF-8. */
  text(): string;
}

export type ReadResult = Found | Absent;

/** A put that is durable at every member of the chain. */
export interface PutResult {
  /** Revision of the value written. */
  readonly revision: number;
  /** Writes since the object was created, from 1. */
  readonly version: number;
  readonly position: Position;
  /** True when the key was absent before. */
  readonly created: boolean;
}

/** A delete that is durable at every member of the chain. */
export interface DeleteResult {
  /** False when there was nothing to delete. */
  readonly found: boolean;
  readonly revision: number;
  readonly position: Position;
}

/** An addition that is durable at every member of the chain. */
export interface AddResult extends PutResult {
  /** The counter after the addition. */
  readonly value: bigint;
}

/** A condition did not hold. `seen` is what the newest value of the key was instead. */
export class ConditionFailed extends ChainError {
  readonly seen: { readonly found: boolean; readonly revision: number; readonly version: number };

  constructor(message: string, seen: Seen | null) {
    super('CONDITION_FAILED', message);
    const revision = seen?.position?.seq ?? 0;
    const version = seen?.objectVersion ?? 0;
    this.seen = { found: seen?.position != null, revision, version };
  }
}

export function readResult(entry: Entry | null, at: Position): ReadResult {
  return entry === null ? { found: false, value: null, revision: 0, version: 0, at } : new Present(entry, at);
}

class Present implements Found {
  readonly found = true;
  readonly value: Uint8Array;
  readonly revision: number;
  readonly version: number;
  readonly position: Position;
  readonly created: number;
  readonly updated: number;
  readonly at: Position;

  constructor(entry: Entry, at: Position) {
    // The entry lies in a received frame, which would stay in memory as long as the value does.
    this.value = Buffer.from(entry.value);
    this.revision = entry.seq;
    this.version = entry.objectVersion;
    this.position = { version: entry.version, seq: entry.seq };
    this.created = entry.created;
    this.updated = entry.stamp;
    this.at = at;
  }

  text(): string {
    return textOf(this.value, 'the value');
  }
}

export function putResult({ position, objectVersion, replaced }: WriteReply): PutResult {
  return { revision: position.seq, version: objectVersion, position, created: replaced === null };
}

export function deleteResult({ position, replaced }: WriteReply): DeleteResult {
  return { found: replaced !== null, revision: position.seq, position };
}

export function addResult(reply: WriteReply): AddResult {
  return { ...putResult(reply), value: BigInt(textOf(reply.value, 'the counter')) };
}

export function errorOf(failed: Failure): ChainError {
  if (failed.code === 'CONDITION_FAILED') return new ConditionFailed(failed.message, failed.seen);
  return new ChainError(failed.code, failed.message, { outcome: failed.outcome });
}
