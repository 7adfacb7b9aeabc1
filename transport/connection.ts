/**
 * One established socket between two peers: the exchange of Hello, then frames both ways until either end closes. Link and
 * server are built on it; nothing here connects, accepts or tries again.
 */
import type { Socket } from 'node:net';
import { ChainError, InvariantBroken } from '../protocol/errors.ts';
import { limits } from '../protocol/limits.ts';
import { type Hello, type Message, protocolVersion } from '../protocol/messages.ts';
import type { Incarnation } from '../protocol/words.ts';
import { budgetsFor, type RoleBudgets } from './budgets.ts';
import { FrameCutter } from './framing.ts';
import { transportLimits } from './limits.ts';
import { Outbox, type QueueLimits, type Sent } from './outbox.ts';
import { type Channel, remoteOf } from './socket.ts';
import { decodeFrame } from './wire.ts';

/** Who this process is. Read anew for every Hello and every frame: its owner changes it when it learns more. */
export interface Self {
  /** '' = not known yet. */
  readonly clusterId: string;
  /** What clients are told instead. @default clusterId */
  readonly servedClusterId?: string;
  /** '' for clients. */
  readonly name: string;
  readonly role: Hello['role'];
  /** 0 = none. */
  readonly incarnation: Incarnation;
}

export interface ConnectionOptions {
  readonly channel: Channel;
  readonly self: Self;
  /** The side that connected says Hello first; the other one answers, once it heard it. */
  readonly dialed: boolean;
  /** Name that the peer must have; '' = any. */
  readonly expected: string;
  /** Time for both Hellos. */
  readonly handshakeMs: number;
  readonly queue: QueueLimits;
  readonly budgets: RoleBudgets;
  /** The peer said who it is, and fits. Messages are sent and taken from here on. */
  readonly onUp: (peer: Hello) => void;
  /** Byte fields alias what was received: copy what is kept for long. */
  readonly onMessages: (incarnation: Incarnation, messages: readonly Message[]) => void;
  /** What was `overloaded` is not any more. */
  readonly onRelief: () => void;
  /** A message could not be sent, by its own fault. Told at most once a second. */
  readonly onUnsendable: (kind: Message['kind'], why: string) => void;
  /** Called once, whoever closed. */
  readonly onClose: (why: ChainError) => void;
}

export class Connection {
  readonly remote: string;
  readonly #options: ConnectionOptions;
  readonly #socket: Socket;
  readonly #cutter: FrameCutter;
  readonly #outbox: Outbox;
  #state: 'greeting' | 'up' | 'closed' = 'greeting';
  readonly #handshake: NodeJS.Timeout;
  #readSeen = 0;
  #writtenSeen = 0;
  #unsendableAt = Number.NEGATIVE_INFINITY;

