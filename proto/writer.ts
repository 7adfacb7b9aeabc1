/**
 * Appends values in protobuf's wire format to a buffer that grows. The raw methods (`uint`, `fixed64`, `bytes` …) do not
 * look at the room left: call `reserve` first, once for everything that follows.
 */

/** Wire types, the low three bits of a tag. */
export const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** Bytes that one tag and one number take at most. */
export const numberRoom = 15;

const twoTo32 = 4294967296;

export class Writer {
  /** What is written is `bytes[0..at)`. Replaced when it grows: never keep a reference across a call. */
  bytes: Buffer;
  at = 0;
  #floats: DataView | null = null;

  constructor(bytes = 16_384) {
    this.bytes = Buffer.allocUnsafeSlow(bytes);
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    if (this.at + count > this.bytes.length) this.#grow(this.at + count);
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
    this.#floats = null;
  }

  /** A varint. @throws RangeError when `n` is no safe integer from 0. */
  uint(n: number): void {
    this.at = putUint(this.bytes, this.at, n);
  }

  /** Eight bytes, little-endian. @throws RangeError when `n` is no safe integer; negative ones are two's complement. */
  fixed64(n: number): void {
    this.at = putFixed64(this.bytes, this.at, n);
  }

  /** Eight bytes, little-endian. @throws RangeError beyond 64 bits with sign. */
  int64(n: bigint): void {
    this.at = this.bytes.writeBigInt64LE(n, this.at);
  }

  double(n: number): void {
    this.#floats ??= new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
    this.#floats.setFloat64(this.at, n, true);
    this.at += 8;
  }

  /** Length and bytes. */
  bytesField(value: Uint8Array): void {
    this.at = putBytes(this.bytes, this.at, value);
  }

  /** Length and one byte for each character; characters must be below 256. */
  latin1Field(value: string): void {
    this.at = putLatin1(this.bytes, this.at, value);
  }

  /** Length and UTF-8. Needs room for 5 bytes and three for each character. */
  textField(value: string): void {
    const start = this.openExact();
    this.at += this.bytes.write(value, this.at);
    this.closeExact(start);
  }

  /**
   * Begins a nested message of at most `bound` bytes, whose length is filled in by `close(start, bound)`. The length takes
   * as many bytes as `bound` would, so nothing has to move; a reader accepts such a length like any other.
   */
  open(bound: number): number {
    this.at += lengthWidth(bound);
    return this.at;
  }

  close(start: number, bound: number): void {
    const length = this.at - start;
    if (length > bound) throw new RangeError(`a nested message of ${length} bytes was bounded by ${bound}`);
    const width = lengthWidth(bound);
    const b = this.bytes;
    if (width === 1) {
      b[start - 1] = length;
      return;
    }
    let at = start - width;
    let rest = length;
    while (at < start - 1) {
      b[at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    b[at] = rest;
  }

  /** Begins a nested message of unknown size; `closeExact` moves it when its length takes more than one byte. */
  openExact(): number {
    return ++this.at;
  }

  closeExact(start: number): void {
    const length = this.at - start;
    const more = lengthWidth(length) - 1;
    if (more > 0) {
      this.reserve(more);
      this.bytes.copyWithin(start + more, start, this.at);
    }
    this.at = start - 1;
    this.uint(length);
    this.at += length;
  }
}

/*
 * The same for code that runs for every message and keeps its place itself: each function writes at `at`, into room that is
 * there, and returns where it stopped.
 */

export function putUint(b: Uint8Array, at: number, n: number): number {
  if (n < 128 && (n & 127) === n) {
    b[at] = n;
    return at + 1;
  }
  return putLongUint(b, at, n);
}

/** Of two to four bytes, in whole numbers of 32 bits; the rest is rare. */
function putLongUint(b: Uint8Array, at: number, n: number): number {
  const rest = n | 0;
  if (rest !== n || rest < 0 || rest >= 268_435_456) return putAnyUint(b, at, n);
  b[at] = rest | 128;
  if (rest < 16_384) {
    b[at + 1] = rest >>> 7;
    return at + 2;
  }
  b[at + 1] = (rest >>> 7) | 128;
  if (rest < 2_097_152) {
    b[at + 2] = rest >>> 14;
    return at + 3;
  }
  b[at + 2] = (rest >>> 14) | 128;
  b[at + 3] = rest >>> 21;
  return at + 4;
}

function putAnyUint(b: Uint8Array, from: number, n: number): number {
  if (!Number.isSafeInteger(n) || n < 0) throw new RangeError(`${n} is not an integer from 0 to 2^53-1`);
  let at = from;
  let rest = n;
  while (rest >= 128) {
    b[at++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  b[at++] = rest;
  return at;
}

export function putFixed64(b: Uint8Array, at: number, n: number): number {
  if (!Number.isSafeInteger(n)) throw new RangeError(`${n} is not an integer below 2^53`);
  const high = Math.floor(n / twoTo32);
  const low = n - high * twoTo32;
  b[at] = low;
  b[at + 1] = low >>> 8;
  b[at + 2] = low >>> 16;
  b[at + 3] = low >>> 24;
  b[at + 4] = high;
  b[at + 5] = high >>> 8;
  b[at + 6] = high >>> 16;
  b[at + 7] = high >>> 24;
  return at + 8;
}

export function putBytes(b: Uint8Array, at: number, value: Uint8Array): number {
  const start = putUint(b, at, value.length);
  b.set(value, start);
  return start + value.length;
}

export function putLatin1(b: Buffer, at: number, value: string): number {
  const { length } = value;
  const start = putUint(b, at, length);
  if (length > 64) b.write(value, start, 'latin1');
  else for (let i = 0; i < length; i++) b[start + i] = value.charCodeAt(i);
  return start + length;
}

/** Bytes of a varint that can say `length`. */
export const lengthWidth = (length: number): number =>
  length < 128 ? 1 : length < 16_384 ? 2 : length < 2_097_152 ? 3 : 4;
