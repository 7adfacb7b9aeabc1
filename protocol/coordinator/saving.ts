/** Decisions become true when they are saved, by compare-and-swap; only what was saved is published (section 6). */
import type { Revision } from '../words.ts';
import type { StoreOutcome } from './contract.ts';
import { call, stepDown } from './election.ts';
import {
  type ClusterState,
  type CoordinatorState,
  notice,
  type SavedChain,
  type SavedNode,
} from './state.ts';

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

/** Saves what was worked out, if anything was and no save is under way. */
export function saveWork(s: CoordinatorState): void {
  if (s.work === null || s.saving !== null || s.work === s.saved) return;
  const state: ClusterState = { ...s.work, revision: (s.work.revision + 1) as Revision };
  s.work = state;
  s.saving = { id: s.storeId + 1, state };
  call(s, { kind: 'save', state }, 'state', { value: JSON.stringify(state), expect: s.stateTag });
}

export function onSaved(s: CoordinatorState, state: ClusterState, o: StoreOutcome): void {
  if (s.leading.at !== 'leader') return;
  if (o.kind === 'written') return confirm(s, state, o.tag);
  if (o.kind === 'conflict') return stepDown(s, 'another coordinator wrote the state');
  // Unknown: nothing else is decided before a fresh read tells (R31).
  call(s, { kind: 'reread', state }, 'state', null);
}

export function onReread(s: CoordinatorState, state: ClusterState, o: StoreOutcome): void {
  if (s.leading.at !== 'leader') return;
  if (o.kind !== 'read') return stepDown(s, 'the state could not be read after a save with unknown outcome');
  const found = o.value === null ? null : (JSON.parse(o.value) as ClusterState);
  if (found !== null && found.epoch === state.epoch && found.revision === state.revision)
    return confirm(s, state, o.tag as string);
  if (o.tag === s.stateTag) {
    // It was not written, but it may still arrive: writing the same again with the same expectation is safe.
    call(s, { kind: 'save', state }, 'state', { value: JSON.stringify(state), expect: s.stateTag });
    return;
  }
  stepDown(s, 'another coordinator wrote the state');
}

function confirm(s: CoordinatorState, state: ClusterState, tag: string): void {
  s.stateTag = tag;
  const before = s.saved;
  s.saved = state;
  s.saving = null;
  s.savedAt = s.now.mono;
  for (const c of state.chains) {
    const old = before?.chains[c.slot];
    if (old?.version !== c.version)
      notice(s, 'info', 'chain.changed', {
        slot: c.slot,
        version: c.version,
        members: c.members.map((m) => m.node),
        reason: c.reason,
      });
  }
  const done = s.pendingCommands.filter((c) => c.revision <= state.revision);
  s.pendingCommands = s.pendingCommands.filter((c) => c.revision > state.revision);
  for (const c of done) s.effects.replies.push({ tag: c.tag, ok: true, message: c.message });
}
