/** Frames as bytes, by the schema proto/chaincluster.proto. */
import type { Codec } from '../proto/fields.ts';
import { MalformedBytes, Reader } from '../proto/reader.ts';
import { numberRoom, type Writer, wire } from '../proto/writer.ts';
import { ChainError } from '../protocol/errors.ts';
import type { Message } from '../protocol/messages.ts';
import type { Incarnation } from '../protocol/words.ts';
import { transportLimits } from './limits.ts';
import {
  agree,
  barrier,
  barrierAnswer,
  broken,
  clock,
  compareAnswer,
  compareRequest,
  copyChunk,
  copyRequest,
  offer,
  readAppend,
  readCommit,
  ready,
  recordAnswer,
  recordRequest,
  recordSuspect,
  sessionsChunk,
  sessionsRequest,
  spaceOf,
  tailAnswer,
  tailQuery,
  writeAppend,
  writeCommit,
} from './wire-chain.ts';
import {
  askRoutes,
  assignmentSet,
  goodbye,
  grant,
  heartbeat,
  hello,
  holdings,
  refused,
  register,
  registered,
  routesMessage,
} from './wire-cluster.ts';
import { list, listed } from './wire-list.ts';
import { messagesTag } from './wire-parts.ts';
import { readReply, readRequest, writeReply, writeRequest } from './wire-requests.ts';

export interface Frame {
  /** The sender, as all messages of the frame know it. */
  readonly incarnation: Incarnation;
  /** Byte fields of the messages alias the bytes that were decoded. */
  readonly messages: readonly Message[];
}

/** Messages of one frame. A frame full of the shortest ones must not turn into a heap full of objects. */
export const frameMessagesMax = transportLimits.frameMessages;

/** Bytes of a frame without messages, at most. */
export const frameHeaderRoom = 9;

/** Appends a whole frame, without the length that goes before it on a link. */
export function encodeFrame(messages: readonly Message[], incarnation: Incarnation, out: Writer): void {
  encodeFrameHeader(incarnation, out);
  for (const message of messages) encodeMessage(message, out);
}

/** Begins a frame; it goes on with any number of `encodeMessage`. */
export function encodeFrameHeader(incarnation: Incarnation, out: Writer): void {
  if (incarnation === 0) return;
  out.reserve(frameHeaderRoom);
  out.uint(0x09);
  out.fixed64(incarnation);
}

/** Field numbers of the kinds in `Message`. */
const kindNumbers = {
  ask: 1,
  answer: 2,
  append: 3,
  commit: 4,
  pass: 5,
  passed: 6,
  clock: 7,
  tailQuery: 8,
  tailAnswer: 9,
  barrier: 10,
  barrierAnswer: 11,
  heartbeat: 12,
  grant: 13,
  hello: 14,
  ready: 15,
  offer: 16,
  agree: 17,
  broken: 18,
  copyRequest: 19,
  copyChunk: 20,
  register: 21,
  goodbye: 22,
  askRoutes: 23,
  registered: 24,
  set: 25,
  refused: 26,
  routes: 27,
  list: 28,
  listed: 29,
  space: 30,
  holdings: 40,
  recordRequest: 50,
  recordAnswer: 51,
  compareRequest: 52,
  compareAnswer: 53,
  recordSuspect: 54,
  sessionsRequest: 60,
  sessionsChunk: 61,
} as const satisfies Record<Message['kind'], number>;

type ByHand = 'ask' | 'answer' | 'pass' | 'passed' | 'append' | 'commit';
type ByTable = Exclude<Message['kind'], ByHand>;

const tables: { readonly [K in ByTable]: Codec<Extract<Message, { kind: K }>> } = {
  clock,
  tailQuery,
  tailAnswer,
  barrier,
  barrierAnswer,
  heartbeat,
  grant,
  hello,
  ready,
  offer,
  agree,
  broken,
  copyRequest,
  sessionsRequest,
  sessionsChunk,
  copyChunk,
  recordRequest,
  recordAnswer,
  compareRequest,
  compareAnswer,
  recordSuspect,
  register,
  holdings,
  goodbye,
  askRoutes,
  registered,
  set: assignmentSet,
  refused,
  routes: routesMessage,
  list,
  listed,
  space: spaceOf,
};

