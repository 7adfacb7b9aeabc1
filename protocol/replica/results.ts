/** Replies made from entries and from the dedupe table: the same words for a first answer and for a retry. */
import type { Entry } from '../entry.ts';
import { failure } from '../replies.ts';
import type { Failure, Reply, Seen } from '../requests.ts';
import type { Position, WallMs } from '../words.ts';
import { resultOf, type WriteResult } from './dedupe.ts';
import type { RefusedBy } from './log.ts';

export const refusalMessages: Record<RefusedBy['code'], string> = {
  CONDITION_FAILED: 'a condition of the request does not hold for the newest value of the key',
  NOT_A_COUNTER: 'the value of the key is not a decimal number of 64 bits; add works on counters only',
  COUNTER_OVERFLOW: 'the counter would leave the range of signed 64-bit numbers',
};

export const writtenReply = (e: Entry, slotTime: WallMs): Reply => resultReply(resultOf(e), slotTime);

export function resultReply(result: WriteResult, slotTime: WallMs): Reply {
  const replaced = result.replaced.seq === 0 ? null : result.replaced;
  if (result.refusal !== null) {
    const seen: Seen = { position: replaced, objectVersion: result.objectVersion, at: result.position };
    return failure(result.refusal, refusalMessages[result.refusal], { seen, slotTime });
  }
  return {
    kind: 'written',
    position: result.position,
    objectVersion: result.objectVersion,
    replaced,
    value: result.value,
    slotTime,
  };
}

/** A refusal because of `seen`, the newest entry of the key; null or a delete = the key was absent. */
export function refusalReply(by: RefusedBy, seen: Entry | null, at: Position, slotTime: WallMs): Failure {
  return failure(by.code, by.message, { seen: seenOf(seen, at), slotTime });
}

const seenOf = (e: Entry | null, at: Position): Seen =>
  e === null || e.kind === 'delete'
    ? { position: null, objectVersion: 0, at }
    : { position: { version: e.version, seq: e.seq }, objectVersion: e.objectVersion, at };
