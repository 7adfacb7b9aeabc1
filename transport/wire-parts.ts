/** What several messages contain: positions, assignments, conditions. */
import {
  bool,
  type Codec,
  fixed64,
  message,
  nested,
  nestedList,
  nestedOrNull,
  signed64,
  text,
  uint,
  uint32,
  word,
} from '../proto/fields.ts';
import type { Reader } from '../proto/reader.ts';
import { lengthWidth, putUint, type Writer } from '../proto/writer.ts';
import type { Condition, Seen } from '../protocol/requests.ts';
import {
  type Assignment,
  type ChainVersion,
  type Member,
  origin,
  type Position,
  type Seq,
} from '../protocol/words.ts';
import { conditionFields, conditionOperators } from './wire-words.ts';

/** Tag of `Frame.messages`. */
export const messagesTag = 0x12;

/**
 * Begins a message of a frame, of a kind whose number is below 16 and whose body takes at most `bound` bytes; reserves room
 * for all of it. Returns the start of the body, for `closeKind`.
 */
export function openKind(w: Writer, number: number, bound: number): number {
  w.reserve(bound + 16);
  w.uint(messagesTag);
  w.open(bound + 5);
  w.uint(number * 8 + 2);
  return w.open(bound);
}

export function closeKind(w: Writer, start: number, bound: number): void {
  w.close(start, bound);
  w.close(start - lengthWidth(bound) - 1, bound + 5);
}

/** Bytes that a position with its length and tag takes at most. */
export const positionRoom = 22;

export const position: Codec<Position> = {
  name: 'Position',
  empty: origin,
  write(w, value) {
    w.reserve(positionRoom);
    writePosition(w, value);
  },
  read: readPosition,
};

function writePosition(w: Writer, value: Position): void {
  if (value.version !== 0) {
    w.uint(0x08);
    w.uint(value.version);
  }
  if (value.seq !== 0) {
    w.uint(0x10);
    w.uint(value.seq);
  }
}

function readPosition(r: Reader): Position {
  let version = 0;
  let seq = 0;
  while (r.at < r.end) {
    const tag = r.uint();
    if (tag === 0x08) version = r.uint();
    else if (tag === 0x10) seq = r.uint();
    else r.skip(tag);
  }
  return { version: version as ChainVersion, seq: seq as Seq };
}

/** Tag, length and position at `at`, into room that is reserved. Returns where it stopped. */
export function putPosition(b: Uint8Array, at: number, tag: number, value: Position): number {
  b[at] = tag;
  const start = at + 2;
  let end = start;
  if (value.version !== 0) {
    b[end] = 0x08;
    end = putUint(b, end + 1, value.version);
  }
  if (value.seq !== 0) {
    b[end] = 0x10;
    end = putUint(b, end + 1, value.seq);
  }
  b[at + 1] = end - start;
  return end;
}

/** Length and position, the tag was read. */
export function takePosition(r: Reader): Position {
  const { bytes, at } = r;
  // As `putPosition` writes most of them: a version of one byte, then a sequence.
  const version = bytes[at + 2] as number;
  const end = at + 1 + (bytes[at] as number);
  if (end <= r.end && end > at + 4 && bytes[at + 1] === 0x08 && version < 128 && bytes[at + 3] === 0x10) {
    r.at = at + 4;
    const seq = r.uint() as Seq;
    if (r.at === end) return { version: version as ChainVersion, seq };
    r.at = at;
  }
  const outer = r.enter();
  const value = readPosition(r);
  r.leave(outer);
  return value;
}

const member = message<Member>('Member', { node: text(1), incarnation: fixed64(2), address: text(3) });

export const assignment = message<Assignment>('Assignment', {
  slot: uint32(1),
  version: uint(2),
  members: nestedList(3, member),
  joiner: nestedOrNull(4, member),
  drop: bool(5),
});

export const condition = message<Condition>('Condition', {
  field: word(1, conditionFields),
  operator: word(2, conditionOperators),
  value: signed64(3),
});

export const seen = message<Seen>('Seen', {
  position: nestedOrNull(1, position),
  objectVersion: uint(2),
  at: nested(3, position),
});
