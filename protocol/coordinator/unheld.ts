/**
 * Slots of which no node that is heard knows any version, when a lost state is built anew. Either their chains were never
 * installed anywhere, so that nothing was ever written to them, or who held them is not heard. They begin anew, empty,
 * when every node of the cluster is heard with what it holds; else only when the operator's order gives them up (R30).
 */
import { Placement } from '../planner/placement.ts';
import { type ChainVersion, type Epoch, incarnation, type NodeName, type Slot } from '../words.ts';
import type { ClusterState, CoordinatorState, Orphan, SavedChain, SavedNode } from './state.ts';

/** The nodes of one cluster that are heard. */
export type Heirs = ReadonlyMap<NodeName, Orphan>;

/** Why slots that nobody who is heard ever held may not begin anew; '' = they may. */
export function mayNotFound(
  s: CoordinatorState,
  heirs: Heirs,
  slots: readonly Slot[],
  givenUp: readonly Slot[],
): string {
  const open = slots.filter((slot) => !givenUp.includes(slot));
  const absent = absentOf(s, heirs);
  if (open.length === 0 || absent === '') return '';
  const which = `${open.length === 1 ? 'slot' : 'slots'} ${open.join(', ')}`;
  return `no node that is heard ever held ${which}, and ${absent}; start the nodes that are missing, or give up what they hold of ${which} (--give-up-slots ${slots.join(',')})`;
}

/**
 * Who of the cluster is not heard; '' = everybody is. What is left of a state names every slot: where a slot is unknown
 * there is none, and what the nodes tell of each other and the manifest's number are all that is known of its nodes.
 */
function absentOf(s: CoordinatorState, heirs: Heirs): string {
  const absent = new Set<NodeName>();
  for (const o of heirs.values())
    for (const { members, joiner } of o.assignments.values())
      for (const m of joiner === null ? members : [...members, joiner])
        if (!heirs.has(m.node)) absent.add(m.node);
  for (const [name, o] of heirs) if (!o.complete) absent.add(name);
  if (absent.size > 0) return `${[...absent].sort().join(', ')} is not heard with what it held`;
  return heirs.size < s.desired.nodes
    ? `${heirs.size} of the ${s.desired.nodes} nodes that the manifest asks for are heard`
    : '';
}

/** An empty chain, placed as the first ones were. */
export function foundAnew(
  s: CoordinatorState,
  heirs: Heirs,
  nodes: readonly SavedNode[],
  slot: Slot,
  version: ChainVersion,
): SavedChain {
  const staying = nodes.filter((n) => !n.drain && !s.desired.drain.includes(n.node));
  const candidates = (staying.length === 0 ? nodes : staying).map((n) => ({ ...n.place, node: n.node }));
  const members = new Placement(candidates).of(slot, s.desired.replicationFactor).map((name) => {
    const { store, incarnation: of, place } = heirs.get(name) as Orphan;
    return { node: name, store, incarnation: of, address: place.address, since: version, whole: true };
  });
  return {
    slot,
    version,
    members,
    joiner: null,
    excluded: [],
    handedOut: false,
    reason: 'begun anew by an operator, as no node held it',
  };
}

/** Nodes as they stand in a state that is built anew: under no incarnation that any process has. */
export const nodesAnew = (heirs: Heirs, left: ClusterState | null, epoch: Epoch): SavedNode[] =>
  [...heirs]
    .map(([node, { store, place }]) => ({
      node,
      store,
      incarnation: incarnation(epoch, 0),
      place,
      drain: left?.nodes.find((n) => n.node === node)?.drain ?? false,
    }))
    .sort((a, b) => (a.node < b.node ? -1 : 1));
