/** What the coordinators saved, as far as those outside must know it. */
import type { ClusterState } from '../../protocol/coordinator/state.ts';
import type { StateStore } from './state-store.ts';

export type SavedChains = Pick<ClusterState, 'chains' | 'epoch'>;

export function savedState(store: StateStore): SavedChains | null {
  const text = store.peek('state');
  return text === null ? null : (JSON.parse(text) as SavedChains);
}

/** Stores of which the coordinator saved that they hold everything of a slot. */
export const wholeStores = (state: SavedChains | null, slot: number): string[] =>
  state?.chains[slot]?.members.filter((m) => m.whole).map((m) => m.store) ?? [];
