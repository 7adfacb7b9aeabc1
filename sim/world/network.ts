/**
 * Connections between processes, and what happens to them: cuts in one or both directions, half-open connections,
 * breaks with loss, late arrivals of an old connection beside a new one, repetition on a new one of what the old one
 * may not have delivered.
 */
import type { Random } from '../random.ts';
import { createFlow, type Flow, type FlowOptions, type Frame, type NetworkEffect } from './flow.ts';
import type { Schedule } from './schedule.ts';

/** A process as the network sees it. */
export interface Port {
  readonly name: string;
  /** Index of its machine: cuts are between machines. */
  readonly machine: number;
  alive(): boolean;
  /** Alive and not frozen: answers pings and greetings. */
  responsive(): boolean;
  opened(link: Link): void;
  closed(link: Link): void;
  received(link: Link, frame: Frame): void;
}

/** One connection, from the one who dialled to the one who accepted; frames flow both ways. */
export interface Link {
  readonly id: number;
  readonly dialer: Port;
  readonly acceptor: Port;
  /** Frames from the dialer, and to it. */
  readonly there: Flow;
  readonly back: Flow;
  readonly onEnd: (unknown: Frame[]) => void;
  broken: boolean;
}

/** Keeps one connection to an address open until it is closed. */
export interface Dialer {
  readonly address: string;
  readonly link: Link | null;
  close(): void;
}

export interface NetworkOptions extends FlowOptions {
  /** One-way delay of a frame: at least `delayMs`, up to `spreadMs` more. */
  readonly delayMs: number;
  readonly spreadMs: number;
  /** Bytes that each direction of a connection takes in a millisecond. */
  readonly bytesPerMs: number;
  /** Silence after which a connection is given up. */
  readonly noticeMs: number;
  /** Probability that a new connection begins with a repetition of what the old one had not delivered. */
  readonly repeat: number;
}

export interface Network {
  listen(address: string, port: Port): void;
  dial(port: Port, address: string): Dialer;
  send(link: Link, from: Port, frame: Frame): void;
  /** The process ended; `quiet`: its machine went with it, so that nobody is told. */
  gone(port: Port, quiet: boolean): void;
  /** The process answers nothing for now; peers give up its connections when that lasts. */
  silent(port: Port): void;
  cut(from: number, to: number): void;
  mend(from: number, to: number): void;
  isCut(from: number, to: number): boolean;
  /** Adds up to `ms` to the delay of each frame on this path; 0 ends it. */
  slow(from: number, to: number, ms: number): void;
  /** This path takes no more bytes in a millisecond than that; Infinity = as it was. */
  narrow(from: number, to: number, bytesPerMs: number): void;
  /** Breaks what is open between two machines, as a middlebox would. */
  reset(a: number, b: number): void;
  /** How long silence goes unnoticed from now on; long ones make half-open connections. */
  setNotice(ms: number): void;
}

const machinesMax = 64;

