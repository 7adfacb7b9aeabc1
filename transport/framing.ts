/** Cuts what arrives over TCP into frames: u32 length (little-endian), then that many bytes. */
import { ChainError } from '../protocol/errors.ts';
import type { Budget, Budgets } from './budgets.ts';

export const lengthBytes = 4;

const unbounded = { room: Number.POSITIVE_INFINITY };

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
  #budget: Budget | null = null;

  /** `onMalformed` is told once, after which nothing more is handed out: there is no way back into step. */
  constructor(maxBytes: number, onFrame: (frame: Buffer) => void, onMalformed: (error: ChainError) => void) {
    this.maxBytes = maxBytes;
    this.#onFrame = onFrame;
    this.#onMalformed = onMalformed;
  }

  /** Nothing is handed out after this, not even the rest of the chunk that is being cut. */
  stop(): void {
    this.#stopped = true;
    this.#keep(null);
  }

  /** From here on frames of which a part is missing count against this budget. */
  drawOn({ partial }: Budgets): void {
    this.#budget = partial;
    this.#budget.add(this.#frame?.length ?? 0);
  }

  /** Keeps a frame whose rest is still to come; null lets go of it. */
  #keep(frame: Buffer | null): void {
    this.#budget?.add((frame?.length ?? 0) - (this.#frame?.length ?? 0));
    this.#frame = frame;
  }

  /** Hands out every frame that the first `count` of `bytes` complete; they are copied, once. */
  push(bytes: Buffer, count: number): void {
    if (this.#stopped) return;
    let at = this.#continue(bytes, count);
    while (at < count && !this.#stopped) {
      if (this.#lengthFilled > 0 || count - at < lengthBytes) {
        at += this.#takeLength(bytes, at, count);
        if (this.#lengthFilled < lengthBytes) return;
        this.#lengthFilled = 0;
        at = this.#begin(bytes, at, count, this.#length.readUInt32LE(0));
      } else at = this.#begin(bytes, at + lengthBytes, count, bytes.readUInt32LE(at));
    }
  }

  #takeLength(bytes: Buffer, at: number, count: number): number {
    const end = Math.min(count, at + lengthBytes - this.#lengthFilled);
    const taken = bytes.copy(this.#length, this.#lengthFilled, at, end);
    this.#lengthFilled += taken;
    return taken;
  }

  /** A frame of `length` bytes begins at `at`. Returns where the next one may begin. */
  #begin(bytes: Buffer, at: number, count: number, length: number): number {
    if (length > this.maxBytes) {
      const what = `a frame of ${length} bytes is announced, at most ${this.maxBytes} are taken here`;
      this.stop();
      this.#onMalformed(
        new ChainError('MALFORMED_FRAME', `${what}; the sender is no peer, or breaks its limits`),
      );
      return at;
    }
    const end = Math.min(count, at + length);
    const { room } = this.#budget ?? unbounded;
    if (end - at < length && length > room) {
      const what = `frames of which a part is missing fill this process: ${Math.max(0, room)} bytes are left`;
      this.stop();
      this.#onMalformed(new ChainError('OVERLOADED', `${what}, one of ${length} began; connect again later`));
      return at;
    }
    const frame = Buffer.allocUnsafe(length);
    const filled = bytes.copy(frame, 0, at, end);
    if (filled === length) this.#onFrame(frame);
    else {
      this.#keep(frame);
      this.#filled = filled;
    }
    return end;
  }

  /** Fills the frame that began in earlier bytes. Returns how much of `bytes` it took. */
  #continue(bytes: Buffer, count: number): number {
    const frame = this.#frame;
    if (frame === null) return 0;
    const taken = bytes.copy(frame, this.#filled, 0, count);
    this.#filled += taken;
    if (this.#filled === frame.length) {
      this.#keep(null);
      this.#onFrame(frame);
    }
    return taken;
  }
}
