/** What planning costs for a cluster far larger than any machine here can run. */
import {
  type PlannerChain,
  type PlannerNode,
  plan,
  type Targets,
  targetsOf,
} from '../../protocol/planner/planner.ts';
import { type NodeName, nodeName, slot } from '../../protocol/words.ts';

export interface PlannerCost {
  readonly what: string;
  /** Choosing the nodes of every slot: when nodes come, go or change their weight. */
  readonly targetsMs: number;
  /** Deciding what changes next: each time something happened. */
  readonly planMs: number;
  /** Replicas that must be made, and the fewest that would do. */
  readonly moves: number;
  readonly fewest: number;
}

const zones = 3;
const nodesOfHost = 4;
const wish = { replicationFactor: 3, concurrentMoves: 64 };

/** Chains of three on so many nodes in three zones: first placement, steady state, a node less, a node more. */
export function measurePlanner(nodeCount: number, slotCount: number): PlannerCost[] {
  const nodes = Array.from({ length: nodeCount }, (_, i) => node(i));
  const slots = Array.from({ length: slotCount }, (_, i) => slot(i));
  const blank = slots.map((of): PlannerChain => ({ slot: of, members: [], joiner: null, stable: true }));
  const first = cost('first placement', nodes, blank, 0);
  const placed = blank.map((c) => ({ ...c, members: first.targets.get(c.slot) ?? [] }));
  const lost = (nodes[0] as PlannerNode).node;
  const held = placed.filter((c) => c.members.includes(lost)).length;
  const share = Math.round((slotCount * wish.replicationFactor) / (nodeCount + 1));
  return [
    first,
    cost('nothing to do', nodes, placed, 0),
    cost('a node less', nodes.slice(1), placed, held),
    cost('a node more', [...nodes, node(nodeCount)], placed, share),
  ];
}

function cost(
  what: string,
  nodes: readonly PlannerNode[],
  chains: readonly PlannerChain[],
  fewest: number,
): PlannerCost & { readonly targets: Targets } {
  const began = performance.now();
  const targets = targetsOf(
    nodes,
    chains.map((c) => c.slot),
    wish,
  );
  const chosen = performance.now();
  plan(nodes, chains, wish, targets);
  const planned = performance.now();
  return {
    what,
    targetsMs: chosen - began,
    planMs: planned - chosen,
    moves: moved(chains, targets),
    fewest,
    targets,
  };
}

/** Members of the targets that chains do not have; a chain that has none yet is placed, not moved. */
function moved(chains: readonly PlannerChain[], targets: Targets): number {
  let count = 0;
  for (const { slot: of, members } of chains)
    if (members.length > 0)
      count += (targets.get(of) ?? []).filter((wanted: NodeName) => !members.includes(wanted)).length;
  return count;
}

function node(i: number): PlannerNode {
  return {
    node: nodeName(`node-${i}`),
    zone: `zone-${i % zones}`,
    host: `host-${Math.floor(i / nodesOfHost)}`,
    weight: 1,
    joinable: true,
    tight: false,
    eligible: true,
    unreachable: new Set(),
  };
}
