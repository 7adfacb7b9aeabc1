/**
 * When a leader does not believe its own state: it asks the store again, waits until everybody could be heard, and waits
 * for an operator where nodes hold more than it has (R43, R46).
 */
import type { ReplicaReport } from '../messages.ts';
import { hearingMs } from '../timings.ts';
import type { NodeName, StoreId } from '../words.ts';
import type { StoreOutcome } from './contract.ts';
import { call, stepDown } from './election.ts';
import { judge, orphan, saveAgain } from './history.ts';
import { type ClusterState, type CoordinatorState, nodeOf, notice, type SavedChain } from './state.ts';

/** A node knows more than the saved state: nothing is decided until the store says whether that is still the newest. */
export function doubt(s: CoordinatorState, node: NodeName, why: string): void {
  if (s.leading.at !== 'leader') return;
  s.leading = { at: 'doubting', why: `${node} ${why}` };
  notice(s, 'warn', 'state.doubted', { node, why });
  call(s, { kind: 'look', tag: s.stateTag }, 'state', null);
}

/** Looks at the state object now and then: who deletes or restores it under a living leader is noticed before the next save. */
export function lookAtState(s: CoordinatorState): void {
  const everyMs = 5 * s.desired.timings.coordinatorRenewMs;
  if (s.now.mono - s.lookedAt < everyMs || s.saving !== null) return;
  if (s.leading.at !== 'leader' && s.leading.at !== 'orphan') return;
  s.lookedAt = s.now.mono;
  call(s, { kind: 'look', tag: s.stateTag }, 'state', null);
}

/** The answer to a look. */
export function onLooked(s: CoordinatorState, tag: string | null, o: StoreOutcome): void {
  if (s.leading.at === 'follower' || s.leading.at === 'fencing') return;
  const { leading } = s;
  if (o.kind !== 'read') {
    if (leading.at === 'doubting')
      stepDown(s, 'the state could not be read, and a node holds more than this one has');
    return;
  }
  // A save overtook the look.
  if (leading.at === 'leader' && (s.saving !== null || s.stateTag !== tag)) return;
  if (leading.at === 'orphan') {
    if (o.tag !== s.stateTag) stepDown(s, 'another state lies in the state store now: it is read anew');
    return;
  }
  const found = judge(s, o, s.saving?.state ?? null);
  if (found === 'foreign') return stepDown(s, 'another coordinator wrote the state');
  if (typeof found === 'object') return orphan(s, `what lies in the state store ${found.damaged}`);
  if (leading.at === 'doubting')
    return orphan(s, `${leading.why}: the saved state is lost or older than the cluster`);
  if (found === 'older') saveAgain(s, o.tag, o.value === null);
}

/**
 * True from takeover on until every living node had its chance to be heard, or each member of each chain was: then no
 * version above the saved ones can be in force, because one of those members would know it (4.1, R46). Until
 * then nothing is decided, and no lease is granted.
 */
export function hearing(s: CoordinatorState): boolean {
  if (s.hearingOver) return false;
  const over = s.now.mono - s.takeoverAt >= hearingMs(s.desired.timings) || allTold(s);
  if (!over) return true;
  s.hearingOver = true;
  judgeForeign(s);
  return s.leading.at !== 'leader';
}

/**
 * A saved state is the one of this node's cluster: the node is a member of a chain of it, with that very store, and has
 * installed a version of it. One that this state itself took in proves nothing: a blank node believes whatever state it
 * is given. Members of a first version were there when the cluster began, and may not have installed it yet.
 */
export function provesState(
  state: ClusterState | null,
  node: NodeName,
  store: StoreId,
  reports: Iterable<ReplicaReport>,
): boolean {
  if (state === null) return false;
  const isMemberOf = (c: SavedChain | undefined): boolean =>
    c?.members.some((m) => m.node === node && m.store === store) === true;
  if (state.chains.some((c) => c.version === 1 && isMemberOf(c))) return true;
  for (const r of reports) if (r.version > 0 && isMemberOf(state.chains[r.slot])) return true;
  return false;
}

/** The saved state may be another cluster's: nodes of one are heard, and no member of the state's own. */
export function judgeForeign(s: CoordinatorState): void {
  const other = [...s.foreign][0];
  if (!s.hearingOver || s.confirmed || other === undefined || s.leading.at !== 'leader') return;
  const own = s.saved?.clusterId;
  const what = `${other[0]} belongs to cluster ${other[1]}, the saved state is of cluster ${own}`;
  orphan(s, `${what}, and no member of a chain of that one is heard`, true);
}

function allTold(s: CoordinatorState): boolean {
  if (s.saved === null) return false;
  for (const c of s.saved.chains)
    for (const m of c.members)
      if (s.heard.get(m.node)?.told !== true || nodeOf(s.work, m.node)?.store !== m.store) return false;
  return true;
}
