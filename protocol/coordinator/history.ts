/**
 * Is the saved state the newest one? A state store may lose it, or give back an older one, and nothing in the state itself
 * would show that (R43). So the state carries the history of its leaderships: epoch, a random number, the first revision
 * that each saved. A node reports which revision of which leadership it holds. That is part of this history, or the node
 * was led by a state that this one does not come from. Epochs alone would not do: each election raises the epoch of a
 * state that was rolled back, until it is above everything that nodes have seen; the random numbers of leaderships
 * that it never had do not come back.
 */
import type { Held, Register, ReplicaReport } from '../messages.ts';
import { type Incarnation, incarnationCounter, incarnationEpoch } from '../words.ts';
import type { StoreOutcome } from './contract.ts';
import { type ClusterState, type CoordinatorState, notice, type SavedReign } from './state.ts';
import { readState } from './stored.ts';

/** Leaderships that a state remembers. A node that was away for longer is judged by its chain versions alone. */
const reignsKept = 256;

/** The history with one more leadership. */
export const withReign = (reigns: readonly SavedReign[], next: SavedReign): readonly SavedReign[] =>
  [...reigns, next].slice(-reignsKept);

/** Why what a node holds is not from the history of this state; '' = it is. */
export function beyond(state: ClusterState, held: Held): string {
  if (held.epoch === 0) return '';
  if (held.epoch > state.epoch)
    return `has seen epoch ${held.epoch}, and the saved state is of epoch ${state.epoch}`;
  const at = state.reigns.findIndex((r) => r.epoch === held.epoch);
  const reign = state.reigns[at];
  if (reign === undefined)
    return held.epoch < (state.reigns[0]?.epoch ?? 0)
      ? ''
      : `has seen epoch ${held.epoch}, which the saved state never had`;
  if (held.reign !== reign.id)
    return `was led at epoch ${held.epoch} by a leader that the saved state never had`;
  const next = state.reigns[at + 1];
  const last = next === undefined ? state.revision : next.from - 1;
  if (held.revision > last)
    return `holds revision ${held.revision} of epoch ${held.epoch}, and the saved state knows that epoch up to revision ${last}`;
  return '';
}

/**
 * Why reports of slots are not from the history of this state; '' = they are. What was refused before the oldest leadership
 * that the state knows was refused before an operator's `recover`, which built upon what the node knew.
 */
export function reportsBeyond(state: ClusterState, held: Held, reports: Iterable<ReplicaReport>): string {
  const isOlder = held.epoch < (state.reigns[0]?.epoch ?? 0);
  for (const r of reports) {
    const chain = state.chains[r.slot];
    if (chain === undefined) return `holds slot ${r.slot}, and the saved state has ${state.slots} slots`;
    if (r.version > chain.version)
      return `holds version ${r.version} of slot ${r.slot}, and the saved state has version ${chain.version}`;
    if (r.refused > 0 && !isOlder)
      return `refuses version ${r.refused} of slot ${r.slot}: it knows another one`;
  }
  return '';
}

/** An incarnation that no leader of this state can have issued; '' = one may have. */
export function issuedBeyond(s: CoordinatorState, of: Incarnation): string {
  const epoch = s.saved?.epoch ?? 0;
  const issued = incarnationEpoch(of) === epoch && incarnationCounter(of) <= s.counter;
  if (incarnationEpoch(of) < epoch || issued) return '';
  return 'was registered by a leader that the saved state never had';
}

/** Waits for an operator's word: grants no lease, founds, drops and erases nothing. */
export function orphan(s: CoordinatorState, why: string, foreign = false): void {
  s.leading = { at: 'orphan', why, foreign };
  s.work = s.saved;
  s.saving = null;
  s.retryAt = null;
  s.registering = [];
  s.firsts.clear();
  s.firstAt = null;
  notice(s, 'error', 'state.lost', { why });
}

export type Found =
  /** As it was written last. */
  | 'same'
  /** Gone, or an older state of the same history: this leader's is the newest, as nobody else led meanwhile. */
  | 'older'
  /** The very state that was being saved. */
  | 'written'
  /** Saved by somebody else. */
  | 'foreign'
  /** Nothing that can be read. */
  | { readonly damaged: string };

/** What lies in the state store, beside what this leader saved or saves last. */
export function judge(
  s: CoordinatorState,
  o: StoreOutcome & { kind: 'read' },
  saving: ClusterState | null,
): Found {
  if (o.value === null) return s.saved === null ? 'same' : 'older';
  const found = readState(o.value);
  if (!found.ok) return { damaged: found.why };
  const { clusterId, epoch, revision, reigns } = found.value;
  const own = saving ?? s.saved;
  const id = reigns.at(-1)?.id;
  if (own === null || clusterId !== own.clusterId || id === undefined) return 'foreign';
  if (
    saving !== null &&
    epoch === saving.epoch &&
    revision === saving.revision &&
    id === saving.reigns.at(-1)?.id
  )
    return 'written';
  if (o.tag === s.stateTag) return 'same';
  return beyond(own, { epoch, reign: id, revision }) === '' && revision <= own.revision ? 'older' : 'foreign';
}

/** Somebody removed or put back the state object under a leader that has the newest state: it is written again (R43). */
export function saveAgain(s: CoordinatorState, tag: string | null, gone: boolean): void {
  const what = gone
    ? 'the state object is gone from the state store'
    : 'an older state lies in the state store';
  s.stateTrouble = `${what}; this leader still has the newest one and saves it again`;
  notice(s, 'error', 'state.replaced', {
    why: s.stateTrouble,
    found: gone ? 'nothing' : 'an older state',
    revision: s.saved?.revision,
  });
  s.stateTag = tag;
  s.proveStore = true;
}

/** What a node that registers knows beyond the saved state; '' = nothing. */
export const registerBeyond = (state: ClusterState, m: Register): string =>
  beyond(state, m) || reportsBeyond(state, m, m.reports);
