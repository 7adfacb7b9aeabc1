/**
 * A node and its coordinators: registration, heartbeats, leases, assignment sets. Control is level-triggered (4.2):
 * sets name everything the node should have; absence is no order.
 */
import { limits } from '../limits.ts';
import type {
  AssignmentSet,
  FromCoordinator,
  Grant,
  Held,
  Refused,
  Registered,
  ReplicaReport,
} from '../messages.ts';
import { assign, retire } from '../replica/install.ts';
import { emptyReplicaOf, reportOf } from '../replica/replica.ts';
import { leaseHeldMs } from '../timings.ts';
import {
  type Assignment,
  type ChainVersion,
  type Incarnation,
  type NodeName,
  noIncarnation,
  type Revision,
} from '../words.ts';
import type { NodeContext } from './context.ts';
import { reportedSpace } from './space.ts';
import { type Control, type LinkState, type NodeState, noteReport } from './state.ts';

export function tickControl(s: NodeState): void {
  const c = s.control;
  if (c.left) return;
  const t = s.config.timings;
  const mono = s.now.mono;
  if (mono - c.heardAt > 3 * t.heartbeatMs + t.suspectMs) turnTo(s, nextTarget(s));
  if (!c.linked) return;
  if (!c.registered) {
    if (mono - c.triedAt >= t.heartbeatMs) register(s);
    return;
  }
  if (mono - c.lastBeatAt >= t.heartbeatMs) c.urgent = true;
}

/** Talks to another coordinator. It hears of this node with the next heartbeat, so that refusals can't go in circles. */
function turnTo(s: NodeState, target: number): void {
  const c = s.control;
  c.target = target;
  c.heardAt = s.now.mono;
  c.linked = s.coordinatorLinks.has(targetOf(s));
}

const nextTarget = (s: NodeState): number =>
  (s.control.target + 1) % Math.max(1, s.config.coordinators.length);

export const targetOf = (s: NodeState): string => s.config.coordinators[s.control.target] ?? '';

export function onCoordinatorLink(s: NodeState, to: string, up: boolean): void {
  if (up) s.coordinatorLinks.add(to);
  else s.coordinatorLinks.delete(to);
  if (to !== targetOf(s)) return;
  s.control.linked = up;
  if (up) {
    s.control.triedAt = Number.NEGATIVE_INFINITY;
    s.control.urgent = true;
  }
}

function register(s: NodeState): void {
  const c = s.control;
  c.triedAt = s.now.mono;
  s.effects.control.push({
    to: targetOf(s),
    message: {
      kind: 'register',
      clusterId: c.clusterId,
      node: s.config.name,
      store: s.store,
      place: s.config.place,
      process: s.config.ownClient,
      epoch: c.epoch,
      reign: c.reign,
      revision: c.set.epoch === c.epoch ? c.set.revision : (0 as Revision),
      previous: c.incarnation === noIncarnation ? c.previous : c.incarnation,
      lockProof: s.config.lockProof,
      reports: [...s.replicas.values()].map(reportOf),
    },
  });
}

/**
 * A coordinator without a state that it may believe is told what this store holds, now and then: from it an operator's
 * `recover` builds the state anew (R30). Nothing else changes: the chains go on, and barriers carry their reads.
 */
function announce(s: NodeState): void {
  const c = s.control;
  if (s.now.mono - c.announcedAt < s.config.timings.deadMs) return;
  c.announcedAt = s.now.mono;
  if (c.registered) register(s);
  const known = [...s.replicas.values()].flatMap((r) => r.known ?? []);
  const pages = Math.max(1, Math.ceil(known.length / limits.pageChains));
  for (let page = 0; page < pages; page++)
    s.effects.control.push({
      to: targetOf(s),
      message: {
        kind: 'holdings',
        node: s.config.name,
        store: s.store,
        more: pages - 1 - page,
        assignments: known.slice(page * limits.pageChains, (page + 1) * limits.pageChains),
      },
    });
}

/** Sent with the drain in which it became due: at its time, or at once after an install (R35). */
export function heartbeat(s: NodeState): void {
  const c = s.control;
  if (!c.urgent || !c.registered || !c.linked) return;
  c.urgent = false;
  c.lastBeatAt = s.now.mono;
  c.beat++;
  c.beats.set(c.beat, { sentAt: s.now.mono, installs: s.installs });
  if (c.beats.size > 64) c.beats.delete(c.beats.keys().next().value as number);
  if (![...s.replicas.values()].some((r) => r.installing !== null)) {
    c.held = c.set;
  }
  const reports: ReplicaReport[] = [];
  // An acknowledgement takes all reports up to a number: the lowest numbers go first.
  let report = 0;
  for (const [slot, number] of c.reports) {
    if (reports.length === limits.beatReports) {
      // No lease follows from a part: the coordinator could not know what to deny.
      c.beats.delete(c.beat);
      break;
    }
    const r = s.replicas.get(slot);
    if (r !== undefined) reports.push(reportOf(r));
    report = number;
  }
  s.effects.control.push({
    to: targetOf(s),
    message: {
      kind: 'heartbeat',
      clusterId: c.clusterId,
      incarnation: c.incarnation,
      beat: c.beat,
      ...c.held,
      reports,
      report,
      unreachable: unreachable(s),
      leaving: c.leaving,
      failed: c.failed,
      wall: s.now.wall,
      space: reportedSpace(s),
    },
  });
}

