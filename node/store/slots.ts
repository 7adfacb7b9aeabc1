/** What a store knows of each of its slots while it serves; everything but the places of entries is on disk too. */
import type { Entry } from '../../protocol/entry.ts';
import { type BootSlot, type Forgotten, type Marks, nothingForgotten } from '../../protocol/persist.ts';
import {
  type Assignment,
  type ChainVersion,
  origin,
  type Position,
  type Slot,
  samePosition,
} from '../../protocol/words.ts';
import type { Base } from './meta.ts';
import { SlotLog } from './slot-log.ts';

export interface SlotState {
  readonly slot: Slot;
  readonly log: SlotLog;
  generation: number;
  forgotten: Forgotten;
  marks: Marks;
  /** Log record that holds the marks; 0 = a meta record does, or none. */
  marksRecord: number;
  assignment: Assignment | null;
  /** Highest version persisted. */
  version: ChainVersion;
  syncedEnd: Position | null;
}

export type SlotTable = Map<Slot, SlotState>;

export function slotState(table: SlotTable, slot: Slot): SlotState {
  let state = table.get(slot);
  if (state === undefined) {
    state = newSlot(slot);
    table.set(slot, state);
  }
  return state;
}

const newSlot = (slot: Slot): SlotState => ({
  slot,
  log: new SlotLog(origin),
  generation: 0,
  forgotten: nothingForgotten,
  marks: marksAtStart(origin),
  marksRecord: 0,
  assignment: null,
  version: 0 as ChainVersion,
  syncedEnd: null,
});

/**
 * Marks of a log that begins after `start` and of which nothing else is known. Without values only the state before
 * the first entry is whole.
 */
export const marksAtStart = (start: Position): Marks => ({
  commit: start,
  passed: start,
  promised: start,
  complete: samePosition(start, origin),
});

export const baseOf = (state: SlotState): Base => ({
  start: state.log.start,
  generation: state.generation,
  forgotten: state.forgotten,
});

export function bootSlot(state: SlotState, log: readonly Entry[], sessions: readonly Uint8Array[]): BootSlot {
  const { slot, assignment, version, marks, forgotten, syncedEnd } = state;
  const boot: BootSlot = {
    slot,
    assignment,
    version,
    start: state.log.start,
    log,
    marks,
    sessions,
    forgotten,
  };
  return syncedEnd === null ? boot : { ...boot, syncedEnd };
}
