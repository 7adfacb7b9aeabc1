/**
 * A link: this process's way to one peer. Messages arrive in order or not at all; when the connection is lost, so is what
 * was on its way, and the link connects again by itself.
 *
 * Chunks of a copy travel on a second connection, which exists only while there are some: they never delay a small message,
 * and may be overtaken by messages that were sent later.
 */
import type { ChainError } from '../protocol/errors.ts';
import type { Hello, Message } from '../protocol/messages.ts';
import type { Incarnation } from '../protocol/words.ts';
import { processBudgets, type RoleBudgets } from './budgets.ts';
import type { Self } from './connection.ts';
import { Dialer, type DialerOptions } from './dialer.ts';
import { transportLimits } from './limits.ts';
import { type Log, noLog } from './log.ts';
import { defaultQueueLimits, type QueueLimits, type Sent } from './outbox.ts';
import { parseAddress } from './socket.ts';

export interface LinkOptions {
  /** `host:port`. */
  readonly address: string;
  readonly self: Self;
  /** Name that the peer must have. @default '' any */
  readonly expected?: string;
  /** Messages are taken from here on. */
  readonly onUp: (peer: Hello) => void;
  /** Everything on its way may be lost. Also called, once, when the first attempt to connect fails. */
  readonly onDown: (why: ChainError) => void;
  /**
   * What the peer sent. Byte fields alias what was received: copy what is kept for long. An error thrown here closes the
   * connection, unless it is a broken invariant.
   */
  readonly onMessages: (incarnation: Incarnation, messages: readonly Message[]) => void;
  /** What was `overloaded` is not any more. */
  readonly onRelief?: () => void;
  /** A peer that is silent for three of these is taken for dead. @default 200 */
  readonly pingMs?: number;
  /** Time for connecting and both Hellos. @default 2000 */
  readonly handshakeMs?: number;
  /** Longest pause between two attempts to connect. @default 250 */
  readonly retryMsMax?: number;
  readonly queue?: QueueLimits;
  /** @default those of this process */
  readonly budgets?: RoleBudgets;
  readonly log?: Log;
}

export interface Link {
  readonly address: string;
  readonly up: boolean;
  /** What waits is above `queue.overloadedBytes`, and has not fallen to half of it since. */
  readonly overloaded: boolean;
  readonly queuedBytes: number;
  /**
   * Never blocks; all that is sent in one turn of the event loop leaves in one write. The message is encoded at once.
   * One that no frame can hold is lost, and `link.unsendable` says so.
   */
  send(message: Message): Sent;
  /** Sends what is queued and closes; no handler is called after this. */
  close(): void;
}

/** Begins to connect, and goes on until `close`. @throws ChainError BAD_REQUEST when `address` is none. */
export function connectLink(options: LinkOptions): Link {
  return new DialedLink(options);
}

/** A peer that sends a copy may be slow to answer on that connection: it carries whole chunks. */
const bulkPatience = 10;
/** A connection for chunks is closed when none was sent for so long. */
const bulkIdleMs = 10_000;

class DialedLink implements Link {
  readonly address: string;
  readonly #log: Log;
  readonly #options: DialerOptions;
  readonly #main: Dialer;
  #bulk: Dialer | null = null;
  #bulkIdle: NodeJS.Timeout | undefined;
  readonly #waiting: Message[] = [];
  /** The last outage was told; further failed attempts of the same outage are not. */
  #downTold = false;

  constructor(options: LinkOptions) {
    this.address = options.address;
    this.#log = options.log ?? noLog;
    this.#options = {
      address: parseAddress(options.address),
      self: options.self,
      expected: options.expected ?? '',
      handshakeMs: options.handshakeMs ?? 2000,
      pingMs: options.pingMs ?? 200,
      retryMsMax: options.retryMsMax ?? 250,
      queue: options.queue ?? defaultQueueLimits,
      budgets: options.budgets ?? processBudgets,
      onMessages: options.onMessages,
      onRelief: options.onRelief ?? (() => {}),
      onUnsendable: (kind, why) =>
        this.#log('error', 'link.unsendable', { address: this.address, kind, why }),
      onUp: (peer) => {
        this.#downTold = false;
        this.#log('info', 'link.up', { address: this.address, peer: peer.name, role: peer.role });
        options.onUp(peer);
      },
      onDown: (why) => {
        this.#closeBulk();
        if (this.#downTold) return;
        this.#downTold = true;
        this.#log('warn', 'link.down', { address: this.address, code: why.code, why: why.message });
        options.onDown(why);
      },
    };
    this.#main = new Dialer(this.#options);
  }

  get up(): boolean {
    return this.#main.up;
  }

  get overloaded(): boolean {
    return this.#main.overloaded || (this.#bulk?.overloaded ?? false);
  }

  get queuedBytes(): number {
    return this.#main.queuedBytes + (this.#bulk?.queuedBytes ?? 0);
  }

  send(message: Message): Sent {
    return message.kind === 'copyChunk' || message.kind === 'sessionsChunk'
      ? this.#sendBulk(message)
      : this.#main.send(message);
  }

  close(): void {
    this.#closeBulk();
    this.#main.close();
  }

  #sendBulk(message: Message): Sent {
    if (!this.up) return 'dropped';
    this.#bulk ??= this.#openBulk();
    clearTimeout(this.#bulkIdle);
    this.#bulkIdle = setTimeout(() => this.#closeBulk(), bulkIdleMs).unref();
    if (this.#bulk.up) return this.#bulk.send(message);
    if (this.#waiting.length >= transportLimits.bulkWaiting) return 'dropped';
    this.#waiting.push(message);
    return 'sent';
  }

  #openBulk(): Dialer {
    const bulk: Dialer = new Dialer({
      ...this.#options,
      pingMs: this.#options.pingMs * bulkPatience,
      onUp: () => {
        for (const message of this.#waiting.splice(0)) bulk.send(message);
      },
      onDown: (why) => {
        this.#log('warn', 'link.bulk.down', { address: this.address, code: why.code, why: why.message });
        if (this.#bulk === bulk) this.#closeBulk();
      },
    });
    return bulk;
  }

  /** Chunks that did not leave are lost; whoever waits for one asks again. */
  #closeBulk(): void {
    clearTimeout(this.#bulkIdle);
    this.#waiting.length = 0;
    const bulk = this.#bulk;
    this.#bulk = null;
    bulk?.close();
  }
}
