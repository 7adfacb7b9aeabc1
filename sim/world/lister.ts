/**
 * Somebody who exports: goes through the values of slots page by page, each page at whatever member gives it, and writes
 * down what it was given (rule 3.1). Its draws are a stream of its own.
 */
import { type Entry, readEntry } from '../../protocol/entry.ts';
import type { Listed } from '../../protocol/messages.ts';
import { type Key, type NodeName, noIncarnation, type Position, type Slot } from '../../protocol/words.ts';
import type { Random } from '../random.ts';
import type { Frame } from './flow.ts';
import type { Dialer, Link, Port } from './network.ts';
import type { HostWorld } from './node-host.ts';

/** A page as it was asked for and given. */
export interface ListedPage {
  readonly slot: Slot;
  readonly after: Key | null;
  readonly next: Key | null;
  readonly values: ReadonlyMap<Key, Entry>;
  readonly damaged: readonly Key[];
  readonly at: Position;
  readonly call: number;
  readonly ret: number;
  readonly from: NodeName;
}

export interface Lister {
  readonly pages: readonly ListedPage[];
  stop(): void;
}

export interface ListerOptions {
  readonly machine: number;
  readonly slots: number;
  readonly nodes: readonly NodeName[];
  /** Mean time between two walks through a slot. */
  readonly everyMs: number;
}

/** A member that gives no page within this is left for another. */
const patienceMs = 2000;
const attemptsMax = 6;
const pagesOfWalkMax = 8;

export function createLister(world: HostWorld, random: Random, options: ListerOptions): Lister {
  const { schedule, network, trace } = world;
  const pages: ListedPage[] = [];
  const waiting = new Map<number, (page: Listed | null) => void>();
  let stopped = false;
  let asked = 0;
  const port: Port = {
    name: 'lister',
    machine: options.machine,
    alive: () => true,
    responsive: () => true,
    opened() {},
    closed() {},
    received(_: Link, frame: Frame) {
      for (const m of frame.messages)
        if (m.kind === 'listed' || m.kind === 'answer') take(m.id, m.kind === 'listed' ? m : null);
    },
  };
  const dialers = new Map<NodeName, Dialer>(options.nodes.map((n) => [n, network.dial(port, n)]));

  function take(id: number, page: Listed | null): void {
    const then = waiting.get(id);
    waiting.delete(id);
    then?.(page);
  }

  function walk(): void {
    if (stopped) return;
    const slot = random.int(options.slots) as Slot;
    const bytes = random.pick([1, 300, 5000, 1_000_000]);
    const go = (after: Key | null, left: number): void =>
      ask(slot, after, bytes, attemptsMax, (next) => {
        if (next === null || left === 0) schedule.after(random.wait(options.everyMs), walk);
        else go(next, left - 1);
      });
    go(null, pagesOfWalkMax);
  }

  function ask(
    slot: Slot,
    after: Key | null,
    maxBytes: number,
    left: number,
    done: (next: Key | null) => void,
  ): void {
    const from = random.pick(options.nodes);
    const link = dialers.get(from)?.link ?? null;
    const again = (): void => {
      if (left === 0 || stopped) done(null);
      else schedule.after(50, () => ask(slot, after, maxBytes, left - 1, done));
    };
    if (link === null) return again();
    asked++;
    const id = asked;
    const call = schedule.now;
    waiting.set(id, (page) => {
      if (page === null) return again();
      note(slot, after, page, call, from);
      done(page.next);
    });
    schedule.after(patienceMs, () => take(id, null));
    network.send(link, port, {
      incarnation: noIncarnation,
      messages: [{ kind: 'list', id, slot, after, maxBytes }],
    });
  }

  function note(slot: Slot, after: Key | null, page: Listed, call: number, from: NodeName): void {
    const { at, next, damaged } = page;
    const values = new Map<Key, Entry>();
    for (const bytes of page.values) {
      const entry = readEntry(bytes);
      if (entry === null) throw new Error(`${from} listed a value that does not fit its checksum`);
      values.set(entry.key, entry);
    }
    pages.push({ slot, after, next, values, damaged, at, call, ret: schedule.now, from });
    trace.note(
      'page',
      page.id,
      values.size,
      slot,
      () => `${from} gave ${[...values.keys()].join(' ')} after ${after}`,
    );
  }

  schedule.after(random.wait(options.everyMs), walk);
  return {
    pages,
    stop() {
      stopped = true;
    },
  };
}
