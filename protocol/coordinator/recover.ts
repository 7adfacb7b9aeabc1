/** What only an operator may order: begin anew over a lost state, or let a chain go on with less than everything. */
import {
  type ChainVersion,
  type Epoch,
  type Incarnation,
  incarnationEpoch,
  type Member,
  type NodeName,
  type Revision,
  type Slot,
} from '../words.ts';
import { isLost } from './chains.ts';
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
import { foundAnew, type Heirs, mayNotFound, nodesAnew } from './unheld.ts';

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

/** What a given-up node may know more than anybody who reports: epochs leave that much room (R30). */
const roomForGivenUp = 1000;
/**
 * Versions always leave room: nodes and clients keep the newest route that they were told, and one that the lost state
 * published may be installed by nobody. They take what is recovered only if it is above that.
 */
const roomForRoutes = 1000;

/**
 * Builds a lost state anew from what nodes report and from what is left of it (R30, R43): epoch above all reported; per
 * slot the highest version that any store installed, all of whose members must report or be given up by name. Had a
 * higher one been in force, one of those members would know it (4.1).
 */
export function recover(
  s: CoordinatorState,
  command: CoordinatorCommand & { kind: 'recover' },
): CommandResult {
  const refused = mayNotRecover(s);
  if (refused !== '') return { ok: false, message: refused };
  const nodes = [...s.orphans].filter(([, o]) => o.clusterId === command.clusterId);
  if (nodes.length === 0) return { ok: false, message: nobodyOf(s, command.clusterId) };
  const silent = nodes.filter(([name, o]) => !o.complete && !command.giveUp.includes(name));
  if (silent.length > 0)
    return {
      ok: false,
      message: `${silent.map(([name]) => name).join(', ')} has not told yet what it holds; ask again in a moment`,
    };
  const left = s.saved?.clusterId === command.clusterId ? s.saved : null;
  const slots = left?.slots ?? s.desired.slots;
  const room = command.giveUp.length > 0 || command.giveUpSlots.length > 0 ? roomForGivenUp : 1;
  const epochs = nodes.flatMap(([, o]) => [o.held.epoch, incarnationEpoch(o.incarnation)]);
  const epoch = (Math.max(left?.epoch ?? 0, ...epochs) + room) as Epoch;
  const heirs: Heirs = new Map(nodes);
  const nodesNow = nodesAnew(heirs, left, epoch);
  const chains: SavedChain[] = [];
  const unheld: Slot[] = [];
  for (let slot = 0 as Slot; slot < slots; slot++) {
    const result = recoverChain(heirs, left, slot, command);
    if (typeof result === 'string') return { ok: false, message: result };
    if (result === null) unheld.push(slot);
    chains.push(result ?? foundAnew(s, heirs, nodesNow, slot, roomForRoutes as ChainVersion));
  }
  const forbidden = mayNotFound(s, heirs, unheld, command.giveUpSlots);
  if (forbidden !== '') return { ok: false, message: forbidden };
  const revisions = nodes.map(([, o]) => o.held.revision);
  const revision = (Math.max(left?.revision ?? 0, ...revisions) + 1) as Revision;
  const state: ClusterState = {
    format: 2,
    clusterId: command.clusterId,
    epoch,
    revision,
    slots,
    // Nothing before it counts: what nodes of earlier epochs hold is what this was built from.
    reigns: [],
    leaseMsMax: Math.max(left?.leaseMsMax ?? 0, s.desired.timings.readLeaseMs),
    nodes: nodesNow,
    chains,
  };
  notice(s, 'error', 'state.recovered', {
    clusterId: command.clusterId,
    epoch,
    givenUp: command.giveUp,
    begunAnew: unheld,
  });
  s.leading = { at: 'fencing' };
  fence(s, state);
  return { ok: true, message: doneSentence(state, unheld) };
}

/** What was done, and what of it the operator should look at. */
function doneSentence({ epoch, nodes }: ClusterState, unheld: readonly Slot[]): string {
  const draining = nodes.filter((n) => n.drain).map((n) => n.node);
  return [
    `state rebuilt at epoch ${epoch} from ${nodes.length} nodes; they register anew now`,
    unheld.length === 0 ? [] : `begun anew, empty, as no node held them: slots ${unheld.join(', ')}`,
    draining.length === 0
      ? []
      : `marked to be emptied in what was left of the state: ${draining.join(', ')} (chainctl undrain NODE for each that is to stay)`,
  ]
    .flat()
    .join('; ');
}

