/**
 * The end of a run (I6): faults have stopped, everything that is down is started again. Within a bound of virtual time
 * every chain must be of full length and serve, nothing may stay pending, all replicas of a slot must be equal, and a
 * last write and a last read of every slot must work.
 */
import type { CoordinatorView } from '../protocol/coordinator/contract.ts';
import { inspect } from '../protocol/node/inspect.ts';
import { canRead } from '../protocol/replica/reading.ts';
import { slotOf } from '../protocol/slots.ts';
import { type Key, key, type Slot } from '../protocol/words.ts';
import type { HistoryRecord } from './checker/history.ts';
import { compareContents } from './invariants/contents.ts';
import type { Invariants } from './invariants/invariants.ts';
import type { Operation } from './workload.ts';
import { holdsEntry } from './world/content.ts';
import type { NodeHost } from './world/node-host.ts';
import { savedState } from './world/saved-state.ts';
import type { World } from './world/world.ts';

export interface Steps {
  /** Goes on until the condition holds, looked at `everyMs`, `ms` of virtual time passed, or something was violated. */
  until(holds: () => boolean, ms: number, everyMs?: number): boolean;
}

/** A look at everything is dear. */
const lookMs = 100;

/** Longest time that the cluster may take to become whole again, or to take one more member into its chains. */
const patienceMs = 180_000;

/**
 * A store that is slow to read and limits that let each read bring one record make a copy, and a log that is sent again,
 * last one read for each entry, and each may take its time. Then that much longer is waited, and no longer.
 */
function patienceOf({ plan }: World, { ledgers }: Invariants): number {
  const perRead = Math.max(1, Math.min(plan.limits.copyBytes, plan.limits.appendBytes) / entryBytes);
  const entries = ledgers.reduce((sum, ledger) => sum + ledger.committed.length, 0);
  const joins = Math.max(1, plan.replicationFactor - 1);
  return patienceMs + (2 * joins * entries * plan.disk.scanMs) / perRead;
}

/** More than the smallest entry of a run has. */
const entryBytes = 150;

export function restartEverything(world: World): void {
  // A state that was set back may say that a node is being emptied, which is over: nobody else would take that back.
  for (const { name } of world.nodes) world.order({ kind: 'undrain', node: name });
  for (const zombie of [...world.zombies]) world.buryZombie(zombie);
  for (const seat of world.coordinators) if (seat.host === null) world.startCoordinator(seat);
  for (const seat of world.nodes) {
    if (seat.host?.failed === true) world.endNode(seat, false);
    if (seat.host === null) world.startNode(seat);
  }
}

/** Returns an excuse when a chain is provably beyond help, else ''. */
export function settle(world: World, invariants: Invariants, steps: Steps): string {
  let missing = '';
  const patience = patienceOf(world, invariants);
  const whole = (): boolean => {
    missing = whatIsMissing(world, invariants);
    return missing === '';
  };
  /** Copies are made one or two at a time, so that many chains take long: the most members they ever had must rise in time. */
  const becomesWhole = (): boolean => {
    for (let most = -1; most < membersIn(world); ) {
      most = membersIn(world);
      if (steps.until(() => whole() || membersIn(world) > most, patience, lookMs) && missing === '')
        return true;
    }
    return false;
  };
  if (!becomesWhole()) {
    const excuse = lostForGood(world);
    if (excuse === '') {
      invariants.fail(
        'I6',
        slotIn(missing),
        `${missing} after ${Math.round(patience / 1000)} s without faults`,
      );
      return '';
    }
    if (!override(world, invariants)) return excuse;
    if (!becomesWhole()) {
      invariants.fail('I6', slotIn(missing), `${missing} after an operator's override`);
      return '';
    }
  }
  lastWords(world, invariants, steps);
  if (invariants.violations.length > 0) return '';
  if (!steps.until(whole, patience, lookMs))
    invariants.fail('I6', slotIn(missing), `${missing} after the last write`);
  for (const ledger of invariants.ledgers)
    for (const wrong of compareContents(ledger, membersOf(world, ledger.slot)))
      invariants.fail('I6', ledger.slot, `replicas differ: ${wrong}`);
  return '';
}

/**
 * Why a chain can't come back, '' when it can: the disks of all members that hold everything, as the coordinator saved
 * them, were emptied. Faults spare the last such disk, but a change that was under way may end on an emptied one.
 */
function lostForGood(world: World): string {
  const disks = new Set(world.nodes.map((n) => n.disk.id));
  for (const chain of savedState(world.store)?.chains ?? []) {
    const whole = chain.members.filter((m) => m.whole);
    if (whole.every((m) => !disks.has(m.store)))
      return `slot ${chain.slot}: the disks of ${whole.map((m) => m.node).join(', ')} were emptied`;
  }
  return '';
}

