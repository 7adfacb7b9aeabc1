import { join } from 'node:path';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { Writer } from '../proto/writer.ts';
import { ChainError, type ErrorCode, errorCodes } from '../protocol/errors.ts';
import type { Message, Place, ReplicaReport } from '../protocol/messages.ts';
import type {
  Failure,
  ReadReply,
  ReadRequest,
  Reply,
  Request,
  WriteReply,
  WriteRequest,
} from '../protocol/requests.ts';
import type { Assignment, Incarnation, Key, Member, Position } from '../protocol/words.ts';
import { decodeFrame, encodeFrame, encodeMessage, frameMessagesMax } from './wire.ts';
import * as wireWords from './wire-words.ts';

/** Like `T`, with plain numbers and strings where `T` has branded ones. */
type Plain<T> = T extends Uint8Array | bigint | boolean | null
  ? T
  : T extends number
    ? number
    : T extends string
      ? string
      : { [K in keyof T]: Plain<T[K]> };
const branded = <T>(plain: fc.Arbitrary<Plain<T>>): fc.Arbitrary<T> => plain as unknown as fc.Arbitrary<T>;
const oneOf = <T extends string>(words: { numberOf: Readonly<Record<T, number>> }): fc.Arbitrary<T> =>
  fc.constantFrom(...(Object.keys(words.numberOf) as T[]));

const counter = fc.oneof(fc.nat(300), fc.maxSafeNat());
const slot = fc.nat(4095);
const text = fc.string({ unit: 'grapheme', maxLength: 60 });
const key = fc
  .oneof(fc.uint8Array({ maxLength: 30 }), fc.uint8Array({ maxLength: 200 }))
  .map((bytes) => Buffer.from(bytes).toString('latin1') as Key);
const bytes: fc.Arbitrary<Uint8Array> = fc
  .oneof(
    { weight: 4, arbitrary: fc.uint8Array({ maxLength: 300 }) },
    { weight: 1, arbitrary: fc.constant(new Uint8Array(20_000)) },
  )
  .map((value) => Buffer.from(value));
const orNull = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(of, { nil: null });
const list = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(of, { maxLength: 5 });

const position = branded<Position>(fc.record({ version: counter, seq: counter }));
const member = branded<Member>(fc.record({ node: text, incarnation: counter, address: text }));
const assignment = branded<Assignment>(
  fc.record({ slot, version: counter, members: list(member), joiner: orNull(member), drop: fc.boolean() }),
);
const addressed = { key, version: counter, passOn: fc.boolean(), deadlineMs: counter };
const read = branded<ReadRequest>(
  fc.record({
    op: fc.constant('get'),
    ...addressed,
    level: oneOf(wireWords.readLevels),
    boundMs: counter,
    token: orNull(position),
  }),
);
const condition = fc.record({
  field: oneOf(wireWords.conditionFields),
  operator: oneOf(wireWords.conditionOperators),
  value: fc.maxSafeInteger(),
});
const write = branded<WriteRequest>(
  fc.record({
    op: oneOf(wireWords.writeOperations),
    ...addressed,
    value: bytes,
    delta: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
    conditions: list(condition),
    client: counter,
    number: counter,
    floor: counter,
    slotTime: counter,
    retry: fc.boolean(),
  }),
);
const request: fc.Arbitrary<Request> = fc.oneof(read, write);
const readReply = branded<ReadReply>(
  fc.record({ kind: fc.constant('read'), entry: orNull(bytes), at: position, slotTime: counter }),
);
const writeReply = branded<WriteReply>(
  fc.record({
    kind: fc.constant('written'),
    position,
    objectVersion: counter,
    replaced: orNull(position),
    value: bytes,
    slotTime: counter,
  }),
);
const failure = branded<Failure>(
  fc.record({
    kind: fc.constant('failed'),
    code: oneOf(wireWords.errorNumbers),
    outcome: oneOf(wireWords.outcomes),
    message: text,
    seen: orNull(fc.record({ position: orNull(position), objectVersion: counter, at: position })),
    route: orNull(assignment),
    slotTime: counter,
  }),
);
const reply: fc.Arbitrary<Reply> = fc.oneof(readReply, writeReply, failure);
const place = branded<Place>(
  fc.record({
    address: text,
    grpc: text,
    admin: text,
    zone: text,
    host: text,
    weight: fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0),
  }),
);
const report = branded<ReplicaReport>(
  fc.record({
    slot,
    version: counter,
    state: oneOf(wireWords.replicaStates),
    insync: counter,
    end: position,
    commit: position,
    why: text,
    refused: counter,
  }),
);
const ofSlot = { slot, version: counter };
const ofSession = { ...ofSlot, session: counter };

