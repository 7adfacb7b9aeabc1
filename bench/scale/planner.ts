/** What planning costs for a cluster far larger than any machine here can run. */
import { type PlannerChain, type PlannerNode, plan } from '../../protocol/planner/planner.ts';
import { type NodeName, nodeName, slot } from '../../protocol/words.ts';

export interface PlannerCost {
  readonly what: string;
  readonly ms: number;
  /** Memberships that the plan wants changed, and the fewest that would do. */
  readonly moves: number;
  readonly fewest: number;
}

const zones = 3;
const nodesOfHost = 4;

/** Chains of three on so many nodes in three zones: first placement, steady state, a node less, a node more. */
export function measurePlanner(nodeCount: number, slotCount: number): PlannerCost[] {
  const wish = { replicationFactor: 3, concurrentMoves: Number.MAX_SAFE_INTEGER };
  const nodes = Array.from({ length: nodeCount }, (_, i) => node(i));
  const blank = Array.from({ length: slotCount }, (_, i) => chain(i, []));
  const first = timed(() => plan(nodes, blank, wish));
  const placed = Array.from({ length: slotCount }, (_, i) =>
    chain(i, first.result.targets.get(slot(i)) ?? []),
  );
  const steady = timed(() => plan(nodes, placed, wish));
  const lost = nodes[0] as PlannerNode;
  const less = timed(() => plan(nodes.slice(1), placed, wish));
  const more = timed(() => plan([...nodes, node(nodeCount)], placed, wish));
  const held = placed.filter((c) => c.members.includes(lost.node)).length;
  const share = Math.round((slotCount * wish.replicationFactor) / (nodeCount + 1));
  return [
    { what: 'first placement', ms: first.ms, moves: 0, fewest: 0 },
    { what: 'nothing to do', ms: steady.ms, moves: moved(placed, steady.result.targets), fewest: 0 },
    { what: 'a node less', ms: less.ms, moves: moved(placed, less.result.targets), fewest: held },
    { what: 'a node more', ms: more.ms, moves: moved(placed, more.result.targets), fewest: share },
  ];
}

function timed<T>(work: () => T): { readonly result: T; readonly ms: number } {
  const began = performance.now();
  const result = work();
  return { result, ms: performance.now() - began };
}

/** Replicas that must be made: members of the target that the chain does not have. */
function moved(chains: readonly PlannerChain[], targets: ReadonlyMap<number, readonly NodeName[]>): number {
  let count = 0;
  for (const { slot: of, members } of chains)
    for (const wanted of targets.get(of) ?? []) if (!members.includes(wanted)) count++;
  return count;
}

function node(i: number): PlannerNode {
  return {
    node: nodeName(`node-${i}`),
    zone: `zone-${i % zones}`,
    host: `host-${Math.floor(i / nodesOfHost)}`,
    weight: 1,
    joinable: true,
    eligible: true,
    unreachable: new Set(),
  };
}

const chain = (of: number, members: readonly NodeName[]): PlannerChain => ({
  slot: slot(of),
  members,
  joiner: null,
  stable: true,
});
