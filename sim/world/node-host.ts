/** Drives one core of a storage node: its links, its disk, its clock, its event loop. */

import type { Message, PeerMessage } from '../../protocol/messages.ts';
import type { Effects, NodeConfig, NodeEvent, Now } from '../../protocol/node/contract.ts';
import { NodeCore } from '../../protocol/node/node.ts';
import type { Batch, LogTop } from '../../protocol/persist.ts';
import type { Failure, Page, Reply, Request } from '../../protocol/requests.ts';
import { type NodeName, noIncarnation } from '../../protocol/words.ts';
import type { Random } from '../random.ts';
import type { Clock } from './clock.ts';
import { describeBatch, describeMessage, describeReply } from './describe.ts';
import type { Disk } from './disk.ts';
import type { Frame } from './flow.ts';
import { createLoop, type Loop } from './loop.ts';
import type { Dialer, Link, Network, Port } from './network.ts';
import { eventOf } from './node-inbox.ts';
import type { Schedule } from './schedule.ts';
import type { Trace } from './trace.ts';

/** Who looks at every step of every node. */
export interface NodeObserver {
  /** The node handled events and its effects are about to leave. */
  turned(host: NodeHost): void;
  replied(host: NodeHost, request: Request, reply: Reply): void;
  sent(host: NodeHost, message: PeerMessage): void;
  written(host: NodeHost, batch: Batch): void;
  notice(host: NodeHost, name: string, fields: Record<string, unknown>): void;
  /** The core threw: a broken invariant. */
  broke(host: NodeHost, error: Error): void;
}

export interface NodeHost {
  readonly name: NodeName;
  /** Distinguishes the processes of one node, one after the other or, for a while, beside each other. */
  readonly process: number;
  readonly core: NodeCore;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly loop: Loop<NodeEvent>;
  readonly port: Port;
  /** Its store failed: nothing is acknowledged any more. */
  readonly failed: boolean;
  leave(): void;
  /** What retention wants gone, and what it waits for nobody with. */
  trim(upTo: readonly LogTop[], overdue: readonly LogTop[]): void;
  /** Ends the process; `quiet`: its machine went with it. */
  kill(quiet: boolean): void;
}

/** Time between two looks at the room that the disk has. */
const lookMs = 300;

export interface NodeHostOptions {
  readonly config: NodeConfig;
  readonly process: number;
  readonly machine: number;
  readonly tickMs: number;
}

export interface HostWorld {
  readonly schedule: Schedule;
  readonly random: Random;
  readonly network: Network;
  readonly trace: Trace;
}

