/** Draws faults, one after the other and several at a time, and ends them; counts those that took effect. */

import type { Invariants } from '../invariants/invariants.ts';
import type { SlotLedger } from '../invariants/ledger.ts';
import type { Random } from '../random.ts';
import type { NetworkEffect } from '../world/flow.ts';
import { savedState } from '../world/saved-state.ts';
import type { NodeSeat, World } from '../world/world.ts';
import type { FaultClass } from './classes.ts';
import type { Inject } from './context.ts';
import { coordcrash, coordfreeze, coordsuspend, drain, outage, resign, retune, unknown } from './control.ts';
import { diskerror, diskslow, diskstall, full, readerror, rot } from './disks.ts';
import { override, poweroff } from './operators.ts';
import { drawRelated, pairOf, situationsOf } from './pairs.ts';
import { cut, halfopen, narrow, oneway, reset, slowpath, uncoordinated } from './paths.ts';
import {
  blackout,
  blank,
  bounce,
  crash,
  freeze,
  lag,
  leave,
  power,
  rollback,
  suspend,
  torn,
  trim,
  twin,
  walljump,
} from './processes.ts';
import { leaseforeign, stateforeign, statelost, stateold } from './strangers.ts';

const injections: Record<FaultClass, Inject> = {
  crash,
  bounce,
  power,
  blackout,
  poweroff,
  blank,
  rollback,
  torn,
  twin,
  freeze,
  suspend,
  lag,
  cut,
  oneway,
  halfopen,
  reset,
  slowpath,
  narrow,
  uncoordinated,
  diskstall,
  diskslow,
  diskerror,
  readerror,
  full,
  rot,
  walljump,
  trim,
  leave,
  drain,
  override,
  coordcrash,
  coordfreeze,
  coordsuspend,
  retune,
  resign,
  outage,
  unknown,
  statelost,
  stateold,
  stateforeign,
  leaseforeign,
};

/** What the network and the state store did to messages while faults ran. */
export type SideEffect = NetworkEffect | 'conflict' | 'outage' | 'unknown';

/** Share of faults that are drawn because of what goes on. */
const relatedShare = 0.4;

/** The longest time that faults wait for something to be made good. */
const calmMs = 15_000;

export interface Faults {
  /** Effects by class, counted only while an operation of a client was under way. */
  readonly effective: Map<string, number>;
  /** Pairs of classes of faults that met, and of faults and situations. */
  readonly pairs: ReadonlySet<string>;
  /** How many faults took effect. */
  readonly total: number;
  /** What faults and limits did to messages and requests. */
  noteEffect(effect: `message ${SideEffect}` | `limit ${string}`): void;
  begin(): void;
  /** Ends everything that lasts. */
  heal(): void;
}

export function createFaults(
  world: World,
  random: Random,
  truth: Pick<Invariants, 'ledgers' | 'damaged' | 'overridden'>,
): Faults {
  const { plan, schedule, trace } = world;
  const effective = new Map<string, number>();
  const pairs = new Set<string>();
  /** What ends each fault that lasts, and its class. */
  const lasting = new Map<() => void, FaultClass>();
  let last: NodeSeat | null = null;
  let over = false;
  let calmUntil = 0;
  let quietUntil = -1;

  const underWay = (): boolean => world.clients.some((c) => c.busy);
  let total = 0;
  const count = (what: string): void => {
    total++;
    effective.set(what, (effective.get(what) ?? 0) + 1);
  };

  function inject(name: FaultClass, aim: NodeSeat | null): void {
    const [shortest, longest] = plan.faultForMs;
    const lasts = Math.exp(random.between(Math.log(shortest), Math.log(longest)));
    let waits = 0;
    const undo = injections[name]({
      world,
      random,
      ledgers: truth.ledgers,
      lasts,
      aim,
      hit(seat) {
        last = seat;
      },
      damaged: truth.damaged,
      restarted: truth.overridden,
      calm(then, before) {
        waits = calm(then);
        if (before !== undefined) schedule.after(waits - before.ms, before.act);
      },
      took() {
        trace.note('fault', 0, 0, -1, () => `${name} for ${lasts.toFixed(0)} ms`);
        if (underWay()) {
          count(name);
          notePairs(name);
        }
      },
    });
    if (undo === null) return;
    const end = (): void => {
      if (!lasting.delete(end)) return;
      trace.note('healed', 0, 0, -1, () => name);
      undo();
    };
    lasting.set(end, name);
    schedule.after(waits + lasts, end);
  }

  /** What it met: other faults that last, and what the cluster was at. */
  function notePairs(name: FaultClass): void {
    for (const other of lasting.values()) pairs.add(pairOf(other, name));
    for (const situation of situationsOf(world)) pairs.add(pairOf(situation, name));
  }

  function calm(then: () => void): number {
    for (const end of [...lasting.keys()]) end();
    calmUntil = schedule.now + calmMs;
    quietUntil = schedule.now + 2 * plan.timings.deadMs;
    schedule.at(quietUntil, () => {
      if (!over) then();
    });
    return quietUntil - schedule.now;
  }

  const isCalm = (): boolean =>
    schedule.now <= quietUntil || (schedule.now < calmUntil && !isWhole(world, truth.ledgers));

  function next(): void {
    if (over || plan.faults.length === 0) return;
    schedule.after(random.wait(plan.faultEveryMs), () => {
      if (over) return;
      if (!isCalm()) {
        const related = random.chance(relatedShare) ? drawRelated(random, world, last) : null;
        inject(related?.name ?? random.pick(plan.faults), related?.aim ?? null);
      }
      next();
    });
  }

  return {
    effective,
    pairs,
    get total() {
      return total;
    },
    noteEffect(effect) {
      if (!underWay()) return;
      if (effect.startsWith('limit')) effective.set(effect, (effective.get(effect) ?? 0) + 1);
      else count(effect);
    },
    begin: next,
    heal() {
      over = true;
      for (const end of [...lasting.keys()]) end();
    },
  };
}

/** Whether every member of every chain, as the coordinators saved them, holds everything. */
function isWhole(world: World, ledgers: readonly SlotLedger[]): boolean {
  const chains = savedState(world.store)?.chains ?? [];
  return chains.every((c) => c.members.every((m) => ledgers[c.slot]?.serving.has(m.store) === true));
}
