/** One direction of a connection that goes through a proxy: bytes in order, late, slow or held. Nothing is ever left out. */
import type { Socket } from 'node:net';
import type { Path } from './network.ts';

/** Bytes that wait in one pipe; beyond it the sender is not read any more, as with a full pipe of a real network. */
const waitingBytesMax = 262_144;

interface Waiting {
  readonly bytes: Buffer;
  readonly due: number;
}

export class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #path: Path;
  readonly #queue: Waiting[] = [];
  #queued = 0;
  /** When the last byte has gone over a link of little bandwidth. */
  #busyUntil = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #ended = false;

  constructor(from: Socket, to: Socket, path: Path) {
    this.#from = from;
    this.#to = to;
    this.#path = path;
    from.on('data', (bytes: Buffer) => this.push(bytes));
    from.on('end', () => {
      this.#ended = true;
      this.pump();
    });
    to.on('drain', () => this.pump());
  }

  push(bytes: Buffer): void {
    const { delayMs, bytesPerSecond } = this.#path;
    const now = performance.now();
    this.#busyUntil = Math.max(this.#busyUntil, now) + (bytes.length / bytesPerSecond) * 1000;
    this.#queue.push({ bytes, due: this.#busyUntil + delayMs });
    this.#queued += bytes.length;
    this.pump();
  }

  /** Sends what may go now. Called again when a rule changes. */
  pump(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    const now = performance.now();
    while (this.#queue.length > 0 && !this.#path.held && !this.#to.writableNeedDrain) {
      const { bytes, due } = this.#queue[0] as Waiting;
      if (due > now) {
        this.#timer = setTimeout(() => this.pump(), due - now);
        break;
      }
      this.#queue.shift();
      this.#queued -= bytes.length;
      this.#to.write(bytes);
    }
    if (this.#queue.length === 0 && this.#ended && !this.#path.held) this.#to.end();
    if (this.#queued > waitingBytesMax) this.#from.pause();
    else if (this.#from.isPaused()) this.#from.resume();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}
