/**
 * Checks a table of LevelDB by the checksums of its blocks. LevelDB itself does not look at them when it reads: a bit that
 * turned over in a key, in an index or in a filter makes a key absent without a word, and a compaction gives it a new, right
 * checksum. https://github.com/google/leveldb/blob/main/doc/table_format.md
 */
import { readFile } from 'node:fs/promises';
import { crc32c } from './crc32c.ts';
import { Broken, storedChecksum, varint } from './level-format.ts';

interface Handle {
  readonly offset: number;
  readonly size: number;
}

const footerBytes = 48;
const magicLow = 0x8b80fb57;
const magicHigh = 0xdb477524;
/** Type of compression, and checksum. */
const trailerBytes = 5;

/** What is wrong with the table, '' when every block of it is whole. Rejects when it cannot be read. */
export async function tableFault(path: string): Promise<string> {
  return faultOfTable(await readFile(path));
}

export function faultOfTable(file: Buffer): string {
  try {
    const footer = file.length - footerBytes;
    if (footer < 0) return 'it is too short for a table';
    if (file.readUInt32LE(file.length - 8) !== magicLow || file.readUInt32LE(file.length - 4) !== magicHigh)
      return 'it does not end as a table does';
    const meta = handleAt(file, footer);
    const index = handleAt(file, meta.next);
    const blocks = [
      meta.handle,
      index.handle,
      ...handlesIn(blockOf(file, meta.handle)),
      ...handlesIn(blockOf(file, index.handle)),
    ];
    for (const each of blocks) checkBlock(file, each);
    return '';
  } catch (error) {
    return error instanceof Broken ? error.message : `it cannot be read: ${(error as Error).message}`;
  }
}

function checkBlock(file: Buffer, { offset, size }: Handle): void {
  const end = offset + size + 1;
  if (end + 4 > file.length - footerBytes) throw new Broken(`a block at ${offset} goes beyond its end`);
  if (storedChecksum(file, end) !== crc32c(file, offset, end))
    throw new Broken(`the block of ${size + trailerBytes} bytes at ${offset} does not fit its checksum`);
}

/** A block's content; its checksum is looked at first. */
function blockOf(file: Buffer, handle: Handle): Buffer {
  checkBlock(file, handle);
  const content = file.subarray(handle.offset, handle.offset + handle.size);
  return file[handle.offset + handle.size] === 0 ? content : unsnap(content);
}

/** The handles that are the values of an index. Keys are shared with the one before and of no interest here. */
function handlesIn(block: Buffer): Handle[] {
  const restarts = block.readUInt32LE(block.length - 4);
  const end = block.length - 4 - 4 * restarts;
  const found: Handle[] = [];
  for (let at = 0; at < end; ) {
    const shared = varint(block, at);
    const unshared = varint(block, shared.next);
    const length = varint(block, unshared.next);
    const value = length.next + unshared.value;
    found.push(handleAt(block, value).handle);
    at = value + length.value;
  }
  return found;
}

function handleAt(bytes: Buffer, at: number): { readonly handle: Handle; readonly next: number } {
  const offset = varint(bytes, at);
  const size = varint(bytes, offset.next);
  return { handle: { offset: offset.value, size: size.value }, next: size.next };
}

/** Snappy's format: a length, then literal bytes and copies of what came before. */
function unsnap(bytes: Buffer): Buffer {
  const length = varint(bytes, 0);
  const out = Buffer.alloc(length.value);
  let at = length.next;
  let filled = 0;
  while (at < bytes.length) {
    const tag = bytes[at] as number;
    at++;
    if ((tag & 3) === 0) {
      const extra = Math.max(0, (tag >> 2) - 59);
      const size = 1 + (extra === 0 ? tag >> 2 : bytes.readUIntLE(at, extra));
      at += extra;
      bytes.copy(out, filled, at, at + size);
      at += size;
      filled += size;
      continue;
    }
    const width = [0, 1, 2, 4][tag & 3] as number;
    const size = (tag & 3) === 1 ? 4 + ((tag >> 2) & 7) : 1 + (tag >> 2);
    const back = bytes.readUIntLE(at, width) + ((tag & 3) === 1 ? (tag >> 5) * 256 : 0);
    at += width;
    for (let i = 0; i < size; i++) out[filled + i] = out[filled + i - back] as number;
    filled += size;
  }
  if (filled !== out.length) throw new Broken('a packed block has another length than it says');
  return out;
}
