/**
 * Faults come in related pairs: what breaks a store is mostly a second fault at the place where the first one is being
 * made good. A joiner's source dies, the neighbour of a node that just came back stands still, the leader goes while a
 * chain changes. `drawRelated` aims there; `situationsOf` names what goes on, so that coverage can be counted by pairs.
 */
import type { Random } from '../random.ts';
import { savedState } from '../world/saved-state.ts';
import type { NodeSeat, World } from '../world/world.ts';
import type { FaultClass } from './classes.ts';

/** What a cluster does to become whole, which a fault may meet. */
export const situations = [
  'a join',
  'a join being written to',
  'a change',
  'a takeover',
  'a short chain',
] as const;

export type Situation = (typeof situations)[number];

export function situationsOf(world: World): Situation[] {
  const out: Situation[] = [];
  const chains = savedState(world.store)?.chains ?? [];
  if (chains.some((c) => c.joiner !== null)) {
    out.push('a join');
    if (world.clients.some((c) => c.busy)) out.push('a join being written to');
  }
  if (chains.some((c) => !c.handedOut)) out.push('a change');
  if (world.leader() === undefined) out.push('a takeover');
  if (chains.some((c) => c.members.length < world.plan.replicationFactor)) out.push('a short chain');
  return out;
}

/** Faults of one storage process or of its disk: those that can be aimed. */
const atNodes: readonly FaultClass[] = [
  'crash',
  'bounce',
  'power',
  'blank',
  'rollback',
  'torn',
  'twin',
  'freeze',
  'suspend',
  'lag',
  'diskstall',
  'diskslow',
  'diskerror',
  'readerror',
  'full',
  'rot',
  'trim',
  'leave',
];

const atCoordinators: readonly FaultClass[] = [
  'coordcrash',
  'coordfreeze',
  'coordsuspend',
  'resign',
  'override',
  'outage',
  'unknown',
  'statelost',
  'stateold',
];

export interface Related {
  readonly name: FaultClass;
  /** Where it hits; null = wherever it likes. */
  readonly aim: NodeSeat | null;
}

/** A fault that belongs to what goes on now or to the last fault; null when this run has none that does. */
export function drawRelated(random: Random, world: World, last: NodeSeat | null): Related | null {
  const nodeFaults = world.plan.faults.filter((name) => atNodes.includes(name));
  const coordinatorFaults = world.plan.faults.filter((name) => atCoordinators.includes(name));
  const chains = savedState(world.store)?.chains ?? [];
  const seatOf = (node: string): NodeSeat | null => world.nodes.find((n) => n.name === node) ?? null;

  const joins = chains.filter((c) => c.joiner !== null);
  if (joins.length > 0 && nodeFaults.length > 0) {
    const { members, joiner } = random.pick(joins);
    // The source is the tail.
    const whom = random.pick([members.at(-1)?.node, members.at(-1)?.node, joiner?.node, members[0]?.node]);
    return { name: random.pick(nodeFaults), aim: seatOf(whom ?? '') };
  }
  if (chains.some((c) => !c.handedOut) && coordinatorFaults.length > 0 && random.chance(0.5))
    return { name: random.pick(coordinatorFaults), aim: null };
  if (last === null || nodeFaults.length === 0) return null;
  const near = chains.find((c) => c.members.some((m) => m.node === last.name));
  const others = near?.members.filter((m) => m.node !== last.name) ?? [];
  const aim = others.length > 0 && random.chance(0.7) ? seatOf(random.pick(others).node) : last;
  return { name: random.pick(nodeFaults), aim };
}

export const pairOf = (a: string, b: string): string => (a < b ? `${a} + ${b}` : `${b} + ${a}`);
