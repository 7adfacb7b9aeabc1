/** Requests and replies: what Ask and Pass, Answer and Passed carry. Code of its own, for these are sent most. */
import { type Codec, fixed64, message, nestedOrNull, readWord, text, word } from '../proto/fields.ts';
import type { Reader } from '../proto/reader.ts';
import { putBytes, putFixed64, putLatin1, putUint, type Writer } from '../proto/writer.ts';
import type {
  Condition,
  Failure,
  ReadReply,
  ReadRequest,
  Reply,
  Request,
  WriteReply,
  WriteRequest,
} from '../protocol/requests.ts';
import {
  type ChainVersion,
  type ClientId,
  type Key,
  origin,
  type Position,
  type RequestNumber,
  type WallMs,
} from '../protocol/words.ts';
import {
  assignment,
  closeKind,
  condition,
  openKind,
  positionRoom,
  putPosition,
  seen,
  takePosition,
} from './wire-parts.ts';
import { errorNumbers, outcomes, readLevels, writeOperations } from './wire-words.ts';

/** Bytes that everything but key, value, entry and conditions takes at most in a write. */
const fixedRoom = 88;
const noBytes: Uint8Array = Buffer.alloc(0);

/** Ask and Pass: id = 1, read = 2, write = 3. `number` is that of the kind. */
export function writeRequest(w: Writer, number: number, id: number, request: Request): void {
  if (request.op === 'get') {
    writeWithId(w, number, id, 0x12, readRoom(request), request, writeRead);
    return;
  }
  const bound = fixedRoom + request.key.length + request.value.length + request.conditions.length * 16;
  writeWithId(w, number, id, 0x1a, bound, request, writeWrite);
}

/** An id = 1 and a message of at most `bound` bytes under `tag`. */
function writeWithId<T>(
  w: Writer,
  number: number,
  id: number,
  tag: number,
  bound: number,
  value: T,
  write: (w: Writer, value: T) => void,
): void {
  const outerBound = bound + idRoom;
  const outer = openKind(w, number, outerBound);
  if (id !== 0) {
    w.uint(0x08);
    w.uint(id);
  }
  w.uint(tag);
  const inner = w.open(bound);
  write(w, value);
  w.close(inner, bound);
  closeKind(w, outer, outerBound);
}

/** The id with its tag, and tag and length of what follows. */
const idRoom = 14;

/** So close that the lengths of a read of a usual key take one byte. */
const readRoom = (r: ReadRequest): number => r.key.length + 36 + (r.token === null ? 0 : positionRoom);

function writeRead(w: Writer, r: ReadRequest): void {
  const b = w.bytes;
  let at = putTarget(b, w.at, r);
  if (r.level !== 'strong') {
    b[at] = 0x28;
    at = putUint(b, at + 1, readLevels.numberOf[r.level]);
  }
  if (r.boundMs !== 0) {
    b[at] = 0x30;
    at = putUint(b, at + 1, r.boundMs);
  }
  w.at = r.token === null ? at : putPosition(b, at, 0x3a, r.token);
}

/** What reads and writes begin with. */
function putTarget(b: Buffer, from: number, r: Request): number {
  let at = from;
  if (r.key.length > 0) {
    b[at] = 0x0a;
    at = putLatin1(b, at + 1, r.key);
  }
  if (r.version !== 0) {
    b[at] = 0x10;
    at = putUint(b, at + 1, r.version);
  }
  if (r.passOn) {
    b[at] = 0x18;
    b[at + 1] = 1;
    at += 2;
  }
  if (r.deadlineMs !== 0) {
    b[at] = 0x20;
    at = putUint(b, at + 1, r.deadlineMs);
  }
  return at;
}

function writeWrite(w: Writer, r: WriteRequest): void {
  let at = putTarget(w.bytes, w.at, r);
  at = putOperation(w.bytes, at, r);
  if (r.delta !== 0n || r.conditions.length > 0) {
    w.at = at;
    writeDeltaAndConditions(w, r);
    at = w.at;
  }
  w.at = putNumbers(w.bytes, at, r);
}

function putOperation(b: Uint8Array, at: number, r: WriteRequest): number {
  b[at] = 0x28;
  const end = putUint(b, at + 1, writeOperations.numberOf[r.op]);
  if (r.value.length === 0) return end;
  b[end] = 0x32;
  return putBytes(b, end + 1, r.value);
}

