/**
 * The log record of a batch: what it appends to, drops from and says about the logs of all its slots, in order, with
 * the entries as their head encoded them. One record a batch, numbered without gaps: a lost batch shows as a gap.
 *
 * Layout (little-endian), see docs/format.md:
 *   0 u32 length of the whole record    4 u32 CRC-32 of bytes 8..length
 *   8 u8  format (1)                    9 u8  flags: 1 = written with a sync
 *  10 u16 zero                         12 u32 number of items
 *  16 u64 record number                24 u64 time of writing (ms since 1970)
 *  32 items: u8 kind, u8 zero, u16 slot, u32 length of the body, body
 */
import { crc32 } from 'node:zlib';
import { type Entry, entryHeaderBytes, readEntry } from '../../protocol/entry.ts';
import type { Marks, PersistItem } from '../../protocol/persist.ts';
import type { Position, Seq, Slot, WallMs } from '../../protocol/words.ts';
import { marksBytes, readMarks, readPosition, writeMarks, writePosition } from './meta.ts';

const recordFormat = 1;
const recordHeaderBytes = 32;
const itemHeaderBytes = 8;
const itemCodes = { append: 1, drop: 2, marks: 3, erase: 4 } as const;
const syncedFlag = 1;

export interface RecordHead {
  readonly number: number;
  readonly stampMs: WallMs;
  /** Written with a sync: on disk before it was acknowledged. */
  readonly synced: boolean;
}

export type LoggedItem =
  | { readonly kind: 'append'; readonly slot: Slot; readonly entries: readonly Entry[] }
  | { readonly kind: 'drop'; readonly slot: Slot; readonly to: Seq }
  | { readonly kind: 'marks'; readonly slot: Slot; readonly marks: Marks }
  | { readonly kind: 'erase'; readonly slot: Slot; readonly start: Position };

export interface LogRecord extends RecordHead {
  readonly items: readonly LoggedItem[];
}

export type RecordFault = 'short' | 'length' | 'checksum' | 'format' | 'number' | 'item' | 'entry';

type Logged = Extract<PersistItem, { kind: keyof typeof itemCodes }>;

/** Memory beyond it is not kept from record to record. */
const roomMaxBytes = 1_048_576;

/** Encodes records in the same memory: each is good until the next one is encoded. */
export class RecordEncoder {
  #room = Buffer.allocUnsafeSlow(65_536);

  /** Encodes what a batch says about logs; its other items live elsewhere. */
  encode(head: RecordHead, items: readonly PersistItem[]): Buffer {
    let count = 0;
    let length = recordHeaderBytes;
    for (const item of items) {
      if (!isLogged(item)) continue;
      count++;
      length += itemHeaderBytes + bodyBytes(item);
    }
    const b = this.#roomFor(length);
    b.writeUInt32LE(length, 0);
    b[8] = recordFormat;
    b[9] = head.synced ? syncedFlag : 0;
    b.writeUInt16LE(0, 10);
    b.writeUInt32LE(count, 12);
    b.writeBigUInt64LE(BigInt(head.number), 16);
    b.writeBigUInt64LE(BigInt(head.stampMs), 24);
    let at = recordHeaderBytes;
    for (const item of items) if (isLogged(item)) at = writeItem(b, at, item);
    b.writeUInt32LE(crc32(b.subarray(8)), 4);
    return b;
  }

  #roomFor(length: number): Buffer {
    if (length > roomMaxBytes) return Buffer.allocUnsafeSlow(length);
    if (length > this.#room.length) this.#room = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(length)));
    return this.#room.subarray(0, length);
  }
}

const isLogged = (item: PersistItem): item is Logged =>
  item.kind === 'append' || item.kind === 'marks' || item.kind === 'drop' || item.kind === 'erase';

function bodyBytes(item: Logged): number {
  switch (item.kind) {
    case 'append': {
      let sum = 0;
      for (const e of item.entries) sum += e.bytes.length;
      return sum;
    }
    case 'drop':
      return 6;
    case 'marks':
      return marksBytes;
    case 'erase':
      return 10;
  }
}

