/** Accepts links. Each connection is one peer, known by its Hello; answers go back over the connection that asked. */
import { ChainError } from '../protocol/errors.ts';
import type { Hello, Message } from '../protocol/messages.ts';
import type { Incarnation } from '../protocol/words.ts';
import { processBudgets, type RoleBudgets } from './budgets.ts';
import { Connection, type Self } from './connection.ts';
import { transportLimits } from './limits.ts';
import { type Log, noLog } from './log.ts';
import { defaultQueueLimits, type QueueLimits, type Sent } from './outbox.ts';
import { type Channel, listen, openListener, remoteOf } from './socket.ts';

/** The other end of one accepted connection. A named peer may have several: old ones that are not noticed yet, copies. */
export interface Peer {
  readonly role: Hello['role'];
  /** '' for clients. */
  readonly name: string;
  /** As its Hello said; its frames carry what it is now. */
  readonly incarnation: Incarnation;
  readonly clusterId: string;
  /** `host:port` that it came from. */
  readonly remote: string;
  readonly overloaded: boolean;
  /**
   * As `Link.send`. A peer that does not read what it asked for is closed when `queue.dropBytes` wait for it.
   */
  send(message: Message): Sent;
  /** Sends what is queued and closes. `why` goes to the log and to `onClose`. */
  close(why: string): void;
}

export interface PeerHandler {
  /** Byte fields alias what was received: copy what is kept for long. An error thrown here closes the connection. */
  onMessages(incarnation: Incarnation, messages: readonly Message[]): void;
  /** Called once, whoever closed. */
  onClose(why: ChainError): void;
  /** What was `overloaded` is not any more. */
  onRelief?(): void;
}

export interface LinkServerOptions {
  /** 0: one that is free. */
  readonly port: number;
  /** @default '0.0.0.0' */
  readonly host?: string;
  readonly self: Self;
  /** A peer said Hello and fits. */
  readonly onConnection: (peer: Peer) => PeerHandler;
  /** Time for a new connection to say who it is. @default 5000 */
  readonly handshakeMs?: number;
  /** A connection that is silent for so long is closed; peers that live send something every `pingMs`. @default 30000 */
  readonly idleMs?: number;
  /** Connections at once. @default 4096 */
  readonly connections?: number;
  /** Connections at once of one named peer. @default 8 */
  readonly connectionsOfPeer?: number;
  readonly queue?: QueueLimits;
  /** @default those of this process */
  readonly budgets?: RoleBudgets;
  readonly log?: Log;
}

export interface LinkServer {
  readonly port: number;
  readonly connections: number;
  /** Stops listening, sends what is queued, and resolves when every connection is closed. */
  close(): Promise<void>;
}

/** Listens for links. @throws ChainError UNAVAILABLE with what to do, when the port cannot be listened on. */
export async function startLinkServer(options: LinkServerOptions): Promise<LinkServer> {
  const server = new AcceptingServer(options);
  await server.listen();
  return server;
}

class AcceptingServer implements LinkServer {
  readonly #options: LinkServerOptions;
  readonly #log: Log;
  readonly #listener = openListener((channel) => this.#accept(channel));
  readonly #open = new Set<Connection>();
  readonly #openOfPeer = new Map<string, number>();
  #sweep: NodeJS.Timeout | undefined;
  #port = 0;

  constructor(options: LinkServerOptions) {
    this.#options = options;
    this.#log = options.log ?? noLog;
    this.#listener.maxConnections = options.connections ?? transportLimits.connections;
    this.#listener.on('drop', (data) => {
      this.#log('warn', 'link.dropped', {
        remote: data?.remoteAddress,
        connections: this.#listener.maxConnections,
      });
    });
  }

  get port(): number {
    return this.#port;
  }

  get connections(): number {
    return this.#open.size;
  }

  async listen(): Promise<void> {
    this.#port = await listen(this.#listener, this.#options.host ?? '0.0.0.0', this.#options.port);
    this.#listener.on('error', (error) => this.#log('error', 'link.listener', { why: error.message }));
    this.#sweep = setInterval(() => this.#closeIdle(), this.#options.idleMs ?? 30_000).unref();
  }

  close(): Promise<void> {
    clearInterval(this.#sweep);
    const closed = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    for (const connection of this.#open)
      connection.finish(new ChainError('UNAVAILABLE', 'this server stops'));
    return closed;
  }

  #accept(channel: Channel): void {
    const remote = remoteOf(channel.socket);
    let handler: PeerHandler | null = null;
    let name = '';
    const connection = new Connection({
      channel,
      self: this.#options.self,
      dialed: false,
      expected: '',
      handshakeMs: this.#options.handshakeMs ?? 5000,
      queue: this.#options.queue ?? defaultQueueLimits,
      budgets: this.#options.budgets ?? processBudgets,
      onUp: (hello) => {
        if (!this.#admit(connection, hello)) return;
        name = hello.name;
        this.#log('info', 'link.accepted', { remote, peer: hello.name, role: hello.role });
        handler = this.#options.onConnection(new AcceptedPeer(connection, hello));
      },
      onMessages: (incarnation, messages) => handler?.onMessages(incarnation, messages),
      onRelief: () => handler?.onRelief?.(),
      onUnsendable: (kind, why) => this.#log('error', 'link.unsendable', { remote, peer: name, kind, why }),
      onClose: (why) => {
        this.#open.delete(connection);
        this.#count(name, -1);
        this.#logClosed(remote, name, why);
        handler?.onClose(why);
      },
    });
    this.#open.add(connection);
  }

  #admit(connection: Connection, hello: Hello): boolean {
    const max = this.#options.connectionsOfPeer ?? transportLimits.connectionsOfPeer;
    if ((this.#openOfPeer.get(hello.name) ?? 0) >= max) {
      const what = `${hello.name} has ${max} connections already`;
      connection.close(new ChainError('OVERLOADED', `${what}; do two processes have this name?`));
      return false;
    }
    this.#count(hello.name, 1);
    return true;
  }

  #count(name: string, by: number): void {
    if (name === '') return;
    const count = (this.#openOfPeer.get(name) ?? 0) + by;
    if (count > 0) this.#openOfPeer.set(name, count);
    else this.#openOfPeer.delete(name);
  }

  #logClosed(remote: string, peer: string, why: ChainError): void {
    const refused = why.code !== 'UNAVAILABLE';
    this.#log(refused ? 'warn' : 'info', refused ? 'link.refused' : 'link.closed', {
      remote,
      peer,
      code: why.code,
      why: why.message,
    });
  }

  #closeIdle(): void {
    for (const connection of this.#open)
      if (!connection.progress().received)
        connection.close(new ChainError('UNAVAILABLE', `${connection.remote} was silent for too long`));
  }
}

class AcceptedPeer implements Peer {
  readonly role: Hello['role'];
  readonly name: string;
  readonly incarnation: Incarnation;
  readonly clusterId: string;
  readonly remote: string;
  readonly #connection: Connection;

  constructor(connection: Connection, hello: Hello) {
    this.role = hello.role;
    this.name = hello.name;
    this.incarnation = hello.incarnation;
    this.clusterId = hello.clusterId;
    this.remote = connection.remote;
    this.#connection = connection;
  }

  get overloaded(): boolean {
    return this.#connection.overloaded;
  }

  send(message: Message): Sent {
    const sent = this.#connection.send(message);
    if (sent === 'dropped')
      this.#connection.close(new ChainError('OVERLOADED', `${this.remote} does not read what is sent to it`));
    return sent;
  }

  close(why: string): void {
    this.#connection.finish(new ChainError('UNAVAILABLE', why));
  }
}
