/**
 * What should change next, and why: a pure function of what is known. Repairs come before moves, moves before
 * balance; only so many slots change at once; the same input gives the same plan.
 */
import type { NodeName, Slot } from '../words.ts';
import { type Candidate, Placement } from './placement.ts';

export interface PlannerNode extends Candidate {
  /** May take new replicas: healthy, not flapping, not leaving. */
  readonly joinable: boolean;
  /** Its disk has little room: it takes a replica where one is missing, and none for balance. */
  readonly tight: boolean;
  /** Should hold replicas at all: not draining, not dead for longer than the repair delay. */
  readonly eligible: boolean;
  /** Peers that it can't reach, or is kept apart from because it could not lately (R47). */
  readonly unreachable: ReadonlySet<NodeName>;
}

export interface PlannerChain {
  readonly slot: Slot;
  /** Head first. */
  readonly members: readonly NodeName[];
  readonly joiner: NodeName | null;
  /** Every member serves the present version: the chain may change. */
  readonly stable: boolean;
}

export interface PlannerWish {
  readonly replicationFactor: number;
  readonly concurrentMoves: number;
}

export type Change =
  | { readonly kind: 'join'; readonly slot: Slot; readonly node: NodeName; readonly reason: string }
  | { readonly kind: 'remove'; readonly slot: Slot; readonly node: NodeName; readonly reason: string }
  | {
      readonly kind: 'reorder';
      readonly slot: Slot;
      readonly members: readonly NodeName[];
      readonly reason: string;
    };

/** The nodes that should hold each slot. */
export type Targets = ReadonlyMap<Slot, readonly NodeName[]>;

/** Depends on the eligible nodes and the wish alone: a caller may keep it while those stay the same. */
export function targetsOf(nodes: readonly PlannerNode[], slots: readonly Slot[], wish: PlannerWish): Targets {
  const placement = new Placement(nodes.filter((n) => n.eligible));
  return new Map(slots.map((slot) => [slot, placement.of(slot, wish.replicationFactor)]));
}

export function plan(
  nodes: readonly PlannerNode[],
  chains: readonly PlannerChain[],
  wish: PlannerWish,
  targets: Targets,
): readonly Change[] {
  const eligible = nodes.filter((n) => n.eligible);
  const byName = new Map(nodes.map((n) => [n.node, n]));
  const changes: Change[] = [];
  let room = wish.concurrentMoves - chains.filter((c) => c.joiner !== null).length;

  // Short chains first: they are the ones in danger; the shortest before the others.
  const waiting = chains
    .filter((c) => c.stable && c.joiner === null)
    .sort((a, b) => a.members.length - b.members.length || a.slot - b.slot);
  for (const c of waiting) {
    const target = targets.get(c.slot) ?? [];
    const surplus = pickSurplus(c, target, wish.replicationFactor);
    if (surplus !== null) {
      changes.push({
        kind: 'remove',
        slot: c.slot,
        node: surplus,
        reason: `${surplus} is not needed any more: ${c.members.length} of ${wish.replicationFactor} replicas`,
      });
      continue;
    }
    const isShort = c.members.length < wish.replicationFactor;
    const joiner = pickJoiner(c, target, byName, isShort);
    if (joiner === null && isShort && room > 0) {
      const turned = turn(c, target, byName);
      if (turned !== null) changes.push(turned);
    }
    if (joiner === null || room <= 0) continue;
    room--;
    changes.push({ kind: 'join', slot: c.slot, node: joiner, reason: joinReason(c, joiner, wish) });
  }
  if (changes.length === 0 && waiting.length === chains.length) {
    const balanced = reorder(
      chains,
      eligible.map((n) => n.node),
      byName,
    );
    if (balanced !== null) changes.push(balanced);
  }
  return changes;
}

function joinReason(c: PlannerChain, joiner: NodeName, wish: PlannerWish): string {
  return c.members.length < wish.replicationFactor
    ? `${joiner} joins: the chain has ${c.members.length} of ${wish.replicationFactor} replicas`
    : `${joiner} joins: placement wants the slot there`;
}

/** A member too many: outside the target first, the latest in the chain first. Never below what the target offers. */
function pickSurplus(c: PlannerChain, target: readonly NodeName[], length: number): NodeName | null {
  if (c.members.length <= Math.min(length, Math.max(1, target.length))) return null;
  const outside = c.members.filter((m) => !target.includes(m));
  return outside[outside.length - 1] ?? c.members[c.members.length - 1] ?? null;
}

