/**
 * Orders of operators to single chains, and what they are for: a power cut of all machines, after which nobody but a person,
 * or the manifest (`osRestart`), may say which log carries a chain on (rule 2.7).
 */

import type { SavedMember } from '../../protocol/coordinator/state.ts';
import { inspect } from '../../protocol/node/inspect.ts';
import type { SlotLedger } from '../invariants/ledger.ts';
import { holdsEntry } from '../world/content.ts';
import { savedState } from '../world/saved-state.ts';
import type { NodeSeat, World } from '../world/world.ts';
import { type FaultContext, type Inject, nothing, runningSeats } from './context.ts';

const lookMs = 700;

/**
 * One member alone carries a chain that is well. Nothing may be lost by it: the others carry the old version until they are
 * left out by every rule.
 */
export const override: Inject = (f) => {
  const { world } = f;
  const leader = world.leader();
  // What was decided and is not saved yet may leave the very member out that is named here.
  if (leader === undefined || world.store.pending) return null;
  const view = leader.view();
  const orders = (savedState(world.store)?.chains ?? []).flatMap((c) => {
    const shown = view.chains[c.slot];
    if (!c.handedOut || shown?.version !== c.version) return [];
    return c.members
      .filter((m) => m.whole && f.ledgers[c.slot]?.serving.has(m.store) === true)
      .filter((m) => shown.members.some((s) => s.node === m.node && s.state === 'serving'))
      .map((m) => ({ slot: c.slot, node: m.node }));
  });
  if (orders.length === 0) return null;
  f.took();
  leader.command({ kind: 'override', ...f.random.pick(orders) }, nothing);
  return nothing;
};

/**
 * All machines lose their power at once. Of each chain one disk had written everything, so that nothing that was acknowledged
 * is gone: a longest log has it, and so has the member that an operator names.
 */
export const poweroff: Inject = (f) => {
  const { world, random } = f;
  const os = world.plan.disk.durability === 'os';
  let over = false;
  let seats: NodeSeat[] = [];
  f.calm(() => {
    const kept = over ? null : keptSeats(f);
    if (kept === null) return;
    f.took();
    seats = runningSeats(world);
    for (const seat of seats) {
      world.endNode(seat, true);
      world.reboot(seat);
      if (kept.has(seat)) seat.disk.flush();
      else if (os) f.damaged(seat.disk);
      seat.disk.powerLoss();
      world.schedule.after(random.between(1, f.lasts), () => back(world, seat));
    }
    if (!os) return;
    for (const { slot } of f.ledgers) f.restarted(slot);
    const patience = world.plan.osRestart === 'wait' ? 2000 : 15_000;
    world.schedule.after(patience, () => lookAfterChains(world, f.ledgers));
  });
  return () => {
    over = true;
    for (const seat of seats) back(world, seat);
  };
};

function back(world: World, seat: NodeSeat): void {
  if (seat.host === null) world.startNode(seat);
}

/** For each chain one member, drawn; null when a chain is not whole, so that too little may be left of it. */
function keptSeats({ world, random, ledgers }: FaultContext): Set<NodeSeat> | null {
  const state = savedState(world.store);
  if (state === null || state.chains.length === 0 || world.store.pending) return null;
  const seatOf = (m: SavedMember): NodeSeat | undefined => world.nodes.find((n) => n.disk.id === m.store);
  const kept = new Set<NodeSeat>();
  for (const c of state.chains) {
    const serves = (m: SavedMember): boolean => m.whole && ledgers[c.slot]?.serving.has(m.store) === true;
    if (!c.members.every((m) => serves(m) && seatOf(m)?.host?.failed === false)) return null;
    const seat = seatOf(random.pick(c.members));
    if (seat !== undefined) kept.add(seat);
  }
  return kept;
}

const watched = new WeakSet<World>();

/** From now on an operator names who carries a chain on that nobody serves, as soon as one is there that holds everything. */
function lookAfterChains(world: World, ledgers: readonly SlotLedger[]): void {
  if (watched.has(world)) return;
  watched.add(world);
  const look = (): void => {
    const leader = world.leader();
    for (const c of leader?.view().chains ?? []) {
      const chain = savedState(world.store)?.chains[c.slot];
      const ledger = ledgers[c.slot];
      if (chain?.version !== c.version || ledger === undefined) continue;
      const whole = chain.members
        .filter((m) => m.whole)
        .map((m) => world.nodes.find((n) => n.disk.id === m.store));
      if (!whole.every((seat) => seat !== undefined && isUnproven(seat, ledger))) continue;
      const holder = whole.find((seat) => seat !== undefined && holdsAll(seat, ledger));
      if (holder !== undefined)
        leader?.command({ kind: 'override', slot: c.slot, node: holder.name }, nothing);
    }
    world.schedule.after(lookMs, look);
  };
  look();
}

/** Its process runs, and does not answer for the slot because it can't know what it forgot. */
function isUnproven({ host }: NodeSeat, { slot }: SlotLedger): boolean {
  const replica = host === null ? undefined : inspect(host.core).replicas.get(slot);
  return replica !== undefined && replica.lost !== '';
}

function holdsAll({ disk }: NodeSeat, { slot, committed }: SlotLedger): boolean {
  const s = disk.content.slots.get(slot);
  const last = committed[committed.length - 1];
  return s?.marks.complete === true && (last === undefined || holdsEntry(s, last));
}