/** Neighbours whose link is down (4.9). */
function unreachable(s: NodeState): { node: NodeName; forMs: number }[] {
  const neighbours = new Set<NodeName>();
  for (const r of s.replicas.values())
    if (r.assignment !== null && r.role !== 'none')
      for (const m of r.assignment.members) neighbours.add(m.node);
  const out: { node: NodeName; forMs: number }[] = [];
  for (const node of neighbours) {
    if (node === s.config.name) continue;
    let link: LinkState | undefined = s.links.get(node);
    if (link === undefined) {
      // A neighbour as of now: the link had no time to come up yet.
      link = { up: false, since: s.now.mono };
      s.links.set(node, link);
    }
    const forMs = s.now.mono - link.since;
    if (!link.up && forMs > 2 * s.config.timings.heartbeatMs) out.push({ node, forMs: Math.floor(forMs) });
  }
  return out;
}

export function onCoordinator(s: NodeState, ctx: NodeContext, from: string, m: FromCoordinator): void {
  switch (m.kind) {
    case 'registered':
      return onRegistered(s, ctx, from, m);
    case 'grant':
      return onGrant(s, from, m);
    case 'set':
      return onSet(s, ctx, from, m);
    case 'refused':
      return onRefused(s, ctx, from, m);
    case 'routes':
      return;
  }
}

/** Epochs never go back, and 0 is nobody's (4.3, P34). False: the message is of a leader of the past. */
function adoptEpoch(
  s: NodeState,
  ctx: NodeContext,
  { epoch, reign }: Pick<Held, 'epoch' | 'reign'>,
): boolean {
  const c = s.control;
  if (epoch === 0 || epoch < c.epoch) return false;
  // Two leaders counted the same epoch over different states: this one is of another history than this node's (R43).
  if (epoch === c.epoch && c.reign !== reign) {
    ctx.notice('error', 'reign.refused', { epoch, reign, own: c.reign });
    return false;
  }
  if (epoch > c.epoch) {
    ctx.notice('info', 'epoch.adopted', { epoch, from: c.epoch });
    c.epoch = epoch;
    c.reign = reign;
    c.identityNews = true;
    // A new leader knows nothing of what the old one heard, and gave none of the orders that were refused.
    for (const r of s.replicas.values()) {
      r.refused = 0 as ChainVersion;
      noteReport(c, r.slot);
    }
    c.urgent = true;
  }
  return true;
}

function onRegistered(s: NodeState, ctx: NodeContext, from: string, m: Registered): void {
  const c = s.control;
  if (from !== targetOf(s) || c.registered) return;
  if (c.clusterId !== '' && c.clusterId !== m.clusterId) return;
  if (!adoptEpoch(s, ctx, m)) return;
  if (m.slots !== s.config.slots) {
    ctx.notice('error', 'node.slots', { own: s.config.slots, cluster: m.slots });
    return;
  }
  // A new incarnation is another member than the old one: nothing goes on under the old name (R3).
  if (c.incarnation !== m.incarnation) for (const r of s.replicas.values()) retire(r, ctx);
  c.heardAt = s.now.mono;
  c.registered = true;
  c.refusal = '';
  c.clusterId = m.clusterId;
  c.incarnation = m.incarnation;
  c.identityNews = true;
  c.urgent = true;
  c.beats.clear();
  s.lease.until = Number.NEGATIVE_INFINITY;
  for (const slot of s.replicas.keys()) noteReport(c, slot);
  ctx.notice('info', 'node.registered', {
    clusterId: m.clusterId,
    epoch: m.epoch,
    incarnation: m.incarnation,
  });
}

