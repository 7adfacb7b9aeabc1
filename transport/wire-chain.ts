/** Messages along the chain. Append and Commit, which every write causes, have code of their own; tables do the rest. */
import {
  bool,
  bytesList,
  bytesOrNull,
  type Codec,
  fixed64,
  latin1,
  latin1List,
  latin1OrNull,
  message,
  nested,
  nestedList,
  nestedOrNull,
  text,
  uint,
  uint32,
  word,
} from '../proto/fields.ts';
import type { Reader } from '../proto/reader.ts';
import { putBytes, putUint, type Writer } from '../proto/writer.ts';
import type {
  Agree,
  Append,
  Barrier,
  BarrierAnswer,
  Broken,
  Clock,
  Commit,
  CompareAnswer,
  CompareRequest,
  CopyChunk,
  CopyRequest,
  Offer,
  Ready,
  RecordAnswer,
  RecordRequest,
  RecordSuspect,
  Run,
  SessionsChunk,
  SessionsRequest,
  SpaceOf,
  TailAnswer,
  TailQuery,
} from '../protocol/messages.ts';
import type { Forgotten } from '../protocol/persist.ts';
import { type ChainVersion, origin, type Slot } from '../protocol/words.ts';
import { closeKind, openKind, position, positionRoom, putPosition, takePosition } from './wire-parts.ts';
import { compareStates, recordStates, spaceLevels } from './wire-words.ts';

/** Slot, version and session with their tags. */
const headRoom = 27;
const noEntries: readonly Uint8Array[] = Object.freeze([]);

function putHead(b: Uint8Array, from: number, m: Append | Commit): number {
  let at = from;
  if (m.slot !== 0) {
    b[at] = 0x08;
    at = putUint(b, at + 1, m.slot);
  }
  b[at] = 0x10;
  at = putUint(b, at + 1, m.version);
  if (m.session !== 0) {
    b[at] = 0x18;
    at = putUint(b, at + 1, m.session);
  }
  return at;
}

export function writeAppend(w: Writer, number: number, m: Append): void {
  const { entries } = m;
  let bound = headRoom + 3 * positionRoom;
  for (const entry of entries) bound += entry.length + 5;
  const start = openKind(w, number, bound);
  const b = w.bytes;
  let at = putHead(b, start, m);
  for (const entry of entries) {
    b[at] = 0x22;
    at = putBytes(b, at + 1, entry);
  }
  at = putPosition(b, at, 0x2a, m.end);
  at = putPosition(b, at, 0x32, m.durable);
  w.at = putPosition(b, at, 0x3a, m.commit);
  closeKind(w, start, bound);
}

export function readAppend(r: Reader): Append {
  let slot = 0;
  let version = 0;
  let session = 0;
  let entries: Uint8Array[] | null = null;
  let end = origin;
  let durable = origin;
  let commit = origin;
  while (r.at < r.end) {
    const tag = r.uint();
    switch (tag) {
      case 0x08:
        slot = r.uint32();
        break;
      case 0x10:
        version = r.uint();
        break;
      case 0x18:
        session = r.uint();
        break;
      case 0x22:
        // One is usual: a list that begins empty makes room for many.
        if (entries === null) entries = [r.bytesField()];
        else entries.push(r.bytesField());
        break;
      case 0x2a:
        end = takePosition(r);
        break;
      case 0x32:
        durable = takePosition(r);
        break;
      case 0x3a:
        commit = takePosition(r);
        break;
      default:
        r.skip(tag);
    }
  }
  return {
    kind: 'append',
    slot: slot as Slot,
    version: version as ChainVersion,
    session,
    entries: entries ?? noEntries,
    end,
    durable,
    commit,
  };
}

export function writeCommit(w: Writer, number: number, m: Commit): void {
  const bound = headRoom + 2 * positionRoom + 4;
  const start = openKind(w, number, bound);
  const b = w.bytes;
  let at = putHead(b, start, m);
  at = putPosition(b, at, 0x22, m.commit);
  at = putPosition(b, at, 0x2a, m.durable);
  if (m.copied) {
    b[at] = 0x30;
    b[at + 1] = 1;
    at += 2;
  }
  if (m.headTold) {
    b[at] = 0x38;
    b[at + 1] = 1;
    at += 2;
  }
  w.at = at;
  closeKind(w, start, bound);
}

export function readCommit(r: Reader): Commit {
  let slot = 0;
  let version = 0;
  let session = 0;
  let commit = origin;
  let durable = origin;
  let copied = false;
  let headTold = false;
  while (r.at < r.end) {
    const tag = r.uint();
    switch (tag) {
      case 0x08:
        slot = r.uint32();
        break;
      case 0x10:
        version = r.uint();
        break;
      case 0x18:
        session = r.uint();
        break;
      case 0x22:
        commit = takePosition(r);
        break;
      case 0x2a:
        durable = takePosition(r);
        break;
      case 0x30:
        copied = r.bool();
        break;
      case 0x38:
        headTold = r.bool();
        break;
      default:
        r.skip(tag);
    }
  }
  return {
    kind: 'commit',
    slot: slot as Slot,
    version: version as ChainVersion,
    session,
    commit,
    durable,
    copied,
    headTold,
  };
}

