/**
 * The small records beside log and values. Each is `u32 CRC-32 | u8 format | body`; the checksum covers the key too,
 * so that a record in the wrong place is found. Rare ones are JSON, those that change often are packed.
 */
import { crc32 } from 'node:zlib';
import type { Forgotten, Marks } from '../../protocol/persist.ts';
import type { ChainVersion, Position, Seq } from '../../protocol/words.ts';

const metaFormat = 1;
const headerBytes = 5;

/** What the log of a slot begins after. */
export interface Base {
  readonly start: Position;
  readonly generation: number;
  readonly forgotten: Forgotten;
}

/** The machine boot that last served from the store, and what of its work a power cut may take. */
export interface Machine {
  /** The operating system's boot id; null where it has none. */
  readonly boot: string | null;
  /** The locked file that it was opened by (`machine.ts`). */
  readonly lock?: string | null;
  /** Batches were acknowledged before they were synced. */
  readonly lossy: boolean;
  /** `BootSlot.syncedEnd` of slots that have one: slot, version, sequence. */
  readonly unproven: readonly (readonly [slot: number, version: number, seq: number])[];
}

/** A small record and its key. */
export interface MetaRecord {
  readonly key: Buffer;
  readonly value: Buffer;
}

export function metaRecord(key: Buffer, body: Uint8Array): MetaRecord {
  const b = Buffer.allocUnsafe(headerBytes + body.length);
  b[4] = metaFormat;
  b.set(body, headerBytes);
  b.writeUInt32LE(checksum(key, b), 0);
  return { key, value: b };
}

/** The body of a small record, or null when it is damaged, misplaced or of another format. */
export function openMeta(key: Buffer, b: Buffer): Buffer | null {
  if (b.length < headerBytes || b.readUInt32LE(0) !== checksum(key, b) || b[4] !== metaFormat) return null;
  return b.subarray(headerBytes);
}

const checksum = (key: Buffer, b: Buffer): number => crc32(b.subarray(4), crc32(key));

export const encodeJson = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
export const decodeJson = (body: Buffer): unknown => JSON.parse(body.toString());

export function encodeNumber(n: number): Buffer {
  const b = Buffer.allocUnsafe(8);
  b.writeBigUInt64LE(BigInt(n));
  return b;
}
export const decodeNumber = (body: Buffer): number => Number(body.readBigUInt64LE());

/** Position 10 bytes | u32 generation | of the newest forgotten result: u48 sequence, u48 stamp */
export function encodeBase(base: Base): Buffer {
  const b = Buffer.allocUnsafe(26);
  writePosition(b, 0, base.start);
  b.writeUInt32LE(base.generation, 10);
  b.writeUIntLE(base.forgotten.last, 14, 6);
  b.writeUIntLE(base.forgotten.stamp, 20, 6);
  return b;
}

export const decodeBase = (body: Buffer): Base => ({
  start: readPosition(body, 0),
  generation: body.readUInt32LE(10),
  forgotten: { last: body.readUIntLE(14, 6) as Seq, stamp: body.readUIntLE(20, 6) },
});

export const marksBytes = 31;

/** Commit, passed and promised, 10 bytes each | u8 1 = complete */
export function writeMarks(b: Buffer, at: number, marks: Marks): void {
  writePosition(b, at, marks.commit);
  writePosition(b, at + 10, marks.passed);
  writePosition(b, at + 20, marks.promised);
  b[at + 30] = marks.complete ? 1 : 0;
}

export const readMarks = (b: Buffer, at: number): Marks => ({
  commit: readPosition(b, at),
  passed: readPosition(b, at + 10),
  promised: readPosition(b, at + 20),
  complete: b[at + 30] === 1,
});

/** u32 version | u48 sequence */
export function writePosition(b: Buffer, at: number, p: Position): void {
  b.writeUInt32LE(p.version, at);
  b.writeUIntLE(p.seq, at + 4, 6);
}

export const readPosition = (b: Buffer, at: number): Position => ({
  version: b.readUInt32LE(at) as ChainVersion,
  seq: b.readUIntLE(at + 4, 6) as Seq,
});