function onGrant(s: NodeState, from: string, m: Grant): void {
  const c = s.control;
  if (m.epoch !== c.epoch || m.incarnation !== c.incarnation || from !== targetOf(s)) return;
  c.heardAt = s.now.mono;
  acknowledge(c, m.report);
  const beat = c.beats.get(m.beat);
  if (beat === undefined) return;
  for (const n of c.beats.keys()) if (n <= m.beat) c.beats.delete(n);
  c.admitted = m.admitted;
  if (m.left && c.leaving) c.left = true;
  // Counted from the moment the heartbeat was SENT, with a margin for the clocks' rates.
  if (m.leaseMs > 0) {
    s.lease.until = beat.sentAt + leaseHeldMs(m.leaseMs, s.config.timings.clockRate);
    s.lease.installs = beat.installs;
    s.lease.denied = new Set(m.denied);
  }
}

function acknowledge(c: Control, upTo: number): void {
  const before = c.reports.size;
  for (const [slot, number] of c.reports) {
    if (number > upTo) break;
    c.reports.delete(slot);
  }
  // More than fits in one heartbeat: the next one need not wait for its time.
  if (c.reports.size < before && c.reports.size >= limits.beatReports / 2) c.urgent = true;
}

function onSet(s: NodeState, ctx: NodeContext, from: string, m: AssignmentSet): void {
  const c = s.control;
  if (m.incarnation !== c.incarnation || m.clusterId !== c.clusterId) return;
  if (!adoptEpoch(s, ctx, m)) return;
  // A set that is not newer than the last is ignored (R19).
  if (m.epoch === c.set.epoch && m.revision <= c.set.revision) return;
  if (from === targetOf(s)) c.heardAt = s.now.mono;
  takePage(c, m);
  for (const route of m.routes) {
    const known = s.routes.get(route.slot);
    if (known === undefined || known.version <= route.version) s.routes.set(route.slot, route);
    // A saved version without this node is an order too: whoever acts on an older one stops.
    const r = s.replicas.get(route.slot);
    // One that names it may not be handed out yet (R6): it comes as an assignment when it is.
    if (r === undefined || names(route, c.incarnation)) continue;
    ctx.slot = route.slot;
    assign(r, ctx, route);
  }
  for (const a of m.assignments) {
    ctx.slot = a.slot;
    let r = s.replicas.get(a.slot);
    if (r === undefined) {
      r = emptyReplicaOf(a.slot);
      s.replicas.set(a.slot, r);
    }
    assign(r, ctx, a);
  }
  learnPeers(s);
}

/** Each page holds for its slots at once; the set is held when all of its pages came, in their order. */
function takePage(c: Control, { epoch, reign, revision, page, more }: AssignmentSet): void {
  const held: Held = { epoch, reign, revision };
  const expected = c.paging?.held.epoch === epoch && c.paging.held.revision === revision ? c.paging.next : 0;
  if (page !== expected) {
    c.paging = null;
    return;
  }
  c.paging = more === 0 ? null : { held, next: page + 1 };
  if (more > 0) return;
  c.set = held;
  c.urgent = true;
}

const names = (a: Assignment, incarnation: Incarnation): boolean =>
  a.members.some((m) => m.incarnation === incarnation) || a.joiner?.incarnation === incarnation;

/** Addresses of everybody in a chain, newest incarnation first. */
function learnPeers(s: NodeState): void {
  const add = (m: { node: NodeName; address: string; incarnation: Incarnation }): void => {
    if (m.node === s.config.name) return;
    const known = s.peers.get(m.node);
    if (known === undefined || known.incarnation <= m.incarnation)
      s.peers.set(m.node, { address: m.address, incarnation: m.incarnation });
  };
  for (const a of s.routes.values()) {
    a.members.forEach(add);
    if (a.joiner !== null) add(a.joiner);
  }
  for (const r of s.replicas.values()) {
    const a = r.installing ?? r.assignment;
    a?.members.forEach(add);
    if (a?.joiner) add(a.joiner);
  }
}

function onRefused(s: NodeState, ctx: NodeContext, from: string, m: Refused): void {
  const c = s.control;
  if (from !== targetOf(s)) return;
  ctx.notice(m.code === 'NOT_LEADER' ? 'debug' : 'warn', 'coordinator.refused', {
    from,
    code: m.code,
    why: m.why,
    leader: m.leader,
  });
  if (m.code === 'RECOVER' || m.code === 'WRONG_CLUSTER') {
    // It is there: nobody else would say anything else.
    c.heardAt = s.now.mono;
    c.refusal = m.why;
    if (m.code === 'RECOVER') announce(s);
    return;
  }
  if (m.code === 'NOT_LEADER' || m.code === 'OLD_EPOCH') {
    const hint = s.config.coordinators.indexOf(m.leader);
    turnTo(s, hint >= 0 ? hint : nextTarget(s));
    return;
  }
  if (m.code === 'UNKNOWN_INCARNATION' && c.registered) {
    c.registered = false;
    s.lease.until = Number.NEGATIVE_INFINITY;
  }
}
