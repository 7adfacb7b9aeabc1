/** Cuts what arrives over TCP into frames: u32 length (little-endian), then that many bytes. */
import { ChainError } from '../protocol/errors.ts';

export const lengthBytes = 4;

export class FrameCutter {
  /** Greatest length that is taken; small before a peer has said who it is. */
  maxBytes: number;
  readonly #onFrame: (frame: Buffer) => void;
  readonly #onMalformed: (error: ChainError) => void;
  readonly #length = Buffer.alloc(lengthBytes);
  #lengthFilled = 0;
  /** A frame whose rest is still to come, and how much of it is there. */
  #frame: Buffer | null = null;
  #filled = 0;
  #stopped = false;

  /** `onMalformed` is told once, after which nothing more is handed out: there is no way back into step. */
  constructor(maxBytes: number, onFrame: (frame: Buffer) => void, onMalformed: (error: ChainError) => void) {
    this.maxBytes = maxBytes;
    this.#onFrame = onFrame;
    this.#onMalformed = onMalformed;
  }

  /** Nothing is handed out after this, not even the rest of the chunk that is being cut. */
  stop(): void {
    this.#stopped = true;
    this.#frame = null;
  }

  /** Hands out every frame that `chunk` completes. One that lies in one chunk aliases it; one that does not is copied once. */
  push(chunk: Buffer): void {
    if (this.#stopped) return;
    let at = this.#continue(chunk);
    while (at < chunk.length && !this.#stopped) {
      if (this.#lengthFilled > 0 || chunk.length - at < lengthBytes) {
        at += this.#takeLength(chunk, at);
        if (this.#lengthFilled < lengthBytes) return;
        this.#lengthFilled = 0;
        at = this.#begin(chunk, at, this.#length.readUInt32LE(0));
      } else at = this.#begin(chunk, at + lengthBytes, chunk.readUInt32LE(at));
    }
  }

  #takeLength(chunk: Buffer, at: number): number {
    const taken = chunk.copy(this.#length, this.#lengthFilled, at, at + lengthBytes - this.#lengthFilled);
    this.#lengthFilled += taken;
    return taken;
  }

  /** A frame of `length` bytes begins at `at`. Returns where the next one may begin. */
  #begin(chunk: Buffer, at: number, length: number): number {
    if (length > this.maxBytes) {
      const what = `a frame of ${length} bytes is announced, at most ${this.maxBytes} are taken here`;
      this.stop();
      this.#onMalformed(
        new ChainError('MALFORMED_FRAME', `${what}; the sender is no peer, or breaks its limits`),
      );
      return at;
    }
    const end = at + length;
    if (end <= chunk.length) {
      this.#onFrame(chunk.subarray(at, end));
      return end;
    }
    this.#frame = Buffer.allocUnsafeSlow(length);
    this.#filled = chunk.copy(this.#frame, 0, at);
    return chunk.length;
  }

  /** Fills the frame that began in an earlier chunk. Returns how much of `chunk` it took. */
  #continue(chunk: Buffer): number {
    const frame = this.#frame;
    if (frame === null) return 0;
    const taken = chunk.copy(frame, this.#filled);
    this.#filled += taken;
    if (this.#filled === frame.length) {
      this.#frame = null;
      this.#onFrame(frame);
    }
    return taken;
  }
}
