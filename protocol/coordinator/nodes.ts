/** Nodes as the leader hears them: registration, heartbeats, read leases, sets. Nothing of this is stored per beat (P47). */
import type { AssignmentSet, Goodbye, Heartbeat, Refused, Register, ReplicaReport } from '../messages.ts';
import { leaseGrantedMs } from '../timings.ts';
import {
  type Assignment,
  type Incarnation,
  incarnation,
  incarnationEpoch,
  type NodeName,
  type Slot,
} from '../words.ts';
import { leads, stepDown } from './election.ts';
import { changeNode } from './saving.ts';
import {
  assignmentOf,
  type ClusterState,
  type CoordinatorState,
  type Heard,
  nodeOf,
  notice,
  type SavedChain,
} from './state.ts';

export function refuse(s: CoordinatorState, link: string, code: Refused['code'], why: string): void {
  s.effects.sends.push({
    link,
    message: {
      kind: 'refused',
      code,
      why,
      leader: s.leaseAddress === s.config.address ? '' : s.leaseAddress,
    },
  });
}

export function onRegister(s: CoordinatorState, link: string, m: Register): void {
  if (!leads(s)) {
    if (s.leading.at === 'orphan') noteOrphan(s, link, m);
    return refuse(
      s,
      link,
      s.leading.at === 'orphan' ? 'RECOVER' : 'NOT_LEADER',
      orphanOr(s, `${s.config.name} does not lead`),
    );
  }
  if (s.work === null) return registerFirst(s, link, m);
  if (m.clusterId !== '' && m.clusterId !== s.work.clusterId)
    return refuse(
      s,
      link,
      'WRONG_CLUSTER',
      `the store of ${m.node} belongs to cluster ${m.clusterId}, this is ${s.work.clusterId}; give the node an empty data folder, or connect it to its own cluster`,
    );
  if (m.epoch > s.work.epoch) {
    // The state went back in time, or another leads: either way nothing good comes of going on (P34).
    refuse(
      s,
      link,
      'OLD_EPOCH',
      `${m.node} has seen epoch ${m.epoch}, this coordinator has ${s.work.epoch}: its state is older than the cluster; restore a newer state or use recover`,
    );
    return stepDown(s, `${m.node} has seen the higher epoch ${m.epoch}`);
  }
  // It asks again because the save takes its time: the incarnation that is on its way is the answer.
  if (s.registering.some((r) => r.node === m.node && r.link === link)) return;
  s.counter++;
  const issued = incarnation(s.work.epoch, s.counter);
  const before = s.heard.get(m.node);
  const known = nodeOf(s.work, m.node);
  const sameStore = known?.store === m.store;
  s.heard.set(m.node, {
    incarnation: issued,
    link,
    at: s.now.mono,
    since: s.now.mono,
    beat: 0,
    leaseUntil: s.now.mono,
    deniedAfter: new Map(),
    reports: new Map(m.reports.map((r) => [r.slot, r])),
    unreachable: new Map(),
    leaving: false,
    failed: '',
    space: 'ok',
    fullSince: null,
    gone: false,
    admitted: false,
    heldEpoch: 0 as Heard['heldEpoch'],
    heldRevision: 0 as Heard['heldRevision'],
    sentRevision: 0 as Heard['sentRevision'],
    sentAt: Number.NEGATIVE_INFINITY,
  });
  // The old process is over when it said so, or when the new one holds the store's lock on the same machine (R23).
  const over =
    known !== undefined &&
    (before?.gone === true || (sameStore && m.lockProof && m.previous === known.incarnation));
  if (known !== undefined && !over)
    rememberLease(s, known.incarnation, before?.leaseUntil ?? takeoverLease(s));
  if (known !== undefined && over) s.overs.add(known.incarnation);
  changeNode(s, {
    node: m.node,
    store: m.store,
    incarnation: issued,
    place: m.place,
    drain: sameStore && known !== undefined ? known.drain : false,
  });
  s.registering.push({ link, node: m.node, incarnation: issued });
}

