/**
 * What is on its way out of one socket. Everything that is sent in one turn of the event loop leaves in one write; while
 * the socket is busy, messages gather and leave in the next one. So an idle link sends one small message at once, and a
 * busy one sends large batches, without a setting.
 */
import { Writer } from '../proto/writer.ts';
import { InvariantBroken } from '../protocol/errors.ts';
import { limits } from '../protocol/limits.ts';
import type { Message } from '../protocol/messages.ts';
import type { Incarnation } from '../protocol/words.ts';
import type { Budget, Budgets } from './budgets.ts';
import { lengthBytes } from './framing.ts';
import { transportLimits } from './limits.ts';
import { encodeFrameHeader, encodeMessage, frameMessagesMax } from './wire.ts';

/**
 * `sent`: taken. `overloaded`: taken, but much is waiting: send less until `onRelief`. `dropped`: not taken, the queue is
 * full or the peer is away; the protocol above recovers from it as from any lost message. `unsendable`: no frame can hold
 * it, or it cannot be encoded: that message is lost, and only that one.
 */
export type Sent = 'sent' | 'overloaded' | 'dropped' | 'unsendable';

export interface QueueLimits {
  /** Bytes waiting above which a sender is told to slow down. */
  readonly overloadedBytes: number;
  /** Bytes waiting above which messages are dropped. */
  readonly dropBytes: number;
}

export const defaultQueueLimits: QueueLimits = {
  overloadedBytes: transportLimits.queueOverloadedBytes,
  dropBytes: transportLimits.queueDropBytes,
};

/** A frame is closed at this size: the receiver works on it while the next one arrives. */
const frameTargetBytes = 262_144;
/** A buffer is handed to the socket at this size, and kept for reuse up to it. */
const bufferTargetBytes = 1_048_576;

/** A frame without messages: a sign of life. */
const emptyFrame = Buffer.alloc(lengthBytes);

/** The part of a socket that this needs. */
interface Sink {
  write(bytes: Uint8Array, done: () => void): boolean;
}

export class Outbox {
  readonly #sink: Sink;
  readonly #incarnation: () => Incarnation;
  readonly #limits: QueueLimits;
  readonly #onRelief: () => void;
  readonly #onUnsendable: (kind: Message['kind'], why: string) => void;
  #open = new Writer();
  /** Where the length of the open frame stands in `#open`; -1: no frame is open. */
  #frameAt = -1;
  #frameMessages = 0;
  #frameIncarnation = 0 as Incarnation;
  readonly #full: Writer[] = [];
  #spare: Writer | null = null;
  #fullBytes = 0;
  /** Bytes that the socket has not taken yet. */
  #writing = 0;
  #lifeDue = false;
  #scheduled = false;
  #overloaded = false;
  #closed = false;
  /** Whose budget this draws on, and what it has drawn. */
  #budget: Budget | null = null;
  #reserve = 0;
  #drawn = 0;

  /** `incarnation` is asked at every message and stands in its frame. */
  constructor(
    sink: Sink,
    incarnation: () => Incarnation,
    queue: QueueLimits,
    onRelief: () => void,
    onUnsendable: (kind: Message['kind'], why: string) => void,
  ) {
    this.#sink = sink;
    this.#incarnation = incarnation;
    this.#limits = queue;
    this.#onRelief = onRelief;
    this.#onUnsendable = onUnsendable;
  }

  /** Bytes that wait, those included that the socket works on. */
  get queuedBytes(): number {
    return this.#writing + this.#fullBytes + this.#open.at;
  }

  get overloaded(): boolean {
    return this.#overloaded;
  }

