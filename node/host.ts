/**
 * Drives the core of a storage node: its links, its store, its clock, its callers. Events go into the core as they come;
 * once a turn of the event loop the core is drained, so that all messages of a turn leave in one write and all entries
 * reach the disk in one batch. While that batch is written the next one gathers: group commit without a timer.
 */
import type { Clock } from '../process/clock.ts';
import type { ClusterFile } from '../process/cluster-file.ts';
import type { List, Message, PeerMessage } from '../protocol/messages.ts';
import type { Effects, NodeConfig, NodeCoreContract, NodeEvent } from '../protocol/node/contract.ts';
import { NodeCore } from '../protocol/node/node.ts';
import type { Batch, Boot } from '../protocol/persist.ts';
import { failure } from '../protocol/replies.ts';
import type { Failure, Page, Request, Routes } from '../protocol/requests.ts';
import { pagesOfRoutes } from '../protocol/routes.ts';
import type { Incarnation, NodeName } from '../protocol/words.ts';
import type { Self } from '../transport/connection.ts';
import { countingLog, type Log } from '../transport/log.ts';
import type { Peer, PeerHandler } from '../transport/server.ts';
import { type Caller, ClientConnection, LinkCaller, Waiting } from './callers.ts';
import { CoordinatorLinks } from './coordinators.ts';
import { CopyPace } from './copy-pace.ts';
import { nodeLimits } from './limits.ts';
import { PeerLinks } from './links.ts';
import type { NodeMetrics } from './metrics.ts';
import { isForWantOfRoom, notLooked, type Space } from './store/space.ts';
import type { Store } from './store/store.ts';
import { ValueReads } from './value-reads.ts';

export interface NodeHostOptions {
  readonly config: NodeConfig;
  readonly cluster: ClusterFile;
  readonly store: Store;
  /** The host lets go of it at once: it holds the whole retained log. */
  readonly boot: Boot;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: NodeMetrics;
  /** The core broke an invariant: nothing goes on after it. */
  readonly onFatal: (error: unknown) => void;
}

const tickMs = 25;
const trimEveryMs = 1000;

export class NodeHost {
  readonly core: NodeCoreContract;
  readonly config: NodeConfig;
  readonly store: Store;
  readonly links: PeerLinks;
  readonly coordinators: CoordinatorLinks;
  readonly reads: ValueReads;
  readonly #options: NodeHostOptions;
  readonly #clock: Clock;
  readonly #metrics: NodeMetrics;
  readonly #callers = new Map<number, Waiting>();
  readonly #pace: CopyPace;
  /** Who waits for a page of values. */
  readonly #listers = new Map<number, { readonly peer: Peer; readonly id: number }>();
  readonly #timers: NodeJS.Timeout[] = [];
  #space = notLooked;
  /** Handed to the store since the last look at the disk. */
  #bytesSinceLook = 0;
  /** Taken from the core, and too much for the room that is left. */
  #held: Batch | null = null;
  #tag = 0;
  #turnDue = false;
  #peersDue = true;
  #writing = false;
  #stopped = false;