/** One for each kind; TypeScript demands a new kind here, and each of its fields. */
const kinds: { [K in Message['kind']]: fc.Arbitrary<Omit<Plain<Extract<Message, { kind: K }>>, 'kind'>> } = {
  ask: fc.record({ id: counter, request }) as never,
  answer: fc.record({ id: counter, reply }) as never,
  pass: fc.record({ id: counter, request }) as never,
  passed: fc.record({ id: counter, reply }) as never,
  append: fc.record({
    ...ofSession,
    entries: list(bytes),
    end: position,
    durable: position,
    commit: position,
  }),
  commit: fc.record({
    ...ofSession,
    commit: position,
    durable: position,
    copied: fc.boolean(),
    headTold: fc.boolean(),
  }),
  clock: fc.record({ wall: counter }),
  space: fc.record({ level: fc.constantFrom('ok', 'low', 'full') }),
  tailQuery: fc.record({ ...ofSlot, round: counter }),
  tailAnswer: fc.record({ ...ofSlot, round: counter, commit: orNull(position) }),
  barrier: fc.record({ ...ofSlot, round: counter }),
  barrierAnswer: fc.record({ ...ofSlot, round: counter, holds: fc.boolean(), commit: orNull(position) }),
  heartbeat: fc.record({
    clusterId: text,
    incarnation: counter,
    beat: counter,
    epoch: counter,
    revision: counter,
    reports: list(report),
    report: counter,
    unreachable: list(fc.record({ node: text, forMs: counter })),
    leaving: fc.boolean(),
    space: fc.constantFrom('ok', 'low', 'full'),
    failed: text,
    wall: counter,
    reign: counter,
  }),
  grant: fc.record({
    epoch: counter,
    incarnation: counter,
    beat: counter,
    leaseMs: counter,
    denied: list(slot),
    report: counter,
    admitted: fc.boolean(),
    left: fc.boolean(),
  }),
  hello: fc.record({
    protocol: counter,
    clusterId: text,
    name: text,
    role: oneOf(wireWords.roles),
    incarnation: counter,
  }),
  ready: fc.record(ofSlot),
  offer: fc.record({
    ...ofSession,
    start: position,
    runs: list(fc.record({ version: counter, first: counter })),
    end: position,
    commit: position,
    features: fc.nat(),
  }),
  agree: fc.record({
    ...ofSession,
    common: position,
    snapshot: fc.boolean(),
    promised: position,
    features: fc.nat(),
  }),
  broken: fc.record({ ...ofSession, why: text }),
  copyRequest: fc.record({ ...ofSlot, after: orNull(key) }),
  copyChunk: fc.record({
    ...ofSlot,
    after: orNull(key),
    next: orNull(key),
    at: position,
    values: list(bytes),
    damaged: list(key),
  }),
  sessionsRequest: fc.record({ ...ofSlot, after: counter }),
  sessionsChunk: fc.record({
    ...ofSlot,
    after: counter,
    next: counter,
    at: position,
    forgotten: fc.record({ last: counter, stamp: counter }),
    sessions: list(bytes),
  }),
  recordRequest: fc.record({ ...ofSlot, round: counter, key, atLeast: counter }),
  recordAnswer: fc.record({
    ...ofSlot,
    round: counter,
    key,
    state: oneOf(wireWords.recordStates),
    entry: orNull(bytes),
    at: position,
  }),
  compareRequest: fc.record({
    ...ofSlot,
    round: counter,
    after: orNull(key),
    next: orNull(key),
    atLeast: counter,
    records: fc.boolean(),
  }),
  compareAnswer: fc.record({
    ...ofSlot,
    round: counter,
    state: oneOf(wireWords.compareStates),
    next: orNull(key),
    at: position,
    digest: fc.nat(),
    summaries: list(bytes),
    damaged: list(key),
  }),
  recordSuspect: fc.record({ ...ofSlot, key }),
  register: fc.record({
    clusterId: text,
    node: text,
    store: text,
    place,
    epoch: counter,
    previous: counter,
    lockProof: fc.boolean(),
    reports: list(report),
    process: counter,
    reign: counter,
    revision: counter,
  }),
  holdings: fc.record({ node: text, store: text, more: slot, assignments: list(assignment) }),
  goodbye: fc.record({ incarnation: counter }),
  askRoutes: fc.record({}),
  list: fc.record({ id: counter, slot, after: orNull(key), maxBytes: slot }),
  listed: fc.record({
    id: counter,
    values: list(bytes),
    damaged: list(key),
    next: orNull(key),
    at: position,
  }),
  registered: fc.record({
    clusterId: text,
    epoch: counter,
    reign: counter,
    incarnation: counter,
    slots: slot,
  }),
  set: fc.record({
    clusterId: text,
    epoch: counter,
    revision: counter,
    incarnation: counter,
    assignments: list(assignment),
    routes: list(assignment),
    reign: counter,
    page: slot,
    more: slot,
  }),
  refused: fc.record({ why: text, code: oneOf(wireWords.refusedCodes), leader: text }),
  routes: fc.record({
    routes: fc.record({
      clusterId: text,
      epoch: counter,
      revision: counter,
      slots: slot,
      chains: list(assignment),
      times: list(fc.record({ slot, time: counter })),
    }),
  }),
};
const names = Object.keys(kinds) as Message['kind'][];
const ofKind = (kind: Message['kind']): fc.Arbitrary<Message> =>
  (kinds[kind] as fc.Arbitrary<object>).map((rest) => ({ kind, ...rest }) as unknown as Message);