function writeDeltaAndConditions(w: Writer, r: WriteRequest): void {
  if (r.delta !== 0n) {
    w.uint(0x39);
    w.int64(r.delta);
  }
  for (const one of r.conditions) {
    w.uint(0x42);
    const start = w.openExact();
    condition.write(w, one);
    w.closeExact(start);
  }
}

/** What names a write. */
function putNumbers(b: Uint8Array, from: number, r: WriteRequest): number {
  let at = from;
  if (r.client !== 0) {
    b[at] = 0x49;
    at = putFixed64(b, at + 1, r.client);
  }
  if (r.number !== 0) {
    b[at] = 0x50;
    at = putUint(b, at + 1, r.number);
  }
  if (r.floor !== 0) {
    b[at] = 0x58;
    at = putUint(b, at + 1, r.floor);
  }
  if (r.slotTime !== 0) {
    b[at] = 0x61;
    at = putFixed64(b, at + 1, r.slotTime);
  }
  if (r.retry) {
    b[at] = 0x68;
    b[at + 1] = 1;
    at += 2;
  }
  return at;
}

/** Up to `r.end`. `kind` is for the message that says what is missing. */
export function readRequest<Kind extends 'ask' | 'pass'>(
  r: Reader,
  kind: Kind,
): { kind: Kind; id: number; request: Request } {
  let id = 0;
  let request: Request | null = null;
  while (r.at < r.end) {
    const tag = r.uint();
    if (tag === 0x08) id = r.uint();
    else if (tag === 0x12) request = inside(r, readRead);
    else if (tag === 0x1a) request = inside(r, readWrite);
    else r.skip(tag);
  }
  if (request === null) r.fail(`${kind} has no request`);
  return { kind, id, request };
}

function inside<T>(r: Reader, read: (r: Reader) => T): T {
  const outer = r.enter();
  const value = read(r);
  r.leave(outer);
  return value;
}

function readRead(r: Reader): ReadRequest {
  let key = '';
  let version = 0;
  let passOn = false;
  let deadlineMs = 0;
  let level: ReadRequest['level'] = 'strong';
  let boundMs = 0;
  let token: Position | null = null;
  while (r.at < r.end) {
    const tag = r.uint();
    switch (tag) {
      case 0x0a:
        key = r.latin1Field();
        break;
      case 0x10:
        version = r.uint();
        break;
      case 0x18:
        passOn = r.bool();
        break;
      case 0x20:
        deadlineMs = r.uint();
        break;
      case 0x28:
        level = readWord(r, readLevels);
        break;
      case 0x30:
        boundMs = r.uint();
        break;
      case 0x3a:
        token = takePosition(r);
        break;
      default:
        r.skip(tag);
    }
  }
  return {
    op: 'get',
    key: key as Key,
    version: version as ChainVersion,
    passOn,
    deadlineMs,
    level,
    boundMs,
    token,
  };
}

const noConditions: readonly Condition[] = Object.freeze([]);

function readWrite(r: Reader): WriteRequest {
  let key = '';
  let version = 0;
  let passOn = false;
  let deadlineMs = 0;
  let op: WriteRequest['op'] | null = null;
  let value = noBytes;
  let delta = 0n;
  let conditions: Condition[] | null = null;
  let client = 0;
  let number = 0;
  let floor = 0;
  let slotTime = 0;
  let retry = false;
  while (r.at < r.end) {
    const tag = r.uint();
    switch (tag) {
      case 0x0a:
        key = r.latin1Field();
        break;
      case 0x10:
        version = r.uint();
        break;
      case 0x18:
        passOn = r.bool();
        break;
      case 0x20:
        deadlineMs = r.uint();
        break;
      case 0x28:
        op = readWord(r, writeOperations);
        break;
      case 0x32:
        value = r.bytesField();
        break;
      case 0x39:
        delta = r.int64();
        break;
      case 0x42:
        conditions ??= [];
        conditions.push(inside(r, condition.read));
        break;
      case 0x49:
        client = r.fixed64();
        break;
      case 0x50:
        number = r.uint();
        break;
      case 0x58:
        floor = r.uint();
        break;
      case 0x61:
        slotTime = r.fixed64();
        break;
      case 0x68:
        retry = r.bool();
        break;
      default:
        r.skip(tag);
    }
  }
  if (op === null) r.fail('a write has no operation');
  return {
    op,
    key: key as Key,
    version: version as ChainVersion,
    passOn,
    deadlineMs,
    value,
    delta,
    conditions: conditions ?? noConditions,
    client: client as ClientId,
    number: number as RequestNumber,
    floor: floor as RequestNumber,
    slotTime,
    retry,
  };
}