/** No state yet: only blank nodes may begin a cluster; any other says that a state was lost (R30). */
function registerFirst(s: CoordinatorState, link: string, m: Register): void {
  if (m.clusterId !== '') {
    const why = `there is no saved state, but ${m.node} belongs to cluster ${m.clusterId}: the state was lost`;
    orphan(s, why);
    noteOrphan(s, link, m);
    return refuse(s, link, 'RECOVER', why);
  }
  s.firsts.set(m.node, { link, message: m });
}

/** Holds the lease and leads nothing until an operator's word. */
export function orphan(s: CoordinatorState, why: string): void {
  s.leading = { at: 'orphan', why };
  notice(s, 'error', 'state.lost', { why });
}

const orphanOr = (s: CoordinatorState, otherwise: string): string =>
  s.leading.at === 'orphan' ? s.leading.why : otherwise;

function noteOrphan(s: CoordinatorState, link: string, m: Register): void {
  s.orphans.set(m.node, {
    link,
    epoch: m.epoch,
    clusterId: m.clusterId,
    place: m.place,
    store: m.store,
    assignments: m.assignments,
    lost: new Set(m.reports.filter((r) => r.state === 'lost').map((r) => r.slot)),
  });
}

/** Any lease that a predecessor granted is over by then (P43, R14). */
export const takeoverLease = (s: CoordinatorState): number =>
  s.takeoverAt +
  leaseGrantedMs(s.saved?.leaseMsMax ?? s.desired.timings.readLeaseMs, s.desired.timings.clockRate);

function rememberLease(s: CoordinatorState, of: Incarnation, until: number): void {
  s.leases.set(of, Math.max(until, s.leases.get(of) ?? Number.NEGATIVE_INFINITY));
}

/** Until when a read lease of this incarnation may cover the slot. */
export function leaseUntil(s: CoordinatorState, node: NodeName, of: Incarnation, slot: Slot): number {
  if (s.overs.has(of)) return Number.NEGATIVE_INFINITY;
  const h = s.heard.get(node);
  const denied = h?.incarnation === of ? h.deniedAfter.get(slot) : undefined;
  if (denied !== undefined && h?.gone === false) return denied;
  if (h?.incarnation === of)
    return h.gone
      ? Number.NEGATIVE_INFINITY
      : Math.max(
          h.leaseUntil,
          incarnationEpoch(of) === s.saved?.epoch ? Number.NEGATIVE_INFINITY : takeoverLease(s),
        );
  return s.leases.get(of) ?? takeoverLease(s);
}

export function onHeartbeat(s: CoordinatorState, link: string, m: Heartbeat): void {
  if (!leads(s) || s.saved === null || s.work === null)
    return refuse(
      s,
      link,
      s.leading.at === 'orphan' ? 'RECOVER' : 'NOT_LEADER',
      orphanOr(s, `${s.config.name} does not lead`),
    );
  const known = s.saved.nodes.find((n) => n.incarnation === m.incarnation);
  if (known === undefined) {
    if (s.work.nodes.some((n) => n.incarnation === m.incarnation)) return;
    return refuse(
      s,
      link,
      'UNKNOWN_INCARNATION',
      'this incarnation was replaced or never issued; register anew',
    );
  }
  const current = nodeOf(s.work, known.node);
  if (current?.incarnation !== m.incarnation)
    return refuse(
      s,
      link,
      'UNKNOWN_INCARNATION',
      `a newer process of ${known.node} registered; register anew`,
    );
  if (m.epoch > s.saved.epoch) return stepDown(s, `${known.node} holds a set of the higher epoch ${m.epoch}`);
  const h = heardOf(s, known.node, m.incarnation, link);
  if (h.gone || m.beat <= h.beat) return;
  h.beat = m.beat;
  h.link = link;
  h.at = s.now.mono;
  if (m.epoch === s.saved.epoch) {
    for (const r of m.reports) h.reports.set(r.slot, r);
    h.heldEpoch = m.epoch;
    h.heldRevision = m.revision;
  }
  h.unreachable = new Map(m.unreachable.map((u) => [u.node, u.forMs]));
  h.leaving = m.leaving;
  if (m.failed !== '') h.failed = m.failed;
  h.space = m.space;
  h.fullSince = m.space === 'full' ? (h.fullSince ?? s.now.mono) : null;
  grant(s, known.node, h, m);
}

