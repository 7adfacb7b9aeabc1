/** Holds the copies that this node sends to joiners at a pace, so that clients keep their latency. */

/** Bytes that may be sent at once after a pause, in seconds of the pace. */
const burstSeconds = 0.25;

export class CopyPace {
  readonly #bytesPerMs: number;
  readonly #monoMs: () => number;
  /** When all that was sent is paid for. */
  #paidAt: number;

  constructor(mebibytesPerSecond: number, monoMs: () => number) {
    this.#bytesPerMs = (mebibytesPerSecond * 1_048_576) / 1000;
    this.#monoMs = monoMs;
    this.#paidAt = monoMs();
  }

  /** How long to wait before the next chunk is read, in ms. */
  get waitMs(): number {
    return Math.max(0, this.#paidAt - this.#monoMs() - burstSeconds * 1000);
  }

  spend(bytes: number): void {
    this.#paidAt = Math.max(this.#paidAt, this.#monoMs()) + bytes / this.#bytesPerMs;
  }
}
