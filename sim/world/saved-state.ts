/**
 * What the coordinators decided, as far as those outside must know it. A stranger who deletes the state or brings back an
 * old one does not undo what was decided: each chain is the newest that was ever saved, until an operator's `recover`.
 */
import type { ClusterState, SavedChain } from '../../protocol/coordinator/state.ts';
import { readState } from '../../protocol/coordinator/stored.ts';
import type { StateStore } from './state-store.ts';

export type SavedChains = Pick<ClusterState, 'chains' | 'epoch'>;

interface Parsed {
  readonly text: string;
  readonly clusterId: string;
  readonly state: SavedChains;
}

const parsed = new WeakMap<StateStore, Parsed>();

/** The same object as long as nothing else was saved. */
export function savedState(store: StateStore): SavedChains | null {
  const text = store.decided;
  if (text === null) return null;
  const known = parsed.get(store);
  if (known?.text === text) return known.state;
  const found = readState(text);
  if (!found.ok) throw new Error(`a coordinator saved what ${found.why}`);
  const { chains, epoch } = found.value;
  const clusterId = known?.clusterId ?? found.value.clusterId;
  // What a leader saved over the state of another cluster decides nothing about this one.
  const state = found.value.clusterId !== clusterId ? known?.state : merged(known?.state, { chains, epoch });
  if (state === undefined) return null;
  parsed.set(store, { text, clusterId, state });
  return state;
}

const merged = (before: SavedChains | undefined, now: SavedChains): SavedChains =>
  before === undefined
    ? now
    : {
        epoch: now.epoch,
        chains:
          now.chains.length === 0
            ? before.chains
            : now.chains.map((c, slot) => newest(before.chains[slot], c)),
      };

const newest = (before: SavedChain | undefined, now: SavedChain): SavedChain =>
  before === undefined || now.version >= before.version || now.reason.startsWith('recovered') ? now : before;

/** Stores of which the coordinator saved that they hold everything of a slot. */
export const wholeStores = (state: SavedChains | null, slot: number): string[] =>
  state?.chains[slot]?.members.filter((m) => m.whole).map((m) => m.store) ?? [];