function heardOf(s: CoordinatorState, node: NodeName, of: Incarnation, link: string): Heard {
  const known = s.heard.get(node);
  if (known?.incarnation === of) return known;
  const h: Heard = {
    incarnation: of,
    link,
    at: s.now.mono,
    since: s.now.mono,
    beat: 0,
    leaseUntil: takeoverLease(s),
    deniedAfter: new Map(),
    reports: new Map(),
    unreachable: new Map(),
    leaving: false,
    failed: '',
    space: 'ok',
    fullSince: null,
    gone: false,
    admitted: false,
    heldEpoch: 0 as Heard['heldEpoch'],
    heldRevision: 0 as Heard['heldRevision'],
    sentRevision: 0 as Heard['sentRevision'],
    sentAt: Number.NEGATIVE_INFINITY,
  };
  s.heard.set(node, h);
  return h;
}

/** The lease is granted while this leader's own is alive, and for no slot whose chain leaves the node out (R6, R12). */
function grant(s: CoordinatorState, node: NodeName, h: Heard, m: Heartbeat): void {
  const saved = s.saved as ClusterState;
  const leaseMs =
    m.epoch === saved.epoch && h.failed === ''
      ? Math.min(s.desired.timings.readLeaseMs, saved.leaseMsMax)
      : 0;
  const denied = deniedSlots(s, node, h);
  // A slot that is denied from now on was covered by no later grant than the last one.
  for (const slot of h.deniedAfter.keys()) if (!denied.includes(slot)) h.deniedAfter.delete(slot);
  for (const slot of denied)
    if (!h.deniedAfter.has(slot)) h.deniedAfter.set(slot, leaseUntil(s, node, h.incarnation, slot));
  const until = s.now.mono + leaseGrantedMs(leaseMs, s.desired.timings.clockRate);
  if (leaseMs > 0 && until > h.leaseUntil) h.leaseUntil = until;
  s.effects.sends.push({
    link: h.link,
    message: {
      kind: 'grant',
      epoch: saved.epoch,
      incarnation: h.incarnation,
      beat: m.beat,
      leaseMs,
      denied,
      report: m.epoch === saved.epoch ? m.report : 0,
      admitted: h.admitted,
      left: h.leaving && !saved.chains.some((c) => involves(c, h.incarnation)),
    },
  });
  publishTo(s, node, h);
}

const involves = (c: SavedChain, of: Incarnation): boolean =>
  c.members.some((m) => m.incarnation === of) || c.joiner?.incarnation === of;

/**
 * Slots on which the node may act although a saved or decided version leaves its incarnation out, or took it in only
 * after the version that it reports.
 */
function deniedSlots(s: CoordinatorState, node: NodeName, h: Heard): Slot[] {
  const denied: Slot[] = [];
  for (const report of h.reports.values()) {
    if (report.state !== 'member' && report.state !== 'serving') continue;
    if (!covered(s.saved, report, h.incarnation) || !covered(s.work, report, h.incarnation))
      denied.push(report.slot);
  }
  if (denied.length > 0) notice(s, 'debug', 'lease.denied', { node, slots: denied });
  return denied;
}

function covered(state: ClusterState | null, report: ReplicaReport, of: Incarnation): boolean {
  const chain = state?.chains[report.slot];
  const member = chain?.members.find((m) => m.incarnation === of);
  return member !== undefined && report.version >= member.since;
}