const anyMessage = fc.oneof(...names.map(ofKind));
const incarnation = counter as fc.Arbitrary<Incarnation>;

function encode(messages: readonly Message[], by: Incarnation = 7 as Incarnation): Buffer {
  const w = new Writer(16);
  encodeFrame(messages, by, w);
  return Buffer.from(w.bytes.subarray(0, w.at));
}

/** Byte fields as Buffers, so that equality looks at bytes alone. */
const root = protobuf.loadSync(join(import.meta.dirname, '../proto/chaincluster.proto'));
const frameType = root.lookupType('chaincluster.v1.Frame');
const asObject = { longs: String, enums: String, defaults: true, oneofs: true } as const;

/** Names that differ: the schema says the unit. */
const renamed: Record<string, string> = {
  slotTimeMs: 'slotTime',
  timeMs: 'time',
  wallMs: 'wall',
  operation: 'op',
};

/** A value of the protocol as protobufjs wants it, by reflection on the schema. */
function toSchema(type: protobuf.Type, value: Record<string, unknown>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const field of type.fieldsArray) {
    const one = value[renamed[field.name] ?? field.name];
    expect(one, `${type.name}.${field.name}`).not.toBe(undefined);
    if (one !== null)
      out[field.name] = field.repeated
        ? (one as unknown[]).map((x) => toField(field, x))
        : toField(field, one);
  }
  return out;
}

function toField(field: protobuf.Field, value: unknown): unknown {
  field.resolve();
  if (field.resolvedType instanceof protobuf.Enum)
    return `${upperSnake(field.resolvedType.name)}_${String(value).toUpperCase()}`;
  if (field.resolvedType instanceof protobuf.Type)
    return toSchema(field.resolvedType, value as Record<string, unknown>);
  if (field.type === 'bytes') return typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
  return typeof value === 'bigint' || (typeof value === 'number' && field.type.endsWith('64'))
    ? String(value)
    : value;
}

const upperSnake = (name: string): string => name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();