  /** Encodes at once: the message may change afterwards. */
  send(message: Message): Sent {
    if (this.#closed || !this.#hasRoom()) return 'dropped';
    this.#prepareFrame();
    const why = this.#append(message);
    this.#draw();
    this.#schedule();
    if (why !== '') {
      this.#onUnsendable(message.kind, why);
      return 'unsendable';
    }
    if (this.queuedBytes > this.#limits.overloadedBytes) this.#overloaded = true;
    return this.#overloaded ? 'overloaded' : 'sent';
  }

  /** From here on what waits counts against this budget. */
  drawOn({ out, reserve }: Budgets): void {
    this.#budget = out;
    this.#reserve = reserve;
    this.#draw();
  }

  #hasRoom(): boolean {
    const queued = this.queuedBytes;
    if (queued >= this.#limits.dropBytes) return false;
    return this.#budget === null || queued < Math.max(this.#reserve, this.#budget.room);
  }

  #draw(): void {
    const now = this.#closed ? 0 : this.queuedBytes;
    this.#budget?.add(now - this.#drawn);
    if (this.#budget !== null) this.#drawn = now;
  }

  /** A sign of life goes out before everything that waits. */
  sendLife(): void {
    this.#lifeDue = true;
    this.#schedule();
  }

  /** Hands what is waiting to the socket now; nothing more is taken. */
  finish(): void {
    while (this.#hasMore()) this.#writeNext();
    this.close();
  }

  close(): void {
    this.#closed = true;
    this.#full.length = 0;
    this.#fullBytes = 0;
    this.#open.at = 0;
    this.#frameAt = -1;
    this.#draw();
  }

  #prepareFrame(): void {
    const incarnation = this.#incarnation();
    if (this.#frameAt >= 0) {
      const size = this.#open.at - this.#frameAt;
      const fits = size < frameTargetBytes && this.#frameMessages < frameMessagesMax;
      if (fits && incarnation === this.#frameIncarnation) return;
      this.#closeFrame();
    }
    this.#openFrame(incarnation);
  }

  #openFrame(incarnation: Incarnation): void {
    if (this.#open.at >= bufferTargetBytes) this.#setAside();
    this.#frameAt = this.#open.at;
    this.#frameMessages = 0;
    this.#frameIncarnation = incarnation;
    this.#open.reserve(lengthBytes);
    this.#open.at += lengthBytes;
    encodeFrameHeader(incarnation, this.#open);
  }

  #closeFrame(): void {
    this.#open.bytes.writeUInt32LE(this.#open.at - this.#frameAt - lengthBytes, this.#frameAt);
    this.#frameAt = -1;
  }

  #setAside(): void {
    this.#full.push(this.#open);
    this.#fullBytes += this.#open.at;
    this.#open = this.#takeSpare();
  }

  #takeSpare(): Writer {
    const writer = this.#spare ?? new Writer();
    this.#spare = null;
    writer.at = 0;
    return writer;
  }

  /** '', or why it cannot be sent: then nothing is left of it here. */
  #append(message: Message): string {
    const before = this.#open.at;
    try {
      encodeMessage(message, this.#open);
    } catch (error) {
      if (error instanceof InvariantBroken) throw error;
      this.#open.at = before;
      return error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
    this.#frameMessages++;
    if (this.#open.at - this.#frameAt - lengthBytes <= limits.frameBytes) return '';
    const bytes = this.#open.at - before;
    this.#open.at = before;
    this.#frameMessages--;
    if (this.#frameMessages > 0) {
      this.#closeFrame();
      this.#openFrame(this.#frameIncarnation);
      return this.#append(message);
    }
    this.#open.at = this.#frameAt;
    this.#frameAt = -1;
    // What it grew to is not kept.
    if (this.#open.at === 0) this.#open = new Writer();
    return `it takes ${bytes} bytes, a frame holds ${limits.frameBytes}; it should have been cut into parts`;
  }

  #schedule(): void {
    if (this.#scheduled || this.#writing > 0 || this.#closed) return;
    this.#scheduled = true;
    // After the callback that is running and everything that it resolved, before the event loop goes on: a turn's
    // messages are together then, and none waits for another round of polling.
    process.nextTick(() => {
      this.#scheduled = false;
      if (!this.#closed && this.#writing === 0 && this.#hasMore()) this.#writeNext();
    });
  }

  #hasMore(): boolean {
    return this.#lifeDue || this.#full.length > 0 || this.#open.at > 0;
  }

  #writeNext(): void {
    if (this.#lifeDue) {
      this.#lifeDue = false;
      this.#writing += emptyFrame.length;
      this.#sink.write(emptyFrame, () => this.#written(emptyFrame.length));
    }
    const writer = this.#takeNext();
    if (writer === null) return;
    const bytes = writer.bytes.subarray(0, writer.at);
    this.#writing += bytes.length;
    this.#sink.write(bytes, () => {
      if (writer.bytes.length <= bufferTargetBytes) this.#spare = writer;
      this.#written(bytes.length);
    });
  }

  #takeNext(): Writer | null {
    const full = this.#full.shift();
    if (full !== undefined) {
      this.#fullBytes -= full.at;
      return full;
    }
    if (this.#open.at === 0) return null;
    if (this.#frameAt >= 0) this.#closeFrame();
    const writer = this.#open;
    this.#open = this.#takeSpare();
    return writer;
  }

  #written(bytes: number): void {
    this.#writing -= bytes;
    this.#draw();
    if (this.#closed) return;
    if (this.#hasMore()) this.#schedule();
    if (!this.#overloaded || this.queuedBytes > this.#limits.overloadedBytes / 2) return;
    this.#overloaded = false;
    this.#onRelief();
  }
}
