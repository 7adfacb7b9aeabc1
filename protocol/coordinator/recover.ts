/** What only an operator may order: begin anew over a lost state, or let a chain go on with less than everything. */
import {
  type ChainVersion,
  type Epoch,
  incarnation,
  type NodeName,
  type Revision,
  type Slot,
} from '../words.ts';
import type { CoordinatorCommand } from './contract.ts';
import { fence } from './election.ts';
import { changeChain, changeNode } from './saving.ts';
import {
  type ClusterState,
  type CoordinatorState,
  nodeOf,
  notice,
  type SavedChain,
  type SavedMember,
} from './state.ts';

export interface CommandResult {
  readonly ok: boolean;
  readonly message: string;
}

export function drainNode(s: CoordinatorState, node: NodeName, drain: boolean): CommandResult {
  const n = nodeOf(s.work, node);
  if (n === undefined || s.work === null)
    return {
      ok: false,
      message: `there is no node ${node}; nodes: ${(s.work?.nodes ?? []).map((x) => x.node).join(', ')}`,
    };
  changeNode(s, { ...n, drain });
  const others = s.work.nodes.filter((x) => x.node !== node && !x.drain).length;
  const short =
    others < s.desired.replicationFactor
      ? `; only ${others} other nodes remain, so chains will be shorter than ${s.desired.replicationFactor}`
      : '';
  return {
    ok: true,
    message: drain ? `${node} is being emptied${short}` : `${node} may hold replicas again`,
  };
}

/**
 * Rebuilds a lost state from what nodes report (R30): epoch above all reported; per slot the highest version that any
 * store installed, all of whose members must report or be given up by name.
 */
export function recover(
  s: CoordinatorState,
  command: CoordinatorCommand & { kind: 'recover' },
): CommandResult {
  if (s.leading.at !== 'orphan')
    return {
      ok: false,
      message: 'recover is only for a leader whose state was lost; this one has its state',
    };
  const nodes = [...s.orphans].filter(([, o]) => o.clusterId === command.clusterId);
  if (nodes.length === 0)
    return {
      ok: false,
      message: `no node of cluster ${command.clusterId} has registered; start the nodes first`,
    };
  const epoch = (Math.max(...nodes.map(([, o]) => o.epoch)) + 1) as Epoch;
  const chains: SavedChain[] = [];
  for (let slot = 0; slot < s.desired.slots; slot++) {
    const result = recoverChain(s, slot as Slot, command);
    if (typeof result === 'string') return { ok: false, message: result };
    chains.push(result);
  }
  const state: ClusterState = {
    format: 1,
    clusterId: command.clusterId,
    epoch,
    revision: 1 as Revision,
    slots: s.desired.slots,
    leaseMsMax: s.desired.timings.readLeaseMs,
    nodes: nodes.map(([node, o]) => ({
      node,
      store: o.store,
      incarnation: incarnation(epoch, 0),
      place: o.place,
      drain: false,
    })),
    chains,
  };
  notice(s, 'error', 'state.recovered', { clusterId: command.clusterId, epoch, givenUp: command.giveUp });
  s.leading = { at: 'fencing' };
  s.orphans.clear();
  fence(s, state);
  return {
    ok: true,
    message: `state rebuilt at epoch ${epoch} from ${nodes.length} nodes; they register anew now`,
  };
}

function recoverChain(
  s: CoordinatorState,
  slot: Slot,
  command: CoordinatorCommand & { kind: 'recover' },
): SavedChain | string {
  const known = [...s.orphans.values()].flatMap((o) => o.assignments.filter((a) => a.slot === slot));
  const newest = known.reduce<(typeof known)[number] | null>(
    (best, a) => (best === null || a.version > best.version ? a : best),
    null,
  );
  if (newest === null)
    return `no node has ever held slot ${slot}; start the nodes that did, or begin a new cluster`;
  const members: SavedMember[] = [];
  for (const m of newest.members) {
    const o = s.orphans.get(m.node);
    if (o !== undefined && !o.lost.has(slot))
      members.push({
        node: m.node,
        store: o.store,
        incarnation: m.incarnation,
        address: o.place.address,
        since: newest.version,
        whole: true,
      });
    else if (!command.giveUp.includes(m.node))
      return `${m.node}, member of slot ${slot} at version ${newest.version}, has not registered; start it, or give it up by name`;
  }
  if (members.length === 0) return `every member of slot ${slot} is given up: nothing to recover from`;
  return {
    slot,
    version: (newest.version + 1) as ChainVersion,
    members,
    joiner: null,
    excluded: newest.members.map(({ node, incarnation: i }) => ({ node, incarnation: i })),
    handedOut: false,
    reason: `recovered by an operator from version ${newest.version}`,
  };
}

/**
 * Lets a chain restart from one node although others may know more: any node that holds a log of the slot. Logged:
 * acknowledged writes may be lost (4.10).
 */
export function overrideChain(s: CoordinatorState, slot: Slot, node: NodeName): CommandResult {
  const c = s.work?.chains[slot];
  const n = nodeOf(s.work, node);
  const holders = [...s.heard]
    .filter(([, h]) => (h.reports.get(slot)?.end.seq ?? 0) > 0)
    .map(([name]) => name);
  const holds = c?.members.some((m) => m.node === node) === true || holders.includes(node);
  if (c === undefined || n === undefined || !holds)
    return {
      ok: false,
      message: `${node} holds nothing of slot ${slot}; nodes that do: ${holders.join(', ') || 'none that is heard'}`,
    };
  const version = (c.version + 1) as ChainVersion;
  const out = c.members
    .filter((x) => x.incarnation !== n.incarnation)
    .map(({ node: name, incarnation: i }) => ({ node: name, incarnation: i }));
  changeChain(s, {
    slot,
    version,
    members: [
      {
        node,
        store: n.store,
        incarnation: n.incarnation,
        address: n.place.address,
        since: version,
        whole: true,
      },
    ],
    joiner: null,
    excluded: [...c.excluded, ...out],
    handedOut: false,
    reason: `an operator ordered ${node} to carry the chain alone`,
  });
  notice(s, 'error', 'chain.overridden', { slot, node, version, from: c.members.map((x) => x.node) });
  return {
    ok: true,
    message: `slot ${slot} goes on with ${node} alone; acknowledged writes that only others had are lost`,
  };
}