function mayNotRecover(s: CoordinatorState): string {
  const { at } = s.leading;
  if (at === 'orphan') return '';
  if (at === 'fencing' || at === 'doubting')
    return 'this coordinator is just finding out what the state store holds; ask again in a moment';
  if (at === 'follower') {
    const leader = s.leaseAddress === '' ? 'the leader; there is none now' : `the leader, ${s.leaseAddress}`;
    return `${s.config.name} does not lead; ask ${leader}`;
  }
  if (s.saved === null)
    return 'there is no saved state, and no node of a cluster was heard yet; start the nodes, and ask again when one is heard';
  return `recover is only for a state that was lost; this leader has its state (cluster ${s.saved.clusterId}, epoch ${s.saved.epoch}, revision ${s.saved.revision}), and no node holds more`;
}

function nobodyOf(s: CoordinatorState, clusterId: string): string {
  const ids = [...new Set([...s.orphans.values()].map((o) => o.clusterId).filter((id) => id !== ''))];
  const heard = ids.length === 0 ? '' : `; nodes of cluster ${ids.join(' and ')} have`;
  return `no node of cluster ${clusterId} has registered${heard}; start the nodes first, and give the id that they have`;
}

/** The chain as its newest version had it; null: nobody who is heard knows one; a sentence: it can't be. */
function recoverChain(
  orphans: Heirs,
  left: ClusterState | null,
  slot: Slot,
  command: CoordinatorCommand & { kind: 'recover' },
): SavedChain | string | null {
  const saved = left?.chains[slot];
  let newest: { readonly version: ChainVersion; readonly members: readonly Member[] } | null = saved ?? null;
  for (const o of orphans.values()) {
    const known = o.assignments.get(slot);
    if (known !== undefined && (newest === null || known.version > newest.version)) newest = known;
  }
  if (newest === null) return null;
  const reportOf = (node: NodeName) => orphans.get(node)?.reports.get(slot);
  const someServe = newest.members.some((m) => reportOf(m.node)?.state === 'serving');
  // After a power cut of all machines under `os` nobody surely has everything: the chain is what it was, and waits (2.7).
  const unproven = newest.members.every((m) => orphans.get(m.node) === undefined || isLost(reportOf(m.node)));
  const members: SavedMember[] = [];
  for (const m of newest.members) {
    const o = orphans.get(m.node);
    // One that knows the slot at no version at all has another store by now, unless the state says that it is this one.
    const own =
      newest === saved ? saved.members.find((x) => x.node === m.node && x.store === o?.store) : undefined;
    const holds =
      (own !== undefined || o?.assignments.has(slot) === true) &&
      (!isLost(reportOf(m.node)) || (unproven && !command.giveUp.includes(m.node)));
    if (o !== undefined && holds)
      members.push({
        node: m.node,
        store: o.store,
        incarnation: m.incarnation,
        address: o.place.address,
        since: newest.version,
        whole: own?.whole ?? (!someServe || reportOf(m.node)?.state === 'serving'),
      });
    else if (!command.giveUp.includes(m.node))
      return `${m.node}, member of slot ${slot} at version ${newest.version}, ${o === undefined ? 'has not registered with what it held; start it with its data' : 'has lost what it held of it'}, or give it up by name`;
  }
  if (members.length === 0) return `every member of slot ${slot} is given up: nothing to recover from`;
  const excluded = new Map<Incarnation, { node: NodeName; incarnation: Incarnation }>();
  for (const { node, incarnation: of } of [
    ...newest.members,
    ...(saved?.members ?? []),
    ...(saved?.excluded ?? []),
  ])
    excluded.set(of, { node, incarnation: of });
  return {
    slot,
    version: (newest.version + roomForRoutes) as ChainVersion,
    members,
    joiner: null,
    excluded: [...excluded.values()],
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
    // One that an order before left out, and that is named now, waits for nobody's lease but others'.
    excluded: [...c.excluded, ...out].filter((x) => x.incarnation !== n.incarnation),
    handedOut: false,
    reason: `an operator ordered ${node} to carry the chain alone`,
  });
  notice(s, 'error', 'chain.overridden', { slot, node, version, from: c.members.map((x) => x.node) });
  return {
    ok: true,
    message: `slot ${slot} goes on with ${node} alone; acknowledged writes that only others had are lost`,
  };
}