  constructor(options: NodeHostOptions) {
    const { config, cluster, store, boot, clock, log, metrics } = options;
    this.#options = { ...options, boot: { ...boot, slots: [] } };
    this.#clock = clock;
    this.#metrics = metrics;
    this.store = store;
    this.config = config;
    this.core = new NodeCore(config, boot, clock.now());
    const monoMs = (): number => clock.now().mono;
    this.reads = new ValueReads(store, monoMs);
    this.#pace = new CopyPace(cluster.config.copyMiBPerSecond, monoMs);
    const self = this.self;
    const linkLog = countingLog(log, metrics.noticed);
    this.links = new PeerLinks({
      self,
      log: linkLog,
      onLink: (peer, up) => this.#handle({ kind: 'link', peer, up }),
      onMessages: (peer, incarnation, messages) => this.#takeAll(peer, incarnation, messages),
    });
    this.coordinators = new CoordinatorLinks({
      addresses: config.coordinators,
      self,
      log: linkLog,
      onLink: (to, up) => this.#handle({ kind: 'coordinatorLink', to, up }),
      onMessage: (from, message) => {
        // Only a set changes who the peers are.
        if (message.kind === 'set') this.#peersDue = true;
        this.#handle({ kind: 'coordinator', from, message });
      },
    });
    this.#timers.push(
      setInterval(() => this.#tick(), tickMs),
      setInterval(() => this.#trim(), trimEveryMs),
    );
  }

  /** Who this process is, as it is known at the moment of asking. */
  get self(): Self {
    const { core } = this;
    return {
      get clusterId() {
        return core.clusterId;
      },
      name: this.config.name,
      role: 'node',
      get incarnation() {
        return core.incarnation;
      },
    };
  }

  get routes(): Routes {
    return this.core.routes();
  }

  /** What the last look at the disk found. */
  get space(): Space {
    return this.#space;
  }

  /** The disk was looked at. What follows from it is the core's to say. */
  lookedAtDisk(space: Space): void {
    this.#space = space;
    this.#bytesSinceLook = 0;
    this.#handle({ kind: 'space', level: space.level });
  }

  /** Requests that wait for their reply. */
  get waiting(): number {
    return this.#callers.size;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** The handlers of an accepted connection: a peer, or a client. */
  accept(peer: Peer): PeerHandler {
    const isNode = peer.role === 'node';
    const forget = isNode ? this.links.accept(peer) : (): void => {};
    const client = new ClientConnection(peer);
    return {
      onMessages: (incarnation, messages) => {
        const now = this.#clock.now();
        for (const message of messages) this.#take(client, incarnation, message, now);
      },
      onClose: forget,
    };
  }

  /** Puts a request to the core. `caller` is answered exactly once, unless the host is stopped first. */
  request(caller: Caller, request: Request, now: ReturnType<Clock['now']> = this.#clock.now()): void {
    this.#tag++;
    this.#callers.set(this.#tag, new Waiting(caller, request.op, now.mono));
    this.#handle({ kind: 'request', tag: this.#tag, request }, now);
  }

  /** All records are read now, to find damaged ones; `/state` shows how far that is. */
  scrub(): void {
    this.#handle({ kind: 'scrub' });
  }

  /** Asks to be left out of every chain; `core.left` says when that is so. */
  leave(): void {
    this.#handle({ kind: 'leave' });
  }

  /**
   * Nothing is handled, written or answered any more; what was handed to the links still leaves. Resolves
   * after the last write.
   */
  async stop(): Promise<void> {
    if (!this.#stopped) this.#turn();
    this.#halt();
    this.links.close();
    this.coordinators.close();
    while (this.#writing) await new Promise((done) => setTimeout(done, 5));
  }

  #halt(): void {
    this.#stopped = true;
    for (const timer of this.#timers) clearInterval(timer);
  }

  #take(
    client: ClientConnection,
    incarnation: Incarnation,
    message: Message,
    now: ReturnType<Clock['now']>,
  ): void {
    const { peer } = client;
    if (message.kind === 'ask') {
      if (client.waiting >= nodeLimits.waitingOfConnection)
        peer.send({
          kind: 'answer',
          id: message.id,
          reply: failure(
            'OVERLOADED',
            `${nodeLimits.waitingOfConnection} requests of this connection wait already; ask again later`,
          ),
        });
      else this.request(new LinkCaller(client, message.id), message.request, now);
    } else if (message.kind === 'askRoutes')
      for (const page of pagesOfRoutes(this.core.routes())) peer.send(page);
    else if (message.kind === 'list') this.#list(peer, message);
    else if (peer.role === 'node' && isPeerMessage(message))
      this.#takePeer(peer.name as NodeName, incarnation, message, now);
    else peer.close(`a ${peer.role} may not send ${message.kind} to a storage node`);
  }

  #list(peer: Peer, { id, slot, after, maxBytes }: List): void {
    this.#tag++;
    this.#listers.set(this.#tag, { peer, id });
    this.#handle({ kind: 'list', tag: this.#tag, slot, after, maxBytes });
  }

  #takeAll(from: NodeName, incarnation: Incarnation, messages: readonly Message[]): void {
    const now = this.#clock.now();
    for (const message of messages)
      if (isPeerMessage(message)) this.#takePeer(from, incarnation, message, now);
  }

  #takePeer(
    from: NodeName,
    incarnation: Incarnation,
    message: PeerMessage,
    now: ReturnType<Clock['now']>,
  ): void {
    this.#handle({ kind: 'peer', from, incarnation, message }, now);
  }

  #handle(event: NodeEvent, now: ReturnType<Clock['now']> = this.#clock.now()): void {
    if (this.#stopped) return;
    try {
      this.core.handle(event, now);
    } catch (error) {
      return this.#die(error);
    }
    if (this.#turnDue) return;
    this.#turnDue = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#turnDue = false;
    if (this.#stopped) return;
    try {
      // Values that are read on the spot let their requests go on in this very turn.
      while (this.#carryOut(this.core.drain())) {}
      if (this.#peersDue) {
        this.#peersDue = false;
        this.links.follow(this.core.peers);
      }
      this.#write();
    } catch (error) {
      this.#die(error);
    }
  }

  /** True when the core may have more to say. */
  #carryOut(effects: Effects): boolean {
    for (const [to, messages] of effects.sends) {
      this.#metrics.sent(messages);
      this.links.send(to, messages);
    }
    for (const { to, message } of effects.control) this.coordinators.send(to, message);
    if (effects.replies.length > 0) this.#answer(effects.replies);
    for (const { level, name, fields } of effects.notices) {
      this.#metrics.noticed(name);
      this.#options.log(level, name, fields);
    }
    for (const { id, slot, from, maxBytes } of effects.logReads)
      void this.store.readLog(slot, from, maxBytes).then(
        (entries) => this.#handle({ kind: 'logRead', id, entries }),
        (error: Error) => this.#fail(error),
      );
    for (const scan of effects.scans) this.#scan(scan);
    for (const { tag, page } of effects.pages) this.#givePage(tag, page);
    return this.#fetch(effects.fetches);
  }

  #answer(replies: Effects['replies']): void {
    const at = this.#clock.now().mono;
    for (const { tag, reply } of replies) {
      const waiting = this.#callers.get(tag);
      if (waiting === undefined) throw new Error(`request ${tag} was answered twice, or was nobody's`);
      this.#callers.delete(tag);
      this.#metrics.answered(waiting.op, reply, at - waiting.since);
      waiting.caller.answer(reply);
    }
  }

  #givePage(tag: number, page: Page | Failure): void {
    const lister = this.#listers.get(tag);
    if (lister === undefined) throw new Error(`page ${tag} was given twice, or was nobody's`);
    this.#listers.delete(tag);
    const { peer, id } = lister;
    peer.send(page.kind === 'page' ? { ...page, kind: 'listed', id } : { kind: 'answer', id, reply: page });
  }

