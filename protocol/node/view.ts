/** What people, metrics and `/state` see of a storage node. Plain data, made anew at each look. */
import { canRead } from '../replica/reading.ts';
import type { Replica } from '../replica/state.ts';
import type { ChainPlace, NodeView, ReplicaView } from './contract.ts';
import { targetOf } from './control.ts';
import { whyForeign } from './foreign.ts';
import { repairsIn, slotsToScrub, undecidedIn } from './scrub.ts';
import type { NodeState } from './state.ts';

export function viewOf(s: NodeState): NodeView {
  const c = s.control;
  return {
    node: s.config.name,
    store: s.store,
    clusterId: c.clusterId,
    incarnation: c.incarnation,
    epoch: c.epoch,
    coordinator: targetOf(s),
    registered: c.registered,
    refusal: c.refusal,
    foreign: whyForeign(s),
    admitted: isAdmitted(s),
    leaving: c.leaving,
    left: hasLeft(s),
    failed: c.failed,
    space: s.space.level,
    out: s.space.out,
    tightPeers: s.space.peers.size,
    leaseUntil: s.lease.until,
    waitingBytes: s.waitingBytes,
    pendingBytes: s.pendingBytes,
    passed: s.passed.size,
    asked: s.asked.size,
    lists: Math.max(s.lists.size, s.listScans),
    scrub: {
      records: s.scrub.records,
      damaged: s.scrub.damaged,
      compared: s.scrub.compared,
      differing: s.scrub.differing,
      skipped: s.scrub.skipped,
      ...repairsIn(s),
      undecided: undecidedIn(s),
      passes: s.scrub.passes,
      lastPassAt: s.scrub.lastPassAt,
      slotsLeft: slotsToScrub(s),
    },
    replicas: [...s.replicas.values()].sort((a, b) => a.slot - b.slot).map(replicaView),
  };
}

function replicaView(r: Replica): ReplicaView {
  return {
    slot: r.slot,
    version: r.assignment?.version ?? r.highest,
    role: placeOf(r),
    serving: canRead(r),
    complete: r.complete,
    start: r.log.start.seq,
    disk: r.disk,
    end: r.log.end.seq,
    commit: r.commit,
    lost: r.lost,
  };
}

function placeOf(r: Replica): ChainPlace {
  if (r.role !== 'member') return r.role;
  const last = (r.assignment?.members.length ?? 1) - 1;
  if (last === 0) return 'alone';
  return r.index === 0 ? 'head' : r.index === last ? 'tail' : 'middle';
}

export const isAdmitted = (s: NodeState): boolean =>
  s.control.registered && s.control.admitted && s.control.failed === '';

/** In no chain any more, or it never was in one: a node that nobody took in has nothing to wait for. */
export const hasLeft = (s: NodeState): boolean =>
  s.control.left || (s.control.leaving && !s.control.registered && s.replicas.size === 0);