export function onGoodbye(s: CoordinatorState, m: Goodbye): void {
  for (const h of s.heard.values()) {
    if (h.incarnation !== m.incarnation) continue;
    h.gone = true;
    h.leaseUntil = Number.NEGATIVE_INFINITY;
  }
}

/** Sends a node the whole set that it should have, when it does not hold the newest (4.2). */
export function publishTo(s: CoordinatorState, node: NodeName, h: Heard): void {
  const saved = s.saved;
  if (saved === null || !leads(s) || h.gone) return;
  if (h.heldEpoch === saved.epoch && h.heldRevision === saved.revision) return;
  // Sent and not yet installed: again only when it may be lost.
  if (h.sentRevision === saved.revision && s.now.mono - h.sentAt < 2 * s.desired.timings.heartbeatMs) return;
  h.sentRevision = saved.revision;
  h.sentAt = s.now.mono;
  const assignments: Assignment[] = [];
  const routes: Assignment[] = [];
  for (const c of saved.chains) {
    const a = assignmentFor(s, c, node, h);
    if (a === null) routes.push(assignmentOf(c));
    else assignments.push(a);
  }
  const set: AssignmentSet = {
    kind: 'set',
    clusterId: saved.clusterId,
    epoch: saved.epoch,
    revision: saved.revision,
    incarnation: h.incarnation,
    assignments,
    routes,
  };
  s.effects.sends.push({ link: h.link, message: set });
  for (const c of saved.chains) {
    const p = s.publishedAt.get(c.slot);
    if (c.handedOut && p?.version !== c.version)
      s.publishedAt.set(c.slot, { version: c.version, at: s.now.mono });
  }
}

/** What this node should know of a chain as its own business; null = nothing. */
function assignmentFor(s: CoordinatorState, c: SavedChain, node: NodeName, h: Heard): Assignment | null {
  if (involves(c, h.incarnation)) {
    // Remaining members get the version only when nobody who is left out can still answer reads (R6).
    return c.handedOut ? assignmentOf(c) : null;
  }
  const report = h.reports.get(c.slot);
  const holds = report !== undefined && (report.version > 0 || report.end.seq > 0);
  if (!holds) return null;
  // The left-out one may know at once: installing it ends its lease. Data goes only when the chain is whole without it (R19).
  const keep = c.members.some((m) => m.node === node) || c.joiner?.node === node;
  return { ...assignmentOf(c), drop: !keep && dropAllowed(c, s.desired.replicationFactor) };
}

/** A short chain may still want this node back, by delta: only one of full length lets the data go. */
const dropAllowed = (c: SavedChain, length: number): boolean =>
  c.handedOut && c.members.length >= length && c.members.every((m) => m.whole) && c.joiner === null;

/** A node that does not act on a chain any more: it installed a version without itself, or holds nothing. */
export function acknowledgedLeaving(
  s: CoordinatorState,
  node: NodeName,
  of: Incarnation,
  chain: SavedChain,
): boolean {
  const h = s.heard.get(node);
  if (h?.incarnation !== of) return false;
  const report = h.reports.get(chain.slot);
  return (
    report !== undefined &&
    report.version >= chain.version &&
    report.state !== 'member' &&
    report.state !== 'serving'
  );
}

export function announceRegistered(s: CoordinatorState): void {
  const saved = s.saved;
  if (saved === null || !leads(s)) return;
  const waiting = s.registering;
  s.registering = [];
  for (const r of waiting) {
    const node = nodeOf(saved, r.node);
    if (node?.incarnation === r.incarnation)
      s.effects.sends.push({
        link: r.link,
        message: {
          kind: 'registered',
          clusterId: saved.clusterId,
          epoch: saved.epoch,
          incarnation: r.incarnation,
          slots: saved.slots,
        },
      });
    else if (s.work?.nodes.some((n) => n.incarnation === r.incarnation) === true) s.registering.push(r);
  }
}