const membersIn = (world: World): number =>
  world
    .leader()
    ?.view()
    .chains.reduce((sum, c) => sum + c.members.length, 0) ?? 0;

function slotIn(missing: string): number {
  const found = /^slot (\d+)/.exec(missing);
  return found === null ? -1 : Number(found[1]);
}

/** What is not as it should be, in words; '' when all is. */
function whatIsMissing(world: World, invariants: Invariants): string {
  const leader = world.leader();
  if (leader === undefined) return 'no coordinator leads';
  const view = leader.view();
  if (view.chains.length === 0) return `no chains: ${view.waiting}`;
  for (const c of view.chains) {
    const where = `slot ${c.slot} v${c.version} [${c.members.map((m) => `${m.node} ${m.role} ${m.state}`).join(', ')}]`;
    if (!c.full) return `${where} is not full (${view.waiting || c.reason})`;
    const committed = invariants.ledgers[c.slot]?.committed.length ?? 0;
    for (const host of hostsOf(world, c)) {
      const r = inspect(host.core).replicas.get(c.slot);
      if (r === undefined || !canRead(r)) return `${where}: ${host.name} does not serve`;
      if (r.commit !== committed || r.log.end.seq !== committed)
        return `${where}: ${host.name} committed ${r.commit} of ${r.log.end.seq}, ${committed} are committed`;
      if (r.appliedDisk !== r.commit) return `${where}: ${host.name} applied ${r.appliedDisk} of ${r.commit}`;
    }
  }
  for (const { host, name } of world.nodes) {
    const told = host?.core.view();
    if (told !== undefined && (told.space !== 'ok' || told.tightPeers > 0))
      return `${name} takes a disk for ${told.space === 'ok' ? 'low that is not its own' : told.space}`;
  }
  const waiting = view.nodes.find((n) => !n.admitted);
  return waiting === undefined ? '' : `${waiting.node} is ${waiting.status} and not admitted`;
}

function membersOf(world: World, slot: Slot): NodeHost[] {
  const chain = world.leader()?.view().chains[slot];
  return chain === undefined ? [] : hostsOf(world, chain);
}

function hostsOf(world: World, chain: CoordinatorView['chains'][number]): NodeHost[] {
  const names = chain.members.filter((m) => m.role !== 'joiner').map((m) => m.node);
  return names.flatMap((name) => world.nodes.find((n) => n.name === name)?.host ?? []);
}

/** One write and one strong read of every slot must be answered. */
function lastWords(world: World, invariants: Invariants, steps: Steps): void {
  const busy = world.clients.find((c) => c.busy);
  if (busy !== undefined)
    return invariants.fail('I6', -1, `${busy.name} still waits although its time is up`);
  for (const { slot } of invariants.ledgers) {
    const at = keyIn(slot, world.plan.slots);
    for (const operation of [
      { kind: 'write', key: at, write: { kind: 'put', value: `last words of slot ${slot}` } },
      { kind: 'get', key: at, level: 'strong', boundMs: 0 },
    ] as const) {
      // A first one may be told that its session expired while the cluster was away.
      const result = ask(world, steps, operation) ?? ask(world, steps, operation);
      if (result !== 'ok')
        return invariants.fail(
          'I6',
          slot,
          `the last ${operation.kind} of slot ${slot} ended as ${result ?? 'unknown'}`,
        );
    }
  }
}

/** How an operation ended; null = unknown. */
function ask(world: World, steps: Steps, operation: Operation): string | null {
  let record: HistoryRecord | null = null;
  world.closer.perform(operation, (r) => {
    record = r;
  });
  steps.until(() => record !== null, 20_000);
  const kind = (record as HistoryRecord | null)?.result.kind ?? 'nothing';
  return kind === 'unknown' ? null : kind;
}

/** An operator lets each chain whose members lost everything go on with a node that has it all. False: nobody has. */
function override(world: World, invariants: Invariants): boolean {
  for (const { slot, committed } of invariants.ledgers) {
    const names = savedState(world.store)?.chains[slot]?.members ?? [];
    const disks = new Set(world.nodes.map((n) => n.disk.id));
    if (names.some((m) => m.whole && disks.has(m.store))) continue;
    const last = committed[committed.length - 1];
    const holder = world.nodes.find(({ disk }) => {
      const s = disk.content.slots.get(slot);
      return s?.marks.complete === true && (last === undefined || holdsEntry(s, last));
    });
    if (holder === undefined) return false;
    world.order({ kind: 'override', slot, node: holder.name });
    invariants.overridden(slot);
  }
  return true;
}

function keyIn(slot: number, slots: number): Key {
  for (let i = 0; ; i++) {
    const k = key(`last${i}`);
    if (slotOf(k, slots) === slot) return k;
  }
}