/** Answer and Passed: id = 1, read = 2, written = 3, failed = 4. `number` is that of the kind. */
export function writeReply(w: Writer, number: number, id: number, reply: Reply): void {
  switch (reply.kind) {
    case 'read': {
      const bound = 40 + (reply.entry === null ? 0 : reply.entry.length);
      writeWithId(w, number, id, 0x12, bound, reply, writeReadReply);
      return;
    }
    case 'written':
      writeWithId(w, number, id, 0x1a, 80 + reply.value.length, reply, writeWritten);
      return;
    case 'failed':
      writeWithId(w, number, id, 0x22, failureRoom(reply), reply, failure.write);
      return;
    default:
      reply satisfies never;
  }
}

function failureRoom(f: Failure): number {
  let bound = 100 + 3 * f.message.length;
  const { route } = f;
  if (route === null) return bound;
  for (const { node, address } of route.joiner === null ? route.members : [...route.members, route.joiner])
    bound += 40 + 3 * (node.length + address.length);
  return bound;
}

function writeReadReply(w: Writer, reply: ReadReply): void {
  const b = w.bytes;
  let { at } = w;
  if (reply.entry !== null) {
    b[at] = 0x0a;
    at = putBytes(b, at + 1, reply.entry);
  }
  at = putPosition(b, at, 0x12, reply.at);
  w.at = putSlotTime(b, at, 0x19, reply.slotTime);
}

function writeWritten(w: Writer, reply: WriteReply): void {
  const b = w.bytes;
  let at = putPosition(b, w.at, 0x0a, reply.position);
  if (reply.objectVersion !== 0) {
    b[at] = 0x10;
    at = putUint(b, at + 1, reply.objectVersion);
  }
  if (reply.replaced !== null) at = putPosition(b, at, 0x1a, reply.replaced);
  if (reply.value.length > 0) {
    b[at] = 0x22;
    at = putBytes(b, at + 1, reply.value);
  }
  w.at = putSlotTime(b, at, 0x29, reply.slotTime);
}

function putSlotTime(b: Uint8Array, at: number, tag: number, time: WallMs): number {
  if (time === 0) return at;
  b[at] = tag;
  return putFixed64(b, at + 1, time);
}

const failure: Codec<Failure> = message<Failure>(
  'Failure',
  {
    code: word(1, errorNumbers),
    outcome: word(2, outcomes),
    message: text(3),
    seen: nestedOrNull(4, seen),
    route: nestedOrNull(5, assignment),
    slotTime: fixed64(6),
  },
  { kind: 'failed' },
);

/** Up to `r.end`. */
export function readReply<Kind extends 'answer' | 'passed'>(
  r: Reader,
  kind: Kind,
): { kind: Kind; id: number; reply: Reply } {
  let id = 0;
  let reply: Reply | null = null;
  while (r.at < r.end) {
    const tag = r.uint();
    if (tag === 0x08) id = r.uint();
    else if (tag === 0x12) reply = inside(r, readReadReply);
    else if (tag === 0x1a) reply = inside(r, readWritten);
    else if (tag === 0x22) reply = inside(r, failure.read);
    else r.skip(tag);
  }
  if (reply === null) r.fail(`${kind} has no reply`);
  return { kind, id, reply };
}

function readReadReply(r: Reader): ReadReply {
  let entry: Uint8Array | null = null;
  let at = origin;
  let slotTime = 0;
  while (r.at < r.end) {
    const tag = r.uint();
    if (tag === 0x0a) entry = r.bytesField();
    else if (tag === 0x12) at = takePosition(r);
    else if (tag === 0x19) slotTime = r.fixed64();
    else r.skip(tag);
  }
  return { kind: 'read', entry, at, slotTime };
}

function readWritten(r: Reader): WriteReply {
  let position = origin;
  let objectVersion = 0;
  let replaced: Position | null = null;
  let value = noBytes;
  let slotTime = 0;
  while (r.at < r.end) {
    const tag = r.uint();
    if (tag === 0x0a) position = takePosition(r);
    else if (tag === 0x10) objectVersion = r.uint();
    else if (tag === 0x1a) replaced = takePosition(r);
    else if (tag === 0x22) value = r.bytesField();
    else if (tag === 0x29) slotTime = r.fixed64();
    else r.skip(tag);
  }
  return { kind: 'written', position, objectVersion, replaced, value, slotTime };
}
