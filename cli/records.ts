/**
 * Cuts a stream of bytes into JSON records, without reading it whole: JSON lines, or the elements of one JSON array. Each
 * record is the bytes that the file holds, so numbers keep all of their digits.
 */

export interface RawRecord {
  /** From 1. */
  readonly number: number;
  /** Line on which it begins, from 1. */
  readonly line: number;
  readonly bytes: Buffer;
}

/** The file is not what it should be, from here on. */
export class BrokenFile extends Error {
  override readonly name = 'BrokenFile';
}

const newline = 0x0a;
const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const open = new Set([0x5b, 0x7b]);
const close = new Set([0x5d, 0x7d]);
const isBlank = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);

/** @throws BrokenFile when an array does not end, or something follows it */
export async function* readRecords(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<RawRecord> {
  const cutter = new Cutter();
  for await (const chunk of chunks)
    yield* cutter.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  yield* cutter.end();
}

class Cutter {
  #shape: 'unknown' | 'lines' | 'array' | 'after' = 'unknown';
  #line = 1;
  #number = 0;
  /** Parts of a record that began in an earlier chunk. */
  #parts: Buffer[] = [];
  #recordLine = 1;
  /** Something that is not blank was seen in the present record. */
  #begun = false;
  /** Within an array: brackets that are open, those of the array included. */
  #depth = 0;
  #inText = false;
  #escaped = false;

  *push(chunk: Buffer): Generator<RawRecord> {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (byte === newline) this.#line++;
      if (this.#shape === 'unknown') {
        if (isBlank(byte)) continue;
        // A byte order mark is no part of the first record.
        if (byte === 0xef || byte === 0xbb || byte === 0xbf) continue;
        from = at;
        if (byte === 0x5b) {
          this.#shape = 'array';
          this.#depth = 1;
          from = at + 1;
          continue;
        }
        this.#shape = 'lines';
      }
      const ends = this.#shape === 'lines' ? this.#inLines(byte) : this.#inArray(byte);
      if (!ends) continue;
      const record = this.#cut(chunk.subarray(from, at));
      from = at + 1;
      if (record !== null) yield record;
    }
    if (this.#begun || this.#parts.length > 0) this.#parts.push(chunk.subarray(from));
  }

  *end(): Generator<RawRecord> {
    if (this.#shape === 'array')
      throw new BrokenFile(`the array has no end; the file stops on line ${this.#line}`);
    const record = this.#shape === 'lines' ? this.#cut(Buffer.alloc(0)) : null;
    if (record !== null) yield record;
  }

  /** Whether a record ends before this byte. */
  #inLines(byte: number): boolean {
    if (byte === newline) return true;
    if (!this.#begun && !isBlank(byte)) this.#begin();
    return false;
  }

  #inArray(byte: number): boolean {
    if (this.#inText) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === backslash) this.#escaped = true;
      else if (byte === quote) this.#inText = false;
      return false;
    }
    if (isBlank(byte)) return false;
    if (this.#shape === 'after') throw new BrokenFile(`something follows the array, on line ${this.#line}`);
    if (byte === comma && this.#depth === 1) return true;
    if (close.has(byte)) {
      this.#depth--;
      if (this.#depth > 0) return false;
      this.#shape = 'after';
      return true;
    }
    if (!this.#begun) this.#begin();
    if (byte === quote) this.#inText = true;
    else if (open.has(byte)) this.#depth++;
    return false;
  }

  #begin(): void {
    this.#begun = true;
    this.#recordLine = this.#line;
  }

  /** Null for nothing but blanks. */
  #cut(last: Buffer): RawRecord | null {
    const begun = this.#begun;
    const bytes = this.#parts.length === 0 ? last : Buffer.concat([...this.#parts, last]);
    this.#parts = [];
    this.#begun = false;
    if (!begun) return null;
    this.#number++;
    return { number: this.#number, line: this.#recordLine, bytes };
  }
}