export function createNodeHost(
  world: HostWorld,
  options: NodeHostOptions,
  parts: { disk: Disk; clock: Clock; observer: NodeObserver },
): NodeHost {
  const { schedule, network, trace } = world;
  const { disk, clock, observer } = parts;
  const { config } = options;
  const now = (): Now => ({ mono: clock.mono(), wall: clock.wall() });
  const core = new NodeCore(config, disk.boot(), now());
  const dialers = new Map<string, Dialer>();
  /** Copies of values travel on connections of their own, so that they delay nobody. */
  const bulkDialers = new Map<string, { readonly dialer: Dialer; waiting: Frame[] }>();
  const accepted = new Map<string, Link[]>();
  const listers = new Map<number, { link: Link; id: number }>();
  const callers = new Map<number, { link: Link; id: number; request: Request }>();
  let tag = 0;
  let tickQueued = false;
  let failed = false;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let lookUntil = Number.NEGATIVE_INFINITY;

  const loop = createLoop<NodeEvent>(schedule, world.random.fork(), (events) => {
    try {
      for (const event of events) {
        if (event.kind === 'tick') tickQueued = false;
        core.handle(event, now());
      }
      const effects = core.drain();
      observer.turned(host);
      carryOut(effects);
    } catch (error) {
      observer.broke(host, error as Error);
      kill(false);
    }
  });

  const port: Port = {
    name: config.name,
    machine: options.machine,
    alive: () => loop.alive,
    responsive: () => loop.alive && !loop.frozen,
    opened(link) {
      if (link.dialer !== port) return accept(link);
      if (!isBulk(link)) return reportLink(link.acceptor.name, true);
      const bulk = bulkDialers.get(link.acceptor.name);
      for (const frame of bulk?.waiting.splice(0) ?? []) network.send(link, port, frame);
    },
    closed(link) {
      if (link.dialer !== port) return lose(link);
      if (!isBulk(link)) reportLink(link.acceptor.name, false);
    },
    received,
  };

  const isBulk = (link: Link): boolean => bulkDialers.get(link.acceptor.name)?.dialer.link === link;
  const isUp = (peer: string): boolean => (dialers.get(peer)?.link ?? null) !== null;

  /** What the peer sent over an older connection may be lost: `up` again begins anew with what it has. */
  function accept(link: Link): void {
    const { name } = link.dialer;
    accepted.set(name, [...(accepted.get(name) ?? []), link]);
    if (isUp(name)) reportLink(name, true);
  }

  function lose(link: Link): void {
    const { name } = link.dialer;
    const rest = (accepted.get(name) ?? []).filter((l) => l !== link);
    accepted.set(name, rest);
    if (rest.length > 0 || !isUp(name)) return;
    reportLink(name, false);
    reportLink(name, true);
  }

  function reportLink(to: string, up: boolean): void {
    if (config.coordinators.includes(to)) loop.deliver({ kind: 'coordinatorLink', to, up });
    else loop.deliver({ kind: 'link', peer: to as NodeName, up });
  }

  function received(link: Link, frame: Frame): void {
    for (const message of frame.messages) {
      const from = link.dialer === port ? link.acceptor : link.dialer;
      trace.note(
        'hear',
        options.process,
        from.machine,
        slotOfMessage(message),
        () => `${config.name} <- ${from.name} ${describeMessage(message)}`,
      );
      if (message.kind === 'ask') {
        tag++;
        callers.set(tag, { link, id: message.id, request: message.request });
        loop.deliver({ kind: 'request', tag, request: message.request });
      } else if (message.kind === 'list') {
        tag++;
        const { id, slot, after, maxBytes } = message;
        listers.set(tag, { link, id });
        loop.deliver({ kind: 'list', tag, slot, after, maxBytes });
      } else if (message.kind === 'askRoutes') {
        const routes = { kind: 'routes', routes: core.routes() } as const;
        network.send(link, port, { incarnation: noIncarnation, messages: [routes] });
      } else loop.deliver(eventOf(message, from.name, frame.incarnation));
    }
  }

  function carryOut(effects: Effects): void {
    for (const [peer, messages] of effects.sends) {
      for (const message of messages) observer.sent(host, message);
      sendToPeer(peer, messages);
    }
    for (const { to, message } of effects.control)
      sendTo(to, { incarnation: core.incarnation, messages: [message] });
    for (const { tag: t, reply } of effects.replies) answer(t, reply);
    for (const { tag: t, page } of effects.pages) givePage(t, page);
    for (const { id, slot, key } of effects.fetches)
      disk.fetch(slot, key, (entry) => loop.deliver({ kind: 'fetched', id, entry }));
    for (const { id, slot, from, maxBytes } of effects.logReads)
      disk.readLog(slot, from, maxBytes, (entries) => loop.deliver({ kind: 'logRead', id, entries }), fail);
    for (const { id, slot, after, maxBytes } of effects.scans)
      disk.scan(slot, after, maxBytes, (result) => loop.deliver({ kind: 'scanned', id, result }));
    for (const { name, fields } of effects.notices) {
      trace.note(
        'notice',
        options.process,
        0,
        slotOfFields(fields),
        () => `${config.name} ${name} ${JSON.stringify(fields)}`,
      );
      observer.notice(host, name, fields);
      // A process goes on after it; a simulated one must not have any.
      if (name === 'core.contained') observer.broke(host, new Error(String(fields.why)));
    }
    dialPeers();
    writeNext();
  }

  function sendToPeer(peer: string, messages: readonly PeerMessage[]): void {
    const { incarnation } = core;
    const bulk = messages.filter(isBulky);
    if (bulk.length > 0) sendBulk(peer, { incarnation, messages: bulk });
    const rest = bulk.length === 0 ? messages : messages.filter((m) => !isBulky(m));
    if (rest.length > 0) sendTo(peer, { incarnation, messages: rest });
  }

  /** The connection for copies is opened when it is needed; what comes before it is up waits. */
  function sendBulk(peer: string, frame: Frame): void {
    let bulk = bulkDialers.get(peer);
    if (bulk === undefined) {
      bulk = { dialer: network.dial(port, core.peers.get(peer as NodeName)?.address ?? peer), waiting: [] };
      bulkDialers.set(peer, bulk);
    }
    if (bulk.dialer.link !== null) network.send(bulk.dialer.link, port, frame);
    else if (bulk.waiting.length < 64) bulk.waiting.push(frame);
  }

  /** A peer of which no address is known yet is answered over the connection that it opened. */
  function sendTo(to: string, frame: Frame): void {
    const link = dialers.get(to)?.link ?? accepted.get(to)?.at(-1);
    if (link !== undefined) network.send(link, port, frame);
  }

  function answer(t: number, reply: Reply): void {
    const caller = callers.get(t);
    if (caller === undefined) throw new Error(`${config.name} answered request ${t} twice, or nobody's`);
    callers.delete(t);
    trace.note(
      'reply',
      options.process,
      caller.id,
      -1,
      () => `${config.name} -> ${caller.link.dialer.name} ${describeReply(reply)}`,
    );
    observer.replied(host, caller.request, reply);
    network.send(caller.link, port, {
      incarnation: noIncarnation,
      messages: [{ kind: 'answer', id: caller.id, reply }],
    });
  }

  function givePage(t: number, page: Page | Failure): void {
    const lister = listers.get(t);
    if (lister === undefined) throw new Error(`${config.name} gave page ${t} twice, or to nobody`);
    listers.delete(t);
    const { link, id } = lister;
    network.send(link, port, {
      incarnation: noIncarnation,
      messages: [
        page.kind === 'page' ? { ...page, kind: 'listed', id } : { kind: 'answer', id, reply: page },
      ],
    });
  }

  function dialPeers(): void {
    for (const [peer, { address }] of core.peers)
      if (!dialers.has(peer)) dialers.set(peer, network.dial(port, address));
  }

  function writeNext(): void {
    if (disk.busy || failed) return;
    const batch = core.takeBatch();
    if (batch === null) return;
    trace.note(
      'write',
      options.process,
      batch.id,
      slotOfBatch(batch),
      () => `${config.name} ${describeBatch(batch)}`,
    );
    disk.write(
      batch,
      () => {
        trace.note(
          'written',
          options.process,
          batch.id,
          slotOfBatch(batch),
          () => `${config.name} batch ${batch.id}`,
        );
        observer.written(host, batch);
        loop.deliver({ kind: 'persisted', batch: batch.id });
      },
      fail,
    );
  }

  /** The store is over for this process: nothing is written any more. */
  function fail(why: string): void {
    failed = true;
    trace.note('diskfail', options.process, 0, -1, () => `${config.name} ${why}`);
    loop.deliver({ kind: 'failed', why, noRoom: why.includes('no space') });
  }

  /** Looks at the disk, as long as it is short of room and for a while after. */
  function lookAtDisk(): void {
    const { now: at } = schedule;
    if (disk.space !== 'ok') lookUntil = at + 30_000;
    if (at > lookUntil || at - lookedAt < lookMs) return;
    lookedAt = at;
    loop.deliver({ kind: 'space', level: disk.space });
  }

  function tick(): void {
    if (!loop.alive) return;
    lookAtDisk();
    if (!tickQueued) {
      tickQueued = true;
      loop.deliver({ kind: 'tick' });
    }
    schedule.after(clock.realTime(options.tickMs), tick);
  }

  function kill(quiet: boolean): void {
    if (!loop.alive) return;
    loop.kill();
    disk.abandon();
    network.gone(port, quiet);
  }

  const host: NodeHost = {
    name: config.name,
    process: options.process,
    core,
    disk,
    clock,
    loop,
    port,
    get failed() {
      return failed;
    },
    leave: () => loop.deliver({ kind: 'leave' }),
    trim: (upTo, overdue) => loop.deliver({ kind: 'trim', upTo, overdue }),
    kill,
  };
  network.listen(config.place.address, port);
  for (const address of config.coordinators) dialers.set(address, network.dial(port, address));
  schedule.after(world.random.next() * options.tickMs, tick);
  return host;
}

/** Travels on a connection of its own. */
const isBulky = (m: PeerMessage): boolean => m.kind === 'copyChunk' || m.kind === 'sessionsChunk';

export const slotOfMessage = (m: Message): number => ('slot' in m ? m.slot : -1);

const slotOfFields = (fields: Readonly<Record<string, unknown>>): number =>
  typeof fields.slot === 'number' ? fields.slot : -1;

/** The slot of a batch that concerns one slot only. */
function slotOfBatch(batch: Batch): number {
  let slot = -1;
  for (const item of batch.items) {
    if (item.kind === 'identity') continue;
    if (slot !== -1 && slot !== item.slot) return -1;
    slot = item.slot;
  }
  return slot;
}