function toSchemaMessage(m: Message): Record<string, unknown> {
  const type = (name: string) => root.lookupType(`chaincluster.v1.${name}`);
  if (m.kind === 'ask' || m.kind === 'pass') {
    const inner =
      m.request.op === 'get'
        ? { read: toSchema(type('Read'), { ...m.request }) }
        : { write: toSchema(type('Write'), { ...m.request }) };
    return { [m.kind]: { id: String(m.id), ...inner } };
  }
  if (m.kind === 'answer' || m.kind === 'passed') {
    const inner = { read: 'ReadReply', written: 'WriteReply', failed: 'Failure' }[m.reply.kind];
    return { [m.kind]: { id: String(m.id), [m.reply.kind]: toSchema(type(inner), { ...m.reply }) } };
  }
  const field = type('Message').fields[m.kind] as protobuf.Field;
  return { [m.kind]: toField(field, m) };
}

function toSchemaFrame(messages: readonly Message[], by: Incarnation): protobuf.Message {
  return frameType.fromObject({ incarnation: String(by), messages: messages.map(toSchemaMessage) });
}

describe('a frame', () => {
  test.each(names)('with %s messages comes back as it was', (kind) => {
    fc.assert(
      fc.property(fc.array(ofKind(kind), { maxLength: 4 }), incarnation, (messages, by) => {
        expect(decodeFrame(encode(messages, by))).toEqual({ incarnation: by, messages });
      }),
    );
  });

  test.each(names)('with %s messages is what the schema says, in both directions', (kind) => {
    fc.assert(
      fc.property(fc.array(ofKind(kind), { maxLength: 3 }), incarnation, (messages, by) => {
        const theirs = toSchemaFrame(messages, by);
        expect(frameType.toObject(frameType.decode(encode(messages, by)), asObject)).toEqual(
          frameType.toObject(theirs, asObject),
        );
        expect(decodeFrame(frameType.encode(theirs).finish())).toEqual({ incarnation: by, messages });
      }),
      { numRuns: 60 },
    );
  });

  test('mixes kinds and keeps their order', () => {
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 30 }), incarnation, (messages, by) => {
        expect(decodeFrame(encode(messages, by))).toEqual({ incarnation: by, messages });
      }),
    );
  });

  test('holds the largest key and value, and more', () => {
    const value = Buffer.alloc(3_000_000, 7);
    const message = fc.sample(write, 1).map(
      (w): Message => ({
        kind: 'ask',
        id: 1,
        request: { ...w, key: 'k'.repeat(20_000) as Key, value },
      }),
    );
    expect(decodeFrame(encode(message)).messages).toEqual(message);
  });

  test('keeps what it cannot say out of the frame', () => {
    const w = new Writer(16);
    encodeFrame([], 7 as Incarnation, w);
    const before = w.at;
    for (const wall of [-1, 0.5, 2 ** 53, Number.NaN])
      expect(() =>
        encodeMessage({ kind: 'tailQuery', slot: 1, version: 1, round: wall } as unknown as Message, w),
      ).toThrow(RangeError);
    expect(w.at).toBe(before);
  });

  test('skips fields that it does not know', () => {
    const later = new protobuf.Type('Clock')
      .add(new protobuf.Field('wallMs', 1, 'fixed64'))
      .add(new protobuf.Field('a', 100, 'string'))
      .add(new protobuf.Field('b', 101, 'uint64'))
      .add(new protobuf.Field('c', 102, 'double'))
      .add(new protobuf.Field('d', 103, 'float'));
    const clock = later
      .encode(later.create({ wallMs: 5, a: 'text', b: '18446744073709551615', c: 1.5, d: 1 }))
      .finish();
    const message = Buffer.concat([Buffer.from([7 * 8 + 2, clock.length]), clock]);
    const frame = Buffer.concat([Buffer.from([0x12, message.length]), message]);
    expect(decodeFrame(frame).messages).toEqual([{ kind: 'clock', wall: 5 }]);
  });
});