export function createNetwork(
  world: { schedule: Schedule; random: Random; tell: (effect: NetworkEffect) => void },
  options: NetworkOptions,
): Network {
  const { schedule, random, tell } = world;
  const listeners = new Map<string, Port>();
  let links: Link[] = [];
  let linkId = 0;
  let noticeMs = options.noticeMs;
  const cuts = new Uint8Array(machinesMax * machinesMax);
  const slows = new Float64Array(machinesMax * machinesMax);
  const widths = new Float64Array(machinesMax * machinesMax).fill(Number.POSITIVE_INFINITY);

  const index = (from: number, to: number): number => from * machinesMax + to;
  const blocked = (from: Port, to: Port): boolean => cuts[index(from.machine, to.machine)] === 1;

  function delay(from: Port, to: Port): number {
    const slow = slows[index(from.machine, to.machine)] as number;
    if (slow > 0) tell('slowed');
    return options.delayMs + random.next() * (options.spreadMs + slow);
  }

  /** Another process listens there: the machine answers frames for a dead one with a reset. */
  function isUp(machine: number): boolean {
    for (const port of listeners.values()) if (port.machine === machine && port.alive()) return true;
    return false;
  }

  function open(dialer: Port, acceptor: Port, onEnd: Link['onEnd']): Link {
    linkId++;
    const flow = (from: Port, to: Port): Flow =>
      createFlow(
        world,
        {
          blocked: () => blocked(from, to),
          delay: () => delay(from, to),
          bytesPerMs: () => Math.min(options.bytesPerMs, widths[index(from.machine, to.machine)] as number),
        },
        options,
        (frame) => {
          if (to.alive()) to.received(link, frame);
          else if (isUp(to.machine)) end(link);
        },
      );
    const there = flow(dialer, acceptor);
    const link: Link = {
      id: linkId,
      dialer,
      acceptor,
      there,
      back: flow(acceptor, dialer),
      onEnd,
      broken: false,
    };
    links.push(link);
    return link;
  }

  function end(link: Link): void {
    if (link.broken) return;
    link.broken = true;
    links = links.filter((l) => l !== link);
    const unknown = link.there.end();
    link.back.end();
    for (const port of [link.dialer, link.acceptor])
      schedule.after(options.delayMs + random.next() * options.spreadMs, () => {
        if (port.alive()) port.closed(link);
        if (port === link.dialer) link.onEnd(unknown);
      });
  }

  const healthy = (link: Link): boolean =>
    link.dialer.responsive() &&
    link.acceptor.responsive() &&
    !blocked(link.dialer, link.acceptor) &&
    !blocked(link.acceptor, link.dialer);

  /** Pings go unanswered: if that lasts, the connection is given up. */
  function watch(link: Link): void {
    schedule.after(noticeMs * random.between(0.8, 1.3), () => {
      if (!healthy(link)) end(link);
    });
  }

  const touching = (a: number, b: number): Link[] =>
    links.filter(
      ({ dialer, acceptor }) =>
        (dialer.machine === a && acceptor.machine === b) || (dialer.machine === b && acceptor.machine === a),
    );

  function dial(port: Port, address: string): Dialer {
    let link: Link | null = null;
    let closed = false;
    let repeat: Frame[] = [];
    const attempt = (): void => {
      if (closed || !port.alive()) return;
      const acceptor = listeners.get(address);
      if (
        !port.responsive() ||
        !acceptor?.responsive() ||
        blocked(port, acceptor) ||
        blocked(acceptor, port)
      ) {
        schedule.after(random.between(40, 250), attempt);
        return;
      }
      link = open(port, acceptor, onEnd);
      acceptor.opened(link);
      port.opened(link);
      if (repeat.length > 0) tell('repeated');
      for (const frame of repeat) send(link, port, frame);
      repeat = [];
    };
    const onEnd = (unknown: Frame[]): void => {
      link = null;
      if (unknown.length > 0 && random.chance(options.repeat)) repeat = unknown;
      schedule.after(random.between(2, 250), attempt);
    };
    schedule.after(2 * (options.delayMs + random.next() * options.spreadMs), attempt);
    return {
      address,
      get link() {
        return link;
      },
      close() {
        closed = true;
        if (link !== null) end(link);
      },
    };
  }

  function send(link: Link, from: Port, frame: Frame): void {
    if (link.broken) return tell('lost');
    (from === link.dialer ? link.there : link.back).send(frame);
  }

  return {
    listen: (address, port) => void listeners.set(address, port),
    dial,
    send,
    gone(port, quiet) {
      for (const [address, listener] of listeners) if (listener === port) listeners.delete(address);
      for (const link of links) {
        if (link.dialer !== port && link.acceptor !== port) continue;
        if (quiet) watch(link);
        else end(link);
      }
    },
    silent(port) {
      for (const link of links) if (link.dialer === port || link.acceptor === port) watch(link);
    },
    cut(from, to) {
      cuts[index(from, to)] = 1;
      for (const link of touching(from, to)) watch(link);
    },
    mend(from, to) {
      cuts[index(from, to)] = 0;
      for (const link of touching(from, to)) {
        if (!blocked(link.dialer, link.acceptor)) link.there.release();
        if (!blocked(link.acceptor, link.dialer)) link.back.release();
      }
    },
    isCut: (from, to) => cuts[index(from, to)] === 1,
    slow(from, to, ms) {
      slows[index(from, to)] = ms;
    },
    narrow(from, to, bytesPerMs) {
      widths[index(from, to)] = bytesPerMs;
    },
    reset(a, b) {
      for (const link of touching(a, b)) end(link);
    },
    setNotice(ms) {
      noticeMs = ms;
      for (const link of links) watch(link);
    },
  };
}
