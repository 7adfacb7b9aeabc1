/** What a fault may touch, and how it says that it took effect. */

import type { Slot } from '../../protocol/words.ts';
import type { SlotLedger } from '../invariants/ledger.ts';
import type { Random } from '../random.ts';
import type { Disk } from '../world/disk.ts';
import { savedState } from '../world/saved-state.ts';
import type { NodeSeat, World } from '../world/world.ts';

export interface FaultContext {
  readonly world: World;
  readonly random: Random;
  readonly ledgers: readonly SlotLedger[];
  /** How long this fault lasts, ms. */
  readonly lasts: number;
  /** The node that it is meant for; null = any. */
  readonly aim: NodeSeat | null;
  /** Told which node it hit. */
  hit(seat: NodeSeat): void;
  /** The disk lost something for good. */
  damaged(disk: Disk): void;
  /** Nobody carries this chain, until somebody is told to. */
  restarted(slot: Slot): void;
  /**
   * For losses that a store survives only one at a time: ends all other faults, lets none begin until what is lost now
   * is made good, and calls back when the others have had time to find each other; `before` is called so many
   * milliseconds earlier.
   */
  calm(then: () => void, before?: { readonly ms: number; act(): void }): void;
  /** The fault hit something that was at work. Counted when an operation of a client was under way. */
  took(): void;
}

/** Ends a fault; called once, after its time or when everything is healed. Null: it found nothing to do. */
export type Undo = (() => void) | null;

export type Inject = (f: FaultContext) => Undo;

export const nothing = (): void => {};

export const runningSeats = (world: World): NodeSeat[] => world.nodes.filter((n) => n.host !== null);

/** A node whose process runs, the one that the fault is meant for if it can be; null when there is none. */
export function pickRunning(f: FaultContext): NodeSeat | null {
  const seats = runningSeats(f.world);
  if (seats.length === 0) return null;
  const seat = f.aim !== null && seats.includes(f.aim) ? f.aim : f.random.pick(seats);
  f.hit(seat);
  return seat;
}

/**
 * Whether a disk may be lost for good: for each slot that it holds, another store that holds everything must be at
 * work, in truth and as the coordinator saved it. Losing the last copy is no fault that a store can survive.
 */
export function mayLose(f: FaultContext, disk: Disk): boolean {
  const state = savedState(f.world.store);
  // A save that arrives late may leave out the very store that would be needed.
  if (state === null || f.world.store.pending) return false;
  // Nor may the one who leads leave out those that are needed, because they have not found it yet.
  const heard = new Set(
    f.world
      .leader()
      ?.view()
      .nodes.filter((n) => n.status === 'healthy')
      .map((n) => n.node),
  );
  const working = new Set(
    f.world.nodes
      .filter(({ name, host }) => heard.has(name) && host?.loop.frozen === false && !host.failed)
      .map((n) => n.disk.id),
  );
  return state.chains.every((c) => {
    const ledger = f.ledgers[c.slot];
    const others = c.members.filter((m) => m.store !== disk.id);
    const whole = others.filter(
      (m) => m.whole && working.has(m.store) && ledger?.serving.has(m.store) === true,
    );
    return others.length > 0 && whole.length === others.length;
  });
}
