/**
 * One logged operation. The head encodes it once; those bytes are forwarded, logged, stored as the value's record and
 * sent to readers, so the checksum that the head made is verified at every hop and by the client.
 *
 * Layout (little-endian), see docs/format.md:
 *   0 u32 length of the whole entry        4 u32 CRC-32 of bytes 8..length
 *   8 u8  format (1)                       9 u8  kind
 *  10 u16 key length                      12 u16 slot
 *  14 u16 request number - session floor  16 u32 chain version at creation
 *  20 u32 chain version of the entry before (its sequence is this one's minus 1)
 *  24 u48 sequence                        30 u48 head's time stamp (ms since 1970)
 *  36 u64 client id                       44 u48 request number
 *  50 u32 object version                  54 u48 created (ms since 1970)
 *  60 u32 + u48 position of the value that it replaced (0:0 = absent)
 *  70 u16 refusal code                    72 key, then value
 */
import { crc32 } from 'node:zlib';
import { type ErrorCode, invariant } from './errors.ts';
import type { ChainVersion, ClientId, Key, Position, RequestNumber, Seq, Slot, WallMs } from './words.ts';

export const entryHeaderBytes = 72;
const format = 1;

/** `counter` is a put whose value an atomic add made; `refused` changes nothing but the dedupe table (R17). */
export type EntryKind = 'put' | 'delete' | 'counter' | 'refused';
const kinds: readonly (EntryKind | undefined)[] = [undefined, 'put', 'delete', 'counter', 'refused'];
const kindCodes: Record<EntryKind, number> = { put: 1, delete: 2, counter: 3, refused: 4 };

/** Refusals that may be logged; the index is the code on disk: append only. */
export const loggedRefusals = [
  'CONDITION_FAILED',
  'NOT_A_COUNTER',
  'COUNTER_OVERFLOW',
] as const satisfies readonly ErrorCode[];
export type Refusal = (typeof loggedRefusals)[number];

export interface EntryFields {
  readonly kind: EntryKind;
  readonly slot: Slot;
  readonly version: ChainVersion;
  /** Chain version of the entry at `seq - 1`, 0 when there is none. */
  readonly versionBefore: ChainVersion;
  readonly seq: Seq;
  /** ms since 1970 by the head's clock, never going back within a slot. */
  readonly stamp: WallMs;
  readonly client: ClientId;
  readonly number: RequestNumber;
  /** Every number of this client below it is answered: their results may be forgotten. */
  readonly floor: RequestNumber;
  /** Writes of this object's life, from 1. For a refusal or delete: of the object that it saw; 0 = absent. */
  readonly objectVersion: number;
  readonly created: WallMs;
  /** Position of the value that this write replaced or this refusal saw; `origin` when absent. */
  readonly replaced: Position;
  readonly refusal: Refusal | null;
  readonly key: Key;
  readonly value: Uint8Array;
}

export interface Entry extends EntryFields {
  /** The encoded entry, checksum included. */
  readonly bytes: Uint8Array;
}

const noBytes = new Uint8Array(0);

/** Encodes and checksums; the one place where an entry is made. */
export function makeEntry(f: EntryFields): Entry {
  const length = entryHeaderBytes + f.key.length + f.value.length;
  // From Node's pool, for a block of memory of its own costs more than all that follows; every byte is written below.
  const b = Buffer.allocUnsafe(length);
  put32(b, 0, length);
  b[8] = format;
  b[9] = kindCodes[f.kind];
  put16(b, 10, f.key.length);
  put16(b, 12, f.slot);
  put16(b, 14, f.number - f.floor);
  put32(b, 16, f.version);
  put32(b, 20, f.versionBefore);
  put48(b, 24, f.seq);
  put48(b, 30, f.stamp);
  put32(b, 36, f.client);
  put32(b, 40, Math.floor(f.client / 4294967296));
  put48(b, 44, f.number);
  put32(b, 50, f.objectVersion);
  put48(b, 54, f.created);
  put32(b, 60, f.replaced.version);
  put48(b, 64, f.replaced.seq);
  put16(b, 70, f.refusal === null ? 0 : loggedRefusals.indexOf(f.refusal) + 1);
  for (let i = 0; i < f.key.length; i++) b[entryHeaderBytes + i] = f.key.charCodeAt(i);
  b.set(f.value, entryHeaderBytes + f.key.length);
  put32(b, 4, crc32(b.subarray(8)));
  // Field by field, in the order of `decode`: entries have one shape, wherever they come from.
  return {
    kind: f.kind,
    slot: f.slot,
    version: f.version,
    versionBefore: f.versionBefore,
    seq: f.seq,
    stamp: f.stamp,
    client: f.client,
    number: f.number,
    floor: f.floor,
    objectVersion: f.objectVersion,
    created: f.created,
    replaced: f.replaced,
    refusal: f.refusal,
    key: f.key,
    value: f.value,
    bytes: b,
  };
}

