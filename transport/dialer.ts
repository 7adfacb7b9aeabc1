/** Keeps one connection to a peer: connects, says Hello, watches that the peer is alive, and begins anew when it is not. */
import { ChainError } from '../protocol/errors.ts';
import type { Hello, Message } from '../protocol/messages.ts';
import type { Incarnation } from '../protocol/words.ts';
import type { RoleBudgets } from './budgets.ts';
import { Connection, type Self } from './connection.ts';
import type { QueueLimits, Sent } from './outbox.ts';
import { type Address, openChannel } from './socket.ts';

export interface DialerOptions {
  readonly address: Address;
  readonly self: Self;
  /** Name that the peer must have; '' = any. */
  readonly expected: string;
  /** Time for connecting and both Hellos. */
  readonly handshakeMs: number;
  /** A peer that is silent for three of these is taken for dead. */
  readonly pingMs: number;
  /** Longest pause between two attempts to connect. */
  readonly retryMsMax: number;
  readonly queue: QueueLimits;
  readonly budgets: RoleBudgets;
  readonly onUp: (peer: Hello) => void;
  /** The connection was lost, or an attempt failed. */
  readonly onDown: (why: ChainError) => void;
  readonly onMessages: (incarnation: Incarnation, messages: readonly Message[]) => void;
  readonly onRelief: () => void;
  readonly onUnsendable: (kind: Message['kind'], why: string) => void;
}

const retryMsFirst = 10;
/** Pause after a peer was refused (another cluster or version): trying often would only fill logs. */
const refusedMs = 1000;
/** Pings without a sign of life after which a peer is dead. */
const silencesMax = 3;

export class Dialer {
  readonly #options: DialerOptions;
  readonly #remote: string;
  #connection: Connection | null = null;
  #up = false;
  #closed = false;
  /** Attempts since the last connection that lasted. */
  #failures = 0;
  #silences = 0;
  #retry: NodeJS.Timeout | undefined;
  #watch: NodeJS.Timeout | undefined;
  /** Ends an attempt whose socket is not connected yet. */
  #abandon: ((why: ChainError) => void) | null = null;

  constructor(options: DialerOptions) {
    this.#options = options;
    this.#remote = `${options.address.host}:${options.address.port}`;
    this.#dial();
  }

  get up(): boolean {
    return this.#up;
  }

  get overloaded(): boolean {
    return this.#connection?.overloaded ?? false;
  }

  get queuedBytes(): number {
    return this.#connection?.queuedBytes ?? 0;
  }

  send(message: Message): Sent {
    return this.#up && this.#connection !== null ? this.#connection.send(message) : 'dropped';
  }

  /** Sends what is queued and stops; no handler is called after this. */
  close(): void {
    this.#closed = true;
    const why = new ChainError('UNAVAILABLE', `the link to ${this.#remote} was closed here`);
    if (this.#connection !== null) this.#connection.finish(why);
    else this.#abandon?.(why);
    this.#stop();
  }

  #stop(): void {
    clearTimeout(this.#retry);
    clearInterval(this.#watch);
    this.#up = false;
    this.#connection = null;
    this.#abandon = null;
  }

  #dial(): void {
    const channel = openChannel(this.#options.address);
    const { socket } = channel;
    const fail = (why: ChainError): void => {
      clearTimeout(patience);
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.destroy();
      this.#abandon = null;
      this.#lost(why);
    };
    this.#abandon = fail;
    const { handshakeMs } = this.#options;
    const patience = setTimeout(
      () =>
        fail(
          new ChainError(
            'UNAVAILABLE',
            `${this.#remote} did not accept a connection within ${handshakeMs} ms`,
          ),
        ),
      handshakeMs,
    );
    socket.once('error', (error) =>
      fail(
        new ChainError('UNAVAILABLE', `${this.#remote} cannot be reached: ${error.message}`, {
          cause: error,
        }),
      ),
    );
    socket.once('connect', () => {
      clearTimeout(patience);
      socket.removeAllListeners('error');
      this.#abandon = null;
      this.#connection = new Connection({
        ...this.#options,
        channel,
        dialed: true,
        onUp: (peer) => this.#established(peer),
        onClose: (why) => this.#lost(why),
      });
    });
  }

  #established(peer: Hello): void {
    this.#up = true;
    this.#silences = 0;
    this.#watch = setInterval(() => this.#look(), this.#options.pingMs);
    this.#options.onUp(peer);
  }

  /**
   * Counts looks without a sign of life, not time: after this process itself stood still, what the peer sent meanwhile is
   * read before the next look.
   */
  #look(): void {
    const connection = this.#connection;
    if (connection === null) return;
    const { received, sent } = connection.progress();
    this.#silences = received ? 0 : this.#silences + 1;
    if (received) this.#failures = 0;
    if (this.#silences > silencesMax) {
      const silentMs = silencesMax * this.#options.pingMs;
      connection.close(
        new ChainError('UNAVAILABLE', `${this.#remote} gave no sign of life for ${silentMs} ms`),
      );
    } else if (!received || !sent) connection.sendLife();
  }

  #lost(why: ChainError): void {
    if (this.#closed) return;
    this.#stop();
    this.#failures++;
    this.#retry = setTimeout(() => this.#dial(), this.#pauseMs(why));
    this.#options.onDown(why);
  }

  #pauseMs(why: ChainError): number {
    const refused = why.code === 'WRONG_CLUSTER' || why.code === 'PROTOCOL_VERSION';
    const doubled = retryMsFirst * 2 ** Math.min(this.#failures, 10);
    const pause = refused ? refusedMs : Math.min(doubled, this.#options.retryMsMax);
    return pause * (0.5 + Math.random() / 2);
  }
}
