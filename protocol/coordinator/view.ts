/** What people and the operator see of a coordinator. */

import type { Epoch, NodeName } from '../words.ts';
import { serves, stable } from './chains.ts';
import type { CoordinatorTrouble, CoordinatorView, ReplicaState } from './contract.ts';
import { leads } from './election.ts';
import { statusOf } from './liveness.ts';
import { whyChain, whyNode } from './reasons.ts';
import { type CoordinatorState, nodeOf, type SavedChain, type SavedMember } from './state.ts';

export function viewOf(s: CoordinatorState): CoordinatorView {
  const saved = s.saved;
  return {
    clusterId: saved?.clusterId ?? '',
    leading: leads(s),
    name: s.config.name,
    leader: s.leaseAddress,
    epoch: saved?.epoch ?? (0 as Epoch),
    revision: saved?.revision ?? 0,
    waiting: waitingOf(s),
    trouble: troubleOf(s),
    chains: (saved?.chains ?? []).map((c) => ({
      slot: c.slot,
      version: c.version,
      members: [
        ...c.members.map((m, i) => ({
          node: m.node,
          incarnation: m.incarnation,
          role: roleOf(c, i),
          state: stateOf(s, c, m),
        })),
        ...(c.joiner === null
          ? []
          : [
              {
                node: c.joiner.node,
                incarnation: c.joiner.incarnation,
                role: 'joiner' as const,
                state: joinerState(s, c),
              },
            ]),
      ],
      full: isFull(s, c),
      reason: c.reason,
      waiting: isFull(s, c) ? '' : whyChain(s, c),
    })),
    nodes: (saved?.nodes ?? []).map((n) => ({
      node: n.node,
      store: n.store,
      incarnation: n.incarnation,
      status: statusOf(s, n),
      why: whyNode(s, n),
      address: n.place.address,
      admin: n.place.admin,
      grpc: n.place.grpc,
      zone: n.place.zone,
      host: n.place.host,
      weight: n.place.weight,
      chains: (saved?.chains ?? []).filter(
        (c) => c.members.some((m) => m.node === n.node) || c.joiner?.node === n.node,
      ).length,
      admitted: s.heard.get(n.node)?.admitted ?? false,
      draining: n.drain || s.desired.drain.includes(n.node) || s.heard.get(n.node)?.leaving === true,
      silentMs: silenceOf(s, n.node),
      failed: s.heard.get(n.node)?.failed ?? '',
      space: s.heard.get(n.node)?.space ?? 'ok',
    })),
  };
}

const isFull = (s: CoordinatorState, c: SavedChain): boolean =>
  stable(s, c) && c.members.length >= s.desired.replicationFactor;

function waitingOf(s: CoordinatorState): string {
  if (s.leading.at === 'orphan' || s.leading.at === 'doubting') return s.leading.why;
  return s.leaseDamage === '' ? s.waitingFor : s.leaseDamage;
}

function troubleOf(s: CoordinatorState): CoordinatorTrouble | null {
  if (s.leading.at !== 'orphan')
    return s.leaseDamage === ''
      ? null
      : { reason: 'LeaseUnreadable', message: s.leaseDamage, clusterId: s.saved?.clusterId ?? '' };
  const ids = [...new Set([...s.orphans.values()].map((o) => o.clusterId).filter((id) => id !== ''))];
  const clusterId = ids[0] ?? [...s.foreign.values()][0] ?? s.saved?.clusterId ?? '';
  const command = `chainctl recover --cluster-id ${clusterId === '' ? 'ID' : clusterId}`;
  const others = ids.length > 1 ? ` (nodes of clusters ${ids.join(' and ')} are heard: choose one)` : '';
  return {
    reason: 'StateLost',
    message: `${s.leading.why}; put the newest state back (${s.config.objects.state}), or, when there is none, run: ${command}${others}`,
    clusterId,
  };
}

function silenceOf(s: CoordinatorState, node: NodeName): number {
  const heard = s.heard.get(node);
  return heard === undefined ? 0 : Math.max(0, Math.round(s.now.mono - heard.at));
}

function roleOf(c: SavedChain, i: number): 'head' | 'middle' | 'tail' | 'alone' {
  if (c.members.length === 1) return 'alone';
  return i === 0 ? 'head' : i === c.members.length - 1 ? 'tail' : 'middle';
}

function stateOf(s: CoordinatorState, c: SavedChain, m: SavedMember): ReplicaState {
  const n = nodeOf(s.saved, m.node);
  if (
    n === undefined ||
    n.incarnation !== m.incarnation ||
    ['dead', 'left', 'failed'].includes(statusOf(s, n))
  )
    return 'silent';
  return serves(s, c, m) ? 'serving' : 'member';
}

function joinerState(s: CoordinatorState, c: SavedChain): ReplicaState {
  const tail = c.members[c.members.length - 1];
  const report = tail === undefined ? undefined : s.heard.get(tail.node)?.reports.get(c.slot);
  return report !== undefined && report.insync === c.joiner?.incarnation ? 'insync' : 'copying';
}
