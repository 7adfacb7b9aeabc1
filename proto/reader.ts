/** Reads values in protobuf's wire format. Nothing is copied: bytes that it returns alias the buffer that it reads. */
import { isUtf8 } from 'node:buffer';

/** The bytes are not what they should be; `at` is the offset where that showed. */
export class MalformedBytes extends Error {
  override readonly name = 'MalformedBytes';
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

const twoTo32 = 4294967296;
/** High half of a number that is still below 2^53. */
const highSafe = 2_097_152;

export class Reader {
  readonly bytes: Buffer;
  at = 0;
  /** End of the message that is being read. */
  end: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.end = bytes.length;
  }

  fail(what: string): never {
    throw new MalformedBytes(what, this.at);
  }

  /** A varint. */
  uint(): number {
    const at = this.at;
    if (at >= this.end) this.fail('a number is cut off');
    const first = this.bytes[at] as number;
    if (first < 128) {
      this.at = at + 1;
      return first;
    }
    return this.#longUint();
  }

  #longUint(): number {
    const b = this.bytes;
    const last = Math.min(this.end, this.at + 10);
    let value = 0;
    let scale = 1;
    for (let at = this.at; at < last; at++) {
      const byte = b[at] as number;
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (value > Number.MAX_SAFE_INTEGER) this.fail('a number is 2^53 or more');
        this.at = at + 1;
        return value;
      }
      scale *= 128;
    }
    return this.fail(last === this.end ? 'a number is cut off' : 'a number is longer than ten bytes');
  }

  /** A number of a field that the schema calls uint32. */
  uint32(): number {
    const n = this.uint();
    if (n >= twoTo32) this.fail('a 32-bit number is 2^32 or more');
    return n;
  }

  bool(): boolean {
    return this.uint() !== 0;
  }

  #take(count: number): number {
    const at = this.at;
    if (count > this.end - at) this.fail(`${count} bytes are announced and ${this.end - at} are left`);
    this.at = at + count;
    return at;
  }

  #half(at: number): number {
    const b = this.bytes;
    return (
      ((b[at] as number) |
        ((b[at + 1] as number) << 8) |
        ((b[at + 2] as number) << 16) |
        ((b[at + 3] as number) << 24)) >>>
      0
    );
  }

  /** Eight bytes as a safe integer from 0. */
  fixed64(): number {
    const at = this.#take(8);
    const high = this.#half(at + 4);
    if (high >= highSafe) this.fail('a number is 2^53 or more');
    return high * twoTo32 + this.#half(at);
  }

  /** Eight bytes as a safe integer with sign. */
  signed64(): number {
    const at = this.#take(8);
    const n = (this.#half(at + 4) | 0) * twoTo32 + this.#half(at);
    if (!Number.isSafeInteger(n)) this.fail('a number is beyond 2^53');
    return n;
  }

  int64(): bigint {
    return this.bytes.readBigInt64LE(this.#take(8));
  }

  double(): number {
    return this.bytes.readDoubleLE(this.#take(8));
  }

  /** Length and bytes; the result aliases the buffer. */
  bytesField(): Buffer {
    const length = this.uint();
    const at = this.#take(length);
    return this.bytes.subarray(at, at + length);
  }

  /**
   * Length and bytes, as a string with one character for each byte. Built at once: one that is put together from characters
   * is cheap to make and dear to look up in a map.
   */
  latin1Field(): string {
    const length = this.uint();
    const at = this.#take(length);
    return this.bytes.toString('latin1', at, at + length);
  }

  /** Length and UTF-8. */
  textField(): string {
    const length = this.uint();
    const at = this.#take(length);
    if (!isUtf8(this.bytes.subarray(at, at + length))) this.fail('text is not UTF-8');
    return this.bytes.toString('utf8', at, at + length);
  }

  /** Enters a nested message: from here `end` is its end. Returns the outer end, for `leave`. */
  enter(): number {
    const length = this.uint();
    const outer = this.end;
    if (length > outer - this.at) this.#take(length);
    this.end = this.at + length;
    return outer;
  }

  leave(outer: number): void {
    this.end = outer;
  }

  /** Skips the value of a field that is not known. */
  skip(tag: number): void {
    if (tag < 8) this.fail(`a field has number 0`);
    switch (tag & 7) {
      case 0:
        this.#skipVarint();
        return;
      case 1:
        this.#take(8);
        return;
      case 2:
        this.#take(this.uint());
        return;
      case 5:
        this.#take(4);
        return;
      default:
        this.fail(`a field has wire type ${tag & 7}`);
    }
  }

  /** An unknown field may hold any 64 bits. */
  #skipVarint(): void {
    for (let count = 0; count < 10; count++) if ((this.bytes[this.#take(1)] as number) < 128) return;
    this.fail('a number is longer than ten bytes');
  }
}