const tableOfNumber = new Map<number, Codec<Message>>(
  (Object.keys(tables) as ByTable[]).map((kind) => [kindNumbers[kind], tables[kind] as Codec<Message>]),
);

/**
 * Appends one message of a frame. @throws RangeError when a number is no safe integer; `out` is then as before.
 */
export function encodeMessage(message: Message, out: Writer): void {
  const before = out.at;
  try {
    encodeKind(message, out);
  } catch (error) {
    out.at = before;
    throw error;
  }
}

function encodeKind(m: Message, out: Writer): void {
  const number = kindNumbers[m.kind];
  if (m.kind === 'ask' || m.kind === 'pass') writeRequest(out, number, m.id, m.request);
  else if (m.kind === 'answer' || m.kind === 'passed') writeReply(out, number, m.id, m.reply);
  else if (m.kind === 'append') writeAppend(out, number, m);
  else if (m.kind === 'commit') writeCommit(out, number, m);
  else writeByTable(out, number, tables[m.kind] as Codec<Message>, m);
}

function writeByTable(w: Writer, number: number, table: Codec<Message>, message: Message): void {
  w.reserve(numberRoom);
  w.uint(messagesTag);
  const outer = w.openExact();
  w.uint(number * 8 + wire.bytes);
  const inner = w.openExact();
  table.write(w, message);
  w.closeExact(inner);
  w.closeExact(outer);
}

/** Decodes a whole frame. @throws ChainError MALFORMED_FRAME, which says what is wrong and at which byte. */
export function decodeFrame(bytes: Uint8Array): Frame {
  const r = new Reader(bytes);
  try {
    return readFrame(r);
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
    const where = `byte ${error.at} of a frame of ${bytes.length} bytes`;
    throw new ChainError(
      'MALFORMED_FRAME',
      `${error.message}, at ${where}; the sender is no peer of this version`,
    );
  }
}

function readFrame(r: Reader): Frame {
  let incarnation = 0;
  let messages: Message[] | null = null;
  while (r.at < r.end) {
    const tag = r.uint();
    if (tag === messagesTag) {
      // One is usual: a list that begins empty makes room for many.
      if (messages === null) messages = [readMessage(r)];
      else if (messages.length < frameMessagesMax) messages.push(readMessage(r));
      else r.fail(`a frame has more than ${frameMessagesMax} messages`);
    } else if (tag === 0x09) incarnation = r.fixed64();
    else r.skip(tag);
  }
  return { incarnation: incarnation as Incarnation, messages: messages ?? [] };
}

function readMessage(r: Reader): Message {
  const outer = r.enter();
  let message: Message | null = null;
  while (r.at < r.end) {
    const tag = r.uint();
    if ((tag & 7) !== wire.bytes) r.fail(`a message has no kind with tag ${tag}`);
    const end = r.enter();
    message = readKind(r, tag >>> 3);
    r.leave(end);
  }
  r.leave(outer);
  return message ?? r.fail('a message has no kind');
}

function readKind(r: Reader, number: number): Message {
  switch (number) {
    case kindNumbers.ask:
      return readRequest(r, 'ask');
    case kindNumbers.answer:
      return readReply(r, 'answer');
    case kindNumbers.append:
      return readAppend(r);
    case kindNumbers.commit:
      return readCommit(r);
    case kindNumbers.pass:
      return readRequest(r, 'pass');
    case kindNumbers.passed:
      return readReply(r, 'passed');
    default:
      return (tableOfNumber.get(number) ?? r.fail(`there is no kind of message with number ${number}`)).read(
        r,
      );
  }
}