const run = message<Run>('Run', { version: uint(1), first: uint(2) });

export const offer: Codec<Offer> = message<Offer>(
  'Offer',
  {
    slot: uint32(1),
    version: uint(2),
    session: uint(3),
    start: nested(4, position),
    runs: nestedList(5, run),
    end: nested(6, position),
    commit: nested(7, position),
    features: uint32(8),
  },
  { kind: 'offer' },
);

export const ready: Codec<Ready> = message<Ready>(
  'Ready',
  { slot: uint32(1), version: uint(2) },
  { kind: 'ready' },
);

export const agree: Codec<Agree> = message<Agree>(
  'Agree',
  {
    slot: uint32(1),
    version: uint(2),
    session: uint(3),
    common: nested(4, position),
    snapshot: bool(5),
    promised: nested(6, position),
    features: uint32(7),
  },
  { kind: 'agree' },
);

export const broken: Codec<Broken> = message<Broken>(
  'Broken',
  { slot: uint32(1), version: uint(2), session: uint(3), why: text(4) },
  { kind: 'broken' },
);

export const tailQuery: Codec<TailQuery> = message<TailQuery>(
  'TailQuery',
  { slot: uint32(1), version: uint(2), round: uint(3) },
  { kind: 'tailQuery' },
);

export const tailAnswer: Codec<TailAnswer> = message<TailAnswer>(
  'TailAnswer',
  { slot: uint32(1), version: uint(2), round: uint(3), commit: nestedOrNull(4, position) },
  { kind: 'tailAnswer' },
);

export const barrier: Codec<Barrier> = message<Barrier>(
  'Barrier',
  { slot: uint32(1), version: uint(2), round: uint(3) },
  { kind: 'barrier' },
);

export const barrierAnswer: Codec<BarrierAnswer> = message<BarrierAnswer>(
  'BarrierAnswer',
  { slot: uint32(1), version: uint(2), round: uint(3), holds: bool(4), commit: nestedOrNull(5, position) },
  { kind: 'barrierAnswer' },
);

export const copyRequest: Codec<CopyRequest> = message<CopyRequest>(
  'CopyRequest',
  { slot: uint32(1), version: uint(2), after: latin1OrNull(3) },
  { kind: 'copyRequest' },
);

export const copyChunk: Codec<CopyChunk> = message<CopyChunk>(
  'CopyChunk',
  {
    slot: uint32(1),
    version: uint(2),
    after: latin1OrNull(3),
    next: latin1OrNull(4),
    at: nested(5, position),
    values: bytesList(6),
    damaged: latin1List(30),
  },
  { kind: 'copyChunk' },
);

export const spaceOf: Codec<SpaceOf> = message<SpaceOf>(
  'SpaceOf',
  { level: word(1, spaceLevels) },
  { kind: 'space' },
);

export const recordRequest: Codec<RecordRequest> = message<RecordRequest>(
  'RecordRequest',
  { slot: uint32(1), version: uint(2), round: uint(3), key: latin1(4), atLeast: uint(5) },
  { kind: 'recordRequest' },
);

export const recordAnswer: Codec<RecordAnswer> = message<RecordAnswer>(
  'RecordAnswer',
  {
    slot: uint32(1),
    version: uint(2),
    round: uint(3),
    key: latin1(4),
    state: word(5, recordStates),
    entry: bytesOrNull(6),
    at: nested(7, position),
  },
  { kind: 'recordAnswer' },
);

export const compareRequest: Codec<CompareRequest> = message<CompareRequest>(
  'CompareRequest',
  {
    slot: uint32(1),
    version: uint(2),
    round: uint(3),
    after: latin1OrNull(4),
    next: latin1OrNull(5),
    atLeast: uint(6),
    records: bool(7),
  },
  { kind: 'compareRequest' },
);

export const compareAnswer: Codec<CompareAnswer> = message<CompareAnswer>(
  'CompareAnswer',
  {
    slot: uint32(1),
    version: uint(2),
    round: uint(3),
    state: word(4, compareStates),
    next: latin1OrNull(5),
    at: nested(6, position),
    digest: uint32(7),
    summaries: bytesList(8),
    damaged: latin1List(9),
  },
  { kind: 'compareAnswer' },
);

export const recordSuspect: Codec<RecordSuspect> = message<RecordSuspect>(
  'RecordSuspect',
  { slot: uint32(1), version: uint(2), key: latin1(3) },
  { kind: 'recordSuspect' },
);

export const sessionsRequest: Codec<SessionsRequest> = message<SessionsRequest>(
  'SessionsRequest',
  { slot: uint32(1), version: uint(2), after: uint(3) },
  { kind: 'sessionsRequest' },
);

const forgotten = message<Forgotten>('Forgotten', { last: uint(1), stamp: fixed64(2) });

export const sessionsChunk: Codec<SessionsChunk> = message<SessionsChunk>(
  'SessionsChunk',
  {
    slot: uint32(1),
    version: uint(2),
    after: uint(3),
    next: uint(4),
    at: nested(5, position),
    forgotten: nested(6, forgotten),
    sessions: bytesList(7),
  },
  { kind: 'sessionsChunk' },
);

export const clock: Codec<Clock> = message<Clock>('Clock', { wall: fixed64(1) }, { kind: 'clock' });