  /** For a channel that is connected. */
  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { channel } = options;
    this.#socket = channel.socket;
    this.remote = remoteOf(channel.socket);
    this.#cutter = new FrameCutter(
      transportLimits.helloBytes,
      (frame) => this.#takeFrame(frame),
      (error) => this.close(error),
    );
    this.#outbox = new Outbox(
      channel.socket,
      () => options.self.incarnation,
      options.queue,
      options.onRelief,
      (kind, why) => this.#tellUnsendable(kind, why),
    );
    this.#handshake = setTimeout(() => {
      this.close(
        new ChainError('UNAVAILABLE', `${this.remote} did not say Hello within ${options.handshakeMs} ms`),
      );
    }, options.handshakeMs);
    channel.onBytes = (bytes, count) => this.#cutter.push(bytes, count);
    this.#socket.on('error', (error) => this.close(lost(this.remote, error)));
    this.#socket.on('close', () => this.close(lost(this.remote, null)));
    if (options.dialed) this.#outbox.send(helloOf(options.self));
  }

  get overloaded(): boolean {
    return this.#outbox.overloaded;
  }

  get queuedBytes(): number {
    return this.#outbox.queuedBytes;
  }

  send(message: Message): Sent {
    return this.#state === 'up' ? this.#outbox.send(message) : 'dropped';
  }

  #tellUnsendable(kind: Message['kind'], why: string): void {
    const now = performance.now();
    if (now - this.#unsendableAt < 1000) return;
    this.#unsendableAt = now;
    this.#options.onUnsendable(kind, why);
  }

  /** Sends a sign of life; a side that dialed is answered by one. */
  sendLife(): void {
    if (this.#state === 'up') this.#outbox.sendLife();
  }

  /** Whether bytes arrived, and were sent, since this was last asked. */
  progress(): { readonly received: boolean; readonly sent: boolean } {
    const { bytesRead, bytesWritten } = this.#socket;
    const seen = { received: bytesRead !== this.#readSeen, sent: bytesWritten !== this.#writtenSeen };
    this.#readSeen = bytesRead;
    this.#writtenSeen = bytesWritten;
    return seen;
  }

  /** Closes at once; what was not sent is lost. */
  close(why: ChainError): void {
    if (this.#state === 'closed') return;
    this.#outbox.close();
    this.#socket.destroy();
    this.#end(why);
  }

  /** Sends what is queued, then closes. */
  finish(why: ChainError): void {
    if (this.#state === 'closed') return;
    this.#outbox.finish();
    this.#socket.end();
    this.#socket.resume();
    const impatience = setTimeout(() => this.#socket.destroy(), finishMsMax).unref();
    this.#socket.once('close', () => clearTimeout(impatience));
    this.#end(why);
  }

  #end(why: ChainError): void {
    this.#state = 'closed';
    this.#cutter.stop();
    clearTimeout(this.#handshake);
    this.#options.onClose(why);
  }

  #takeFrame(bytes: Buffer): void {
    if (bytes.length === 0) {
      if (!this.#options.dialed) this.sendLife();
      return;
    }
    try {
      const frame = decodeFrame(bytes);
      if (this.#state === 'up') this.#options.onMessages(frame.incarnation, frame.messages);
      else this.#takeHello(frame.messages);
    } catch (error) {
      this.#contain(error);
    }
  }

  /** Whatever a frame leads to costs this connection and nothing else, but for a broken invariant (R45). */
  #contain(error: unknown): void {
    if (error instanceof InvariantBroken) throw error;
    if (error instanceof ChainError)
      return this.close(new ChainError(error.code, `${this.remote}: ${error.message}`));
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.close(new ChainError('INTERNAL', `what ${this.remote} sent led to an unexpected error: ${what}`));
  }

  #takeHello(messages: readonly Message[]): void {
    const hello = messages[0];
    if (messages.length !== 1 || hello?.kind !== 'hello') {
      const what = `${this.remote} did not begin with Hello but with ${hello?.kind ?? 'nothing'}`;
      this.close(new ChainError('MALFORMED_FRAME', `${what}; it is no peer of this version`));
      return;
    }
    const { clusterId, servedClusterId, ...who } = this.#options.self;
    const self = { ...who, clusterId: (hello.role === 'client' ? servedClusterId : undefined) ?? clusterId };
    if (!this.#options.dialed) this.#outbox.send(helloOf(self));
    const refusal = judge(self, this.#options.expected, hello, this.remote);
    // The answer to a Hello says all that the other side needs to refuse this one with the same words.
    if (refusal !== null) {
      this.finish(refusal);
      return;
    }
    clearTimeout(this.#handshake);
    const budgets = budgetsFor(hello.role, this.#options.budgets);
    this.#outbox.drawOn(budgets);
    this.#cutter.drawOn(budgets);
    this.#cutter.maxBytes = hello.role === 'client' ? limits.clientFrameBytes : limits.frameBytes;
    this.#state = 'up';
    this.#options.onUp(hello);
  }
}

const helloOf = ({ clusterId, name, role, incarnation }: Self): Hello => ({
  kind: 'hello',
  protocol: protocolVersion,
  clusterId,
  name,
  role,
  incarnation,
});

/** Ending politely must not take for ever. */
const finishMsMax = 1000;

/** Why these two do not fit, or null. Both sides come to the same result. */
function judge(self: Self, expected: string, peer: Hello, remote: string): ChainError | null {
  const who = `${peer.role} ${peer.name === '' ? '' : `${peer.name} `}at ${remote}`;
  if (peer.protocol !== protocolVersion) {
    const what = `${who} speaks protocol version ${peer.protocol}, this process speaks ${protocolVersion}`;
    return new ChainError('PROTOCOL_VERSION', `${what}; run the same release on both sides`);
  }
  // Of a node that belongs to another cluster the coordinator must hear: its own state may be the one that is wrong.
  const registers =
    new Set([self.role, peer.role]).size === 2 && self.role !== 'client' && peer.role !== 'client';
  const differ = self.clusterId !== '' && peer.clusterId !== '' && self.clusterId !== peer.clusterId;
  if (differ && !registers) {
    const what = `${who} belongs to cluster ${peer.clusterId}, this process to ${self.clusterId}`;
    return new ChainError(
      'WRONG_CLUSTER',
      `${what}; check the address, or give one of them a new data directory`,
    );
  }
  if (expected !== '' && peer.name !== expected)
    return new ChainError('UNAVAILABLE', `${remote} is not ${expected} but ${who}; its address has changed`);
  return null;
}

function lost(remote: string, error: Error | null): ChainError {
  if (error === null) return new ChainError('UNAVAILABLE', `${remote} closed the connection`);
  return new ChainError('UNAVAILABLE', `the connection to ${remote} broke: ${error.message}`, {
    cause: error,
  });
}