/** The most wanted node that is not there yet, can take it, and can talk with the tail. */
function pickJoiner(
  c: PlannerChain,
  target: readonly NodeName[],
  byName: Nodes,
  short: boolean,
): NodeName | null {
  const tail = c.members[c.members.length - 1];
  if (tail === undefined) return null;
  for (const node of target) if (mayJoin(c, node, byName, short) && linked(byName, tail, node)) return node;
  return null;
}

function mayJoin(c: PlannerChain, node: NodeName, byName: Nodes, short: boolean): boolean {
  const n = byName.get(node);
  return n !== undefined && !c.members.includes(node) && n.joinable && (!n.tight || short);
}

type Nodes = ReadonlyMap<NodeName, PlannerNode>;

/** Both reach each other, as far as is known. */
const linked = (byName: Nodes, a: NodeName, b: NodeName): boolean =>
  byName.get(a)?.unreachable.has(b) !== true && byName.get(b)?.unreachable.has(a) !== true;

/** No two neighbours are known not to reach each other. */
const unbroken = (byName: Nodes, members: readonly NodeName[]): boolean =>
  members.every((m, i) => i === 0 || linked(byName, members[i - 1] as NodeName, m));

/** The node that a short chain waits for reaches another member, not the tail: that one becomes the tail first. */
function turn(c: PlannerChain, target: readonly NodeName[], byName: Nodes): Change | null {
  const tail = c.members[c.members.length - 1];
  for (const node of target) {
    if (!mayJoin(c, node, byName, true)) continue;
    for (const next of c.members) {
      const members = moved(c.members, next, 'tails');
      if (next === tail || !linked(byName, next, node) || !unbroken(byName, members)) continue;
      const reason = `${node} can't reach the tail ${tail}: ${next} becomes the tail, so that it can join`;
      return { kind: 'reorder', slot: c.slot, members, reason };
    }
  }
  return null;
}

/** One step towards even numbers of heads, then of tails. Only when nothing else is to be done. */
function reorder(chains: readonly PlannerChain[], nodes: readonly NodeName[], byName: Nodes): Change | null {
  if (nodes.length < 2) return null;
  return balance(chains, nodes, byName, 'heads') ?? balance(chains, nodes, byName, 'tails');
}

function balance(
  chains: readonly PlannerChain[],
  nodes: readonly NodeName[],
  byName: Nodes,
  what: 'heads' | 'tails',
): Change | null {
  const at = (c: PlannerChain): NodeName | undefined =>
    what === 'heads' ? c.members[0] : c.members[c.members.length - 1];
  const count = new Map<NodeName, number>(nodes.map((n) => [n, 0]));
  for (const c of chains) {
    const n = at(c);
    if (n !== undefined && count.has(n)) count.set(n, (count.get(n) as number) + 1);
  }
  const order = [...count].sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1));
  const most = order[order.length - 1];
  if (most === undefined) return null;
  for (const [few, n] of order) {
    if (most[1] - n < 2) return null;
    const c = chains.find(
      (x) =>
        at(x) === most[0] &&
        x.members.includes(few) &&
        fits(x, few, what) &&
        unbroken(byName, moved(x.members, few, what)),
    );
    if (c === undefined) continue;
    return {
      kind: 'reorder',
      slot: c.slot,
      members: moved(c.members, few, what),
      reason: `${few} has ${n} ${what}, ${most[0]} has ${most[1]}`,
    };
  }
  return null;
}

/** Balancing tails must not undo what balancing heads did. */
const fits = (c: PlannerChain, node: NodeName, what: 'heads' | 'tails'): boolean =>
  what === 'heads' || c.members[0] !== node;

function moved(members: readonly NodeName[], node: NodeName, what: 'heads' | 'tails'): NodeName[] {
  const tail = members[members.length - 1] as NodeName;
  const head = members[0] as NodeName;
  const rest = members.filter((m) => m !== node);
  if (what === 'tails') return [...rest, node];
  // The tail stays the tail where it can, the old head takes the place of the new one.
  if (node === tail && members.length > 1) return [node, ...rest.filter((m) => m !== head), head];
  return [node, ...rest];
}