  #fetch(fetches: Effects['fetches']): boolean {
    let answered = false;
    for (const { id, slot, key } of fetches) {
      const found = this.reads.read(slot, key, (later) =>
        this.#handle({ kind: 'fetched', id, entry: later }),
      );
      if (found === undefined) continue;
      answered = true;
      // The time after the read: the second look at the lease comes after the fetch (P20).
      this.core.handle({ kind: 'fetched', id, entry: found }, this.#clock.now());
    }
    return answered;
  }

  #scan({ id, slot, after, maxBytes, paced }: Effects['scans'][number]): void {
    const scan = async (): Promise<void> => {
      const result = this.#stopped ? 'corrupt' : await this.store.scan(slot, after, maxBytes);
      if (paced && result !== 'corrupt')
        this.#pace.spend(result.values.reduce((sum, value) => sum + value.length, 0));
      this.#handle({ kind: 'scanned', id, result });
    };
    setTimeout(() => void scan().catch((error: Error) => this.#fail(error)), paced ? this.#pace.waitMs : 0);
  }

  #write(): void {
    if (this.#writing) return;
    const batch = this.#held ?? this.core.takeBatch();
    if (batch === null) return;
    const bytes = sizeOf(batch);
    if (!this.#hasRoomFor(bytes)) return this.#hold(batch, bytes);
    this.#held = null;
    this.#bytesSinceLook += bytes;
    this.#writing = true;
    const began = this.#clock.now().mono;
    this.store.write(batch).then(
      () => {
        this.#writing = false;
        this.reads.applied(batch.items);
        this.#metrics.wrote(batch, this.#clock.now().mono - began);
        this.#handle({ kind: 'persisted', batch: batch.id });
      },
      (error: Error) => {
        this.#writing = false;
        this.#fail(error);
      },
    );
  }

  /** Twice its size: for LevelDB's log, and for the table that is made of the log. */
  #hasRoomFor(bytes: number): boolean {
    const { freeBytes, sizeBytes, marks } = this.#space;
    // Nothing is known of the disk before the first look, or when it does not answer.
    return sizeBytes === 0 || freeBytes - 2 * (this.#bytesSinceLook + bytes) >= marks.least;
  }

  /** A write that the disk refuses costs the store (P65), one that waits for room costs time. Tried again each turn. */
  #hold(batch: Batch, bytes: number): void {
    if (this.#held !== batch)
      this.#options.log('error', 'space.waiting', {
        bytes,
        ...this.#space,
        why: 'writes wait until the disk has room again: delete other files on it, or give it a larger volume',
      });
    this.#held = batch;
  }

  /** Whether writes wait for room on the disk. */
  get waitsForRoom(): boolean {
    return this.#held !== null;
  }

  /** The store failed: the core tells its coordinator and acknowledges nothing from here on (P65). */
  #fail(error: Error): void {
    this.#handle({ kind: 'failed', why: error.message, noRoom: isForWantOfRoom(error.message) });
  }

  #tick(): void {
    this.#handle({ kind: 'tick' });
  }

  #trim(): void {
    if (this.store.state !== 'serving') return;
    const upTo = this.store.oldestLog();
    if (upTo.length > 0) this.#handle({ kind: 'trim', upTo, overdue: this.store.overdueLog() });
  }

  #die(error: unknown): void {
    this.#halt();
    this.#options.onFatal(error);
  }
}

/** Of the entries: all else in it is small. */
function sizeOf({ items }: Batch): number {
  let bytes = 0;
  for (const item of items)
    if (item.kind === 'append' || item.kind === 'apply')
      for (const entry of item.entries) bytes += entry.bytes.length;
  return bytes;
}

const peerKinds: ReadonlySet<string> = new Set<PeerMessage['kind']>([
  'offer',
  'append',
  'ready',
  'agree',
  'commit',
  'broken',
  'tailQuery',
  'tailAnswer',
  'barrier',
  'barrierAnswer',
  'copyRequest',
  'copyChunk',
  'recordRequest',
  'recordAnswer',
  'compareRequest',
  'compareAnswer',
  'recordSuspect',
  'sessionsRequest',
  'sessionsChunk',
  'pass',
  'passed',
  'clock',
  'space',
]);

const isPeerMessage = (message: Message): message is PeerMessage => peerKinds.has(message.kind);