describe('what is no frame', () => {
  const malformed = (hex: string) => {
    try {
      decodeFrame(Buffer.from(hex, 'hex'));
    } catch (error) {
      if (error instanceof ChainError && error.code === 'MALFORMED_FRAME') return error.message;
      throw error;
    }
    return 'taken';
  };

  test.each([
    ['12', /number is cut off, at byte 1 of a frame of 1 bytes/],
    ['1205', /5 bytes are announced and 0 are left, at byte 2/],
    ['1200', /a message has no kind/],
    ['1203fa0200', /there is no kind of message with number 47/],
    ['12020a00', /ask has no request/],
    ['12021200', /answer has no reply/],
    ['12040a021a00', /a write has no operation/],
    ['12060a0412022807', /7 is none of strong, bounded, session, eventual/],
    ['12020901', /a message has no kind with tag 9/],
    ['0b', /wire type 3/],
    ['00', /number 0/],
    ['09ffffffffffffffff', /2\^53 or more/],
    ['120c420a18ffffffffffffffff7f', /2\^53 or more/],
    ['120d420b18ffffffffffffffffff7f', /2\^53 or more|longer than ten/],
    ['120472022800', /Hello has no role/],
    ['120572031a01ff', /text is not UTF-8/],
  ])('%s is refused with a reason', (hex, reason) => {
    expect(malformed(hex)).toMatch(reason);
  });

  test('a frame of too many messages is refused', () => {
    const ready = Buffer.from('12027a00', 'hex');
    const frame = (count: number) => Buffer.concat(Array.from({ length: count }, () => ready));
    expect(decodeFrame(frame(frameMessagesMax)).messages.length).toBe(frameMessagesMax);
    expect(() => decodeFrame(frame(frameMessagesMax + 1))).toThrow(/more than 65536 messages/);
  });

  /** Refused with the right code, or understood so well that it can be said again. */
  const survives = (frame: Uint8Array): boolean => {
    let decoded: ReturnType<typeof decodeFrame>;
    try {
      decoded = decodeFrame(frame);
    } catch (error) {
      if (error instanceof ChainError && error.code === 'MALFORMED_FRAME') return false;
      throw error;
    }
    expect(decodeFrame(encode(decoded.messages, decoded.incarnation))).toEqual(decoded);
    return true;
  };

  test('random bytes never do more than that', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (frame) => void survives(frame)),
      { numRuns: 20_000 },
    );
  });

  test('a damaged frame never does more than that', () => {
    let refused = 0;
    let taken = 0;
    const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(
        fc.array(anyMessage, { minLength: 1, maxLength: 4 }),
        damage,
        fc.boolean(),
        (messages, spots, cut) => {
          const frame = encode(messages);
          for (const [at, byte] of spots) frame[at % frame.length] = byte;
          if (survives(cut ? frame.subarray(0, (spots[0]?.[0] ?? 0) % frame.length) : frame)) taken++;
          else refused++;
        },
      ),
      { numRuns: 6_000 },
    );
    expect(refused).toBeGreaterThan(100);
    expect(taken).toBeGreaterThan(100);
  });
});

describe('words', () => {
  const lists: Record<string, { numberOf: Readonly<Record<string, number>> }> = {
    ReadLevel: wireWords.readLevels,
    WriteOperation: wireWords.writeOperations,
    ConditionField: wireWords.conditionFields,
    ConditionOperator: wireWords.conditionOperators,
    Outcome: wireWords.outcomes,
    Role: wireWords.roles,
    ReplicaState: wireWords.replicaStates,
    RefusedCode: wireWords.refusedCodes,
    ErrorCode: wireWords.errorNumbers,
  };

  test.each(Object.keys(lists))('of %s have the numbers of the schema', (name) => {
    const prefix = `${upperSnake(name)}_`;
    const ours = Object.entries(lists[name]?.numberOf ?? {}).map(([word, number]) => [
      `${prefix}${word.toUpperCase()}`,
      number,
    ]);
    const theirs = Object.entries(root.lookupEnum(`chaincluster.v1.${name}`).values);
    const nothing = name === 'ReadLevel' ? [] : [[`${prefix}UNKNOWN`, 0]];
    expect(Object.fromEntries([...nothing, ...ours])).toEqual(Object.fromEntries(theirs));
  });

  test('every error code has a number', () => {
    expect(
      (Object.keys(errorCodes) as ErrorCode[]).filter(
        (code) => wireWords.errorNumbers.numberOf[code] === undefined,
      ),
    ).toEqual([]);
  });
});
