/** Decisions become true when they are saved, by compare-and-swap; only what was saved is published (section 6). */
import type { Revision } from '../words.ts';
import type { StoreOutcome } from './contract.ts';
import { noteChange } from './damping.ts';
import { answerSaved, call, stepDown } from './election.ts';
import { judge, orphan, saveAgain } from './history.ts';
import {
  type ClusterState,
  type CoordinatorState,
  notice,
  type SavedChain,
  type SavedNode,
} from './state.ts';
import { writeState } from './stored.ts';

/** Replaces a chain in the state that is being worked out. */
export function changeChain(s: CoordinatorState, chain: SavedChain): void {
  if (s.work === null) return;
  s.work = { ...s.work, chains: s.work.chains.with(chain.slot, chain) };
}

export function changeNode(s: CoordinatorState, node: SavedNode): void {
  if (s.work === null) return;
  const others = s.work.nodes.filter((n) => n.node !== node.node);
  s.work = { ...s.work, nodes: [...others, node].sort((a, b) => (a.node < b.node ? -1 : 1)) };
}

/** Pause before a save that was not carried out is tried again: the state store has trouble enough. */
const retryMs = 500;

/** Saves what was worked out, if anything was and no save is under way. */
export function saveWork(s: CoordinatorState): void {
  if (s.work === null || s.saving !== null || s.work === s.saved) return;
  const state: ClusterState = { ...s.work, revision: (s.work.revision + 1) as Revision };
  s.work = state;
  s.saving = { state };
  write(s, state);
}

const write = (s: CoordinatorState, state: ClusterState): void =>
  call(s, { kind: 'save', state }, 'state', { value: writeState(state), expect: s.stateTag });

/** A save whose time to be tried again has come. */
export function retrySave(s: CoordinatorState): void {
  if (s.retryAt === null || s.now.mono < s.retryAt || s.saving === null) return;
  s.retryAt = null;
  write(s, s.saving.state);
}

export function onSaved(s: CoordinatorState, state: ClusterState, o: StoreOutcome): void {
  if (s.leading.at !== 'leader' || s.saving?.state !== state) return;
  if (o.kind === 'written') return confirm(s, state, o.tag);
  if (o.kind === 'unknown') s.stateTrouble = `a save of the state had no answer: ${o.why}`;
  // Unknown, or somebody wrote: nothing else is decided before a fresh read tells (R31, R43).
  call(s, { kind: 'reread', state }, 'state', null);
}

export function onReread(s: CoordinatorState, state: ClusterState, o: StoreOutcome): void {
  if (s.leading.at !== 'leader' || s.saving?.state !== state) return;
  if (o.kind !== 'read')
    return stepDown(s, 'the state could not be read after a save that had no clear outcome');
  const found = judge(s, o, state);
  if (found === 'written') return confirm(s, state, o.tag as string);
  if (found === 'foreign') return stepDown(s, 'another coordinator wrote the state');
  if (typeof found === 'object') return orphan(s, `what lies in the state store ${found.damaged}`);
  // `same`: it was not written, but it may still arrive; writing the same again with the same expectation is safe.
  if (found === 'older') saveAgain(s, o.tag, o.value === null);
  s.retryAt = s.now.mono + (found === 'older' ? 0 : retryMs);
  retrySave(s);
}

function confirm(s: CoordinatorState, state: ClusterState, tag: string): void {
  s.stateTag = tag;
  const before = s.saved;
  s.saved = state;
  s.saving = null;
  s.retryAt = null;
  s.savedAt = s.now.mono;
  s.stateTrouble = '';
  for (const c of state.chains) {
    const old = before?.chains[c.slot];
    if (old?.version === c.version) continue;
    noteChange(s, c.slot);
    notice(s, 'info', 'chain.changed', {
      slot: c.slot,
      version: c.version,
      members: c.members.map((m) => m.node),
      reason: c.reason,
    });
  }
  answerSaved(s, state);
}
