/** What the coordinators saved, as far as those outside must know it. */
import type { ClusterState } from '../../protocol/coordinator/state.ts';
import { readState } from '../../protocol/coordinator/stored.ts';
import type { StateStore } from './state-store.ts';

export type SavedChains = Pick<ClusterState, 'chains' | 'epoch'>;

const parsed = new WeakMap<StateStore, { readonly text: string; readonly state: SavedChains }>();

/** The same object as long as nothing else was saved. */
export function savedState(store: StateStore): SavedChains | null {
  const text = store.peek('state');
  if (text === null) return null;
  const known = parsed.get(store);
  if (known?.text === text) return known.state;
  const found = readState(text);
  if (!found.ok) return null;
  const state = found.value;
  parsed.set(store, { text, state });
  return state;
}

/** Stores of which the coordinator saved that they hold everything of a slot. */
export const wholeStores = (state: SavedChains | null, slot: number): string[] =>
  state?.chains[slot]?.members.filter((m) => m.whole).map((m) => m.store) ?? [];