export type EntryFault = 'short' | 'length' | 'checksum' | 'format' | 'kind';

/** What is wrong with `b` as one whole entry, or null. */
export function entryFault(b: Uint8Array): EntryFault | null {
  if (b.length < entryHeaderBytes) return 'short';
  if (get32(b, 0) !== b.length || entryHeaderBytes + get16(b, 10) > b.length) return 'length';
  if (crc32(b.subarray(8)) !== get32(b, 4)) return 'checksum';
  if (b[8] !== format) return 'format';
  if (kinds[b[9] as number] === undefined) return 'kind';
  return null;
}

/** Decodes bytes that came over a link or from disk. Null when they are not one whole entry with a right checksum. */
export function readEntry(b: Uint8Array): Entry | null {
  return entryFault(b) === null ? decode(b) : null;
}

/** Whole and with a right checksum, but of a format or kind that this release does not know. */
export function isNewer(b: Uint8Array): boolean {
  const fault = entryFault(b);
  return fault === 'format' || fault === 'kind';
}

function decode(b: Uint8Array): Entry {
  const keyEnd = entryHeaderBytes + get16(b, 10);
  const number = get48(b, 44);
  const refusal = get16(b, 70);
  const kind = kinds[b[9] as number];
  invariant(kind !== undefined, 'entry kind was checked');
  return {
    kind,
    slot: get16(b, 12) as Slot,
    version: get32(b, 16) as ChainVersion,
    versionBefore: get32(b, 20) as ChainVersion,
    seq: get48(b, 24) as Seq,
    stamp: get48(b, 30),
    client: (get32(b, 36) + get32(b, 40) * 4294967296) as ClientId,
    number: number as RequestNumber,
    floor: (number - get16(b, 14)) as RequestNumber,
    objectVersion: get32(b, 50),
    created: get48(b, 54),
    replaced: { version: get32(b, 60) as ChainVersion, seq: get48(b, 64) as Seq },
    refusal: refusal === 0 ? null : (loggedRefusals[refusal - 1] ?? 'CONDITION_FAILED'),
    key: latin1(b, entryHeaderBytes, keyEnd) as Key,
    value: keyEnd === b.length ? noBytes : b.subarray(keyEnd),
    bytes: b,
  };
}

/** Where an encoded entry stands, without a look at its checksum. */
export const positionIn = (b: Uint8Array): Position => ({
  version: get32(b, 16) as ChainVersion,
  seq: get48(b, 24) as Seq,
});

/** Whether the entry makes its key present. */
export const storesValue = (e: Entry): boolean => e.kind === 'put' || e.kind === 'counter';

/** Whether the entry changes its key at all. */
export const changesKey = (e: Entry): boolean => e.kind !== 'refused';

function latin1(b: Uint8Array, from: number, to: number): string {
  if (b instanceof Buffer) return b.toString('latin1', from, to);
  let s = '';
  for (let i = from; i < to; i++) s += String.fromCharCode(b[i] as number);
  return s;
}

const get16 = (b: Uint8Array, o: number): number => (b[o] as number) | ((b[o + 1] as number) << 8);
const get32 = (b: Uint8Array, o: number): number =>
  ((b[o] as number) |
    ((b[o + 1] as number) << 8) |
    ((b[o + 2] as number) << 16) |
    ((b[o + 3] as number) << 24)) >>>
  0;
const get48 = (b: Uint8Array, o: number): number => get32(b, o) + get16(b, o + 4) * 4294967296;

function put16(b: Uint8Array, o: number, n: number): void {
  b[o] = n;
  b[o + 1] = n >>> 8;
}
/** The low 32 bits of `n`. */
function put32(b: Uint8Array, o: number, n: number): void {
  b[o] = n;
  b[o + 1] = n >>> 8;
  b[o + 2] = n >>> 16;
  b[o + 3] = n >>> 24;
}
function put48(b: Uint8Array, o: number, n: number): void {
  put32(b, o, n);
  put16(b, o + 4, Math.floor(n / 4294967296));
}