/** Returns where the next item begins. */
function writeItem(b: Buffer, at: number, item: Logged): number {
  b[at] = itemCodes[item.kind];
  b[at + 1] = 0;
  b.writeUInt16LE(item.slot, at + 2);
  const body = at + itemHeaderBytes;
  let end = body;
  switch (item.kind) {
    case 'append':
      for (const e of item.entries) {
        b.set(e.bytes, end);
        end += e.bytes.length;
      }
      break;
    case 'drop':
      end = b.writeUIntLE(item.to, body, 6);
      break;
    case 'marks':
      writeMarks(b, body, item);
      end += marksBytes;
      break;
    case 'erase':
      writePosition(b, body, item.start);
      end += 10;
      break;
  }
  b.writeUInt32LE(end - body, at + 4);
  return end;
}

/**
 * Decodes the record that was found under `number`, checking its checksum and that of each entry; with `only`, just
 * the items of that slot. Entries are views of `b`.
 */
export function readRecord(b: Buffer, number: number, only?: Slot): LogRecord | RecordFault {
  if (b.length < recordHeaderBytes) return 'short';
  if (b.readUInt32LE(0) !== b.length) return 'length';
  if (crc32(b.subarray(8)) !== b.readUInt32LE(4)) return 'checksum';
  if (b[8] !== recordFormat) return 'format';
  if (b.readBigUInt64LE(16) !== BigInt(number)) return 'number';
  const items: LoggedItem[] = [];
  let at = recordHeaderBytes;
  for (let left = b.readUInt32LE(12); left > 0; left--) {
    if (at + itemHeaderBytes > b.length) return 'item';
    const end = at + itemHeaderBytes + b.readUInt32LE(at + 4);
    if (end > b.length) return 'item';
    const slot = b.readUInt16LE(at + 2) as Slot;
    if (only === undefined || slot === only) {
      const item = readItem(b[at] as number, slot, b.subarray(at + itemHeaderBytes, end));
      if (typeof item === 'string') return item;
      items.push(item);
    }
    at = end;
  }
  if (at !== b.length) return 'item';
  const stampMs = Number(b.readBigUInt64LE(24));
  return { number, stampMs, synced: ((b[9] as number) & syncedFlag) !== 0, items };
}

/** The entries that a record of one slot adds to its log, after the drops in the same record. */
export function survivors(record: LogRecord): Entry[] {
  let entries: Entry[] = [];
  for (const item of record.items) {
    if (item.kind === 'append') entries = entries.concat(item.entries);
    else if (item.kind === 'drop') entries = entries.filter((e) => e.seq <= item.to);
    else if (item.kind === 'erase') entries = [];
  }
  return entries;
}

function readItem(code: number, slot: Slot, body: Buffer): LoggedItem | 'item' | 'entry' {
  switch (code) {
    case itemCodes.append: {
      const entries = readEntries(slot, body);
      return entries === null ? 'entry' : { kind: 'append', slot, entries };
    }
    case itemCodes.drop:
      return body.length === 6 ? { kind: 'drop', slot, to: body.readUIntLE(0, 6) as Seq } : 'item';
    case itemCodes.marks:
      return body.length === marksBytes ? { kind: 'marks', slot, marks: readMarks(body, 0) } : 'item';
    case itemCodes.erase:
      return body.length === 10 ? { kind: 'erase', slot, start: readPosition(body, 0) } : 'item';
    default:
      return 'item';
  }
}

function readEntries(slot: Slot, body: Buffer): Entry[] | null {
  const entries: Entry[] = [];
  for (let at = 0; at < body.length; ) {
    if (at + entryHeaderBytes > body.length) return null;
    const length = body.readUInt32LE(at);
    const entry = at + length <= body.length ? readEntry(body.subarray(at, at + length)) : null;
    if (entry === null || entry.slot !== slot) return null;
    entries.push(entry);
    at += length;
  }
  return entries;
}
