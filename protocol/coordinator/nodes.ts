/** Nodes as the leader hears them: registration, heartbeats, read leases, sets. Nothing of this is stored per beat (P47). */
import { limits } from '../limits.ts';
import type {
  AssignmentSet,
  Goodbye,
  Heartbeat,
  Holdings,
  Refused,
  Register,
  ReplicaReport,
} from '../messages.ts';
import { leaseGrantedMs } from '../timings.ts';
import {
  type Assignment,
  type Incarnation,
  incarnation,
  incarnationEpoch,
  type NodeName,
  type Slot,
} from '../words.ts';
import { doubt, hearing, judgeForeign, provesState } from './doubt.ts';
import { leads } from './election.ts';
import { beyond, issuedBeyond, registerBeyond, reportsBeyond } from './history.ts';
import { changeNode } from './saving.ts';
import {
  assignmentOf,
  type ClusterState,
  type CoordinatorState,
  type Heard,
  nodeOf,
  notice,
  type SavedChain,
  type SavedMember,
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

/** Names that one leader keeps at the same time: more registrations than any cluster has nodes are refused. */
const namesMax = 4096;

export function onRegister(s: CoordinatorState, link: string, m: Register): void {
  if (!leads(s)) return refuseAll(s, link, () => noteOrphan(s, link, m));
  if (s.work === null || s.saved === null) return registerFirst(s, link, m);
  if (m.clusterId !== '' && m.clusterId !== s.saved.clusterId)
    return refuseForeign(s, link, m.node, m.clusterId, s.saved.clusterId);
  // A store that belongs to no cluster holds nothing: what it says beside that proves nothing.
  const more = m.clusterId === '' ? '' : registerBeyond(s.saved, m);
  if (more !== '') return doubt(s, m.node, more);
  const before = s.heard.get(m.node);
  const known = nodeOf(s.work, m.node);
  const sameStore = known?.store === m.store;
  if (provesState(s.saved, m.node, m.store, m.reports)) s.confirmed = true;
  // Taken into a state that turns out to be another cluster's, it would belong to that one. It asks again.
  if (m.clusterId === '' && !sameStore && !s.confirmed && !s.hearingOver) return;
  // It asks again because the way is long, or the save takes its time: what was issued to this process is the answer.
  if (
    sameStore &&
    before?.process === m.process &&
    before.incarnation === known.incarnation &&
    !before.gone
  ) {
    before.at = s.now.mono;
    before.link = link;
    s.registering = s.registering.filter((r) => r.node !== m.node);
    s.registering.push({ link, node: m.node, incarnation: known.incarnation });
    return;
  }
  if (known === undefined && s.work.nodes.length >= namesMax)
    return refuse(s, link, 'NAME_TAKEN', `this cluster has ${namesMax} nodes; ${m.node} is one too many`);
  s.counter++;
  const issued = incarnation(s.work.epoch, s.counter);
  s.heard.set(m.node, {
    ...newlyHeard(issued, link, s.now.mono),
    process: m.process,
    told: true,
    reports: new Map(m.reports.map((r) => [r.slot, r])),
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

/** A node of which this leader hears for the first time. */
export const newlyHeard = (of: Incarnation, link: string, at: number): Heard => ({
  incarnation: of,
  process: 0,
  told: false,
  link,
  at,
  since: at,
  beat: 0,
  leaseUntil: at,
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
  sentOver: '',
  sentAt: Number.NEGATIVE_INFINITY,
  undropped: new Set(),
});

/** A node of another cluster: told so, and remembered, because the saved state may be the one that is out of place. */
function refuseForeign(s: CoordinatorState, link: string, node: NodeName, its: string, own: string): void {
  if (s.foreign.size < namesMax) s.foreign.set(node, its);
  judgeForeign(s);
  refuse(
    s,
    link,
    'WRONG_CLUSTER',
    `the store of ${node} belongs to cluster ${its}, this is ${own}; give the node an empty data folder, or connect it to its own cluster`,
  );
}

/** No state yet: only blank nodes may begin a cluster; any other says that a state was lost (R30). */
function registerFirst(s: CoordinatorState, link: string, m: Register): void {
  if (m.clusterId === '') {
    // Decided, and being saved: it asks again when that is done.
    if (s.work === null && s.firsts.size < namesMax) s.firsts.set(m.node, { link, message: m });
    return;
  }
  doubt(s, m.node, `belongs to cluster ${m.clusterId}, and there is no saved state`);
}

/** One that does not lead says why. While it doubts it says nothing: the answer of the store is on its way. */
function refuseAll(s: CoordinatorState, link: string, note: () => void): void {
  if (s.leading.at === 'doubting') return;
  if (s.leading.at !== 'orphan') return refuse(s, link, 'NOT_LEADER', `${s.config.name} does not lead`);
  note();
  if (s.leading.at === 'orphan') refuse(s, link, 'RECOVER', s.leading.why);
}

function noteOrphan(s: CoordinatorState, link: string, m: Register): void {
  const isForeign = s.leading.at === 'orphan' && s.leading.foreign && m.clusterId === s.saved?.clusterId;
  if (isForeign && provesState(s.saved, m.node, m.store, m.reports)) {
    // The state's own members come after all: whose it is was the only doubt.
    notice(s, 'info', 'state.confirmed', { node: m.node });
    s.confirmed = true;
    s.leading = { at: 'leader' };
    return;
  }
  const before = s.orphans.get(m.node);
  if (before === undefined && s.orphans.size >= namesMax) return;
  const same = before?.store === m.store;
  s.orphans.set(m.node, {
    link,
    held: m,
    incarnation: m.previous,
    clusterId: m.clusterId,
    place: m.place,
    store: m.store,
    reports: new Map(m.reports.map((r) => [r.slot, r])),
    assignments: same ? before.assignments : new Map(),
    complete: same && before.complete,
  });
}

/** What a node installed last, page by page; counts when it told all of it. */
export function onHoldings(s: CoordinatorState, m: Holdings): void {
  const o = s.leading.at === 'orphan' ? s.orphans.get(m.node) : undefined;
  if (o === undefined || o.store !== m.store) return;
  for (const a of m.assignments) o.assignments.set(a.slot, a);
  if (m.more === 0) o.complete = true;
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
  if (!leads(s)) return refuseAll(s, link, () => undefined);
  // Whoever was registered knows its cluster.
  if (m.clusterId === '')
    return refuse(s, link, 'UNKNOWN_INCARNATION', 'a heartbeat names its cluster; register anew');
  if (s.saved === null || s.work === null) {
    // Who sends heartbeats was registered once: there was a state (R30, R43).
    return doubt(s, nameOf(link), 'was registered before, and there is no saved state');
  }
  if (m.clusterId !== s.saved.clusterId)
    return refuseForeign(s, link, nameOf(link), m.clusterId, s.saved.clusterId);
  const known = s.saved.nodes.find((n) => n.incarnation === m.incarnation);
  const more =
    beyond(s.saved, m) ||
    (known === undefined ? issuedBeyond(s, m.incarnation) : reportsBeyond(s.saved, m, m.reports));
  if (more !== '') return doubt(s, known?.node ?? nameOf(link), more);
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
  if (provesState(s.saved, known.node, known.store, m.reports)) s.confirmed = true;
  const h = heardOf(s, known.node, m.incarnation, link);
  if (h.gone || m.beat <= h.beat) return;
  h.beat = m.beat;
  h.link = link;
  h.at = s.now.mono;
  if (m.epoch === s.saved.epoch) {
    for (const r of m.reports) h.reports.set(r.slot, r);
    h.heldEpoch = m.epoch;
    h.heldRevision = m.revision;
    h.told ||= s.saved.chains.every((c) => !involves(c, m.incarnation) || h.reports.has(c.slot));
  }
  h.unreachable = new Map(m.unreachable.map((u) => [u.node, u.forMs]));
  h.leaving = m.leaving;
  if (m.failed !== '') h.failed = m.failed;
  h.space = m.space;
  h.fullSince = m.space === 'full' ? (h.fullSince ?? s.now.mono) : null;
  grant(s, known.node, h, m);
}

/** Links are called after the node at their other end. */
const nameOf = (link: string): NodeName => link.replace(/#\d+$/, '') as NodeName;

function heardOf(s: CoordinatorState, node: NodeName, of: Incarnation, link: string): Heard {
  const known = s.heard.get(node);
  if (known?.incarnation === of) return known;
  const h: Heard = { ...newlyHeard(of, link, s.now.mono), leaseUntil: takeoverLease(s) };
  s.heard.set(node, h);
  return h;
}

/** The lease is granted while this leader's own is alive, and for no slot whose chain leaves the node out (R6, R12). */
function grant(s: CoordinatorState, node: NodeName, h: Heard, m: Heartbeat): void {
  const saved = s.saved as ClusterState;
  const leaseMs =
    m.epoch === saved.epoch && h.failed === '' && !hearing(s)
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
  // Sent and on its way, however long that is: again only when it is lost, with the connection or in a full queue.
  const sent = h.sentRevision === saved.revision && h.sentOver === h.link;
  if (sent && s.now.mono - h.sentAt < s.desired.timings.deadMs / 2) return;
  h.sentRevision = saved.revision;
  h.sentOver = h.link;
  h.sentAt = s.now.mono;
  for (const set of pagesOf(s, saved, node, h)) s.effects.sends.push({ link: h.link, message: set });
  for (const c of saved.chains) {
    const p = s.publishedAt.get(c.slot);
    if (c.handedOut && p?.version !== c.version)
      s.publishedAt.set(c.slot, { version: c.version, at: s.now.mono });
  }
}

/** The set of one node, in pages that fit a frame whatever the names are. */
function pagesOf(s: CoordinatorState, saved: ClusterState, node: NodeName, h: Heard): AssignmentSet[] {
  const { clusterId, epoch, revision, chains } = saved;
  const reign = saved.reigns.at(-1)?.id as AssignmentSet['reign'];
  const pages = Math.max(1, Math.ceil(chains.length / limits.pageChains));
  return Array.from({ length: pages }, (_, page) => {
    const assignments: Assignment[] = [];
    const routes: Assignment[] = [];
    for (const c of chains.slice(page * limits.pageChains, (page + 1) * limits.pageChains)) {
      const a = assignmentFor(s, c, node, h);
      if (a === null) routes.push(assignmentOf(c));
      else assignments.push(a);
    }
    const more = pages - 1 - page;
    const { incarnation: of } = h;
    return {
      kind: 'set',
      clusterId,
      epoch,
      reign,
      revision,
      incarnation: of,
      page,
      more,
      assignments,
      routes,
    };
  });
}

/** What this node should know of a chain as its own business; null = nothing. */
function assignmentFor(s: CoordinatorState, c: SavedChain, node: NodeName, h: Heard): Assignment | null {
  h.undropped.delete(c.slot);
  if (involves(c, h.incarnation)) {
    // Remaining members get the version only when nobody who is left out can still answer reads (R6).
    return c.handedOut ? assignmentOf(c) : null;
  }
  const report = h.reports.get(c.slot);
  const holds = report !== undefined && (report.version > 0 || report.end.seq > 0);
  if (!holds) return null;
  // The left-out one may know at once: installing it ends its lease. Data goes only when the chain is whole without it (R19).
  const keep = c.members.some((m) => m.node === node) || c.joiner?.node === node;
  const drop = !keep && dropAllowed(s, c);
  if (!keep && !drop) h.undropped.add(c.slot);
  return { ...assignmentOf(c), drop };
}

/**
 * A short chain may still want this node back, by delta: only one of full length lets the data go, and only when each of
 * its members said to this leader that it serves in this very version (R19, R44).
 */
const dropAllowed = (s: CoordinatorState, c: SavedChain): boolean =>
  c.handedOut &&
  c.members.length >= s.desired.replicationFactor &&
  c.joiner === null &&
  !hearing(s) &&
  c.members.every((m) => m.whole && servesNow(s, c, m));

/** Data may go now that had to stay when the node was last told: it is told again, in a newer set. */
export function dropLater(s: CoordinatorState): void {
  const { saved } = s;
  if (saved === null) return;
  for (const h of s.heard.values())
    for (const slot of h.undropped) {
      const c = saved.chains[slot];
      if (c === undefined || !dropAllowed(s, c)) continue;
      s.proveStore = true;
      return;
    }
}

function servesNow(s: CoordinatorState, c: SavedChain, m: SavedMember): boolean {
  const h = s.heard.get(m.node);
  const report = h?.incarnation === m.incarnation ? h.reports.get(c.slot) : undefined;
  return report?.version === c.version && report.state === 'serving';
}

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
          reign: saved.reigns.at(-1)?.id as AssignmentSet['reign'],
          incarnation: r.incarnation,
          slots: saved.slots,
        },
      });
    else if (s.work?.nodes.some((n) => n.incarnation === r.incarnation) === true) s.registering.push(r);
  }
}
