/**
 * What one batch changes: applied to the slots in memory at once, and added to one LevelDB batch. A broken rule throws
 * InvariantBroken halfway; the store that tried is failed by then, its memory not used again and nothing written.
 */
import { changesKey, type Entry, storesValue } from '../../protocol/entry.ts';
import { invariant } from '../../protocol/errors.ts';
import {
  type Batch,
  type Identity,
  nothingForgotten,
  type PersistItem,
  type RepairedRecord,
} from '../../protocol/persist.ts';
import type { Slot } from '../../protocol/words.ts';
import { metaKey, sessionKey, slotMetaKey, type ValueKeys } from './keys.ts';
import type { Holder } from './machine.ts';
import {
  encodeBase,
  encodeJson,
  type Machine,
  type MetaRecord,
  marksBytes,
  metaRecord,
  writeMarks,
} from './meta.ts';
import { baseOf, marksAtStart, type SlotState, type SlotTable, slotState } from './slots.ts';
import type { Writes } from './writes.ts';

/** What no member has any more: no record verifies without a byte. */
const damagedRecord = new Uint8Array(0);

export class Changes {
  /** Slots whose values of generations before are garbage now. */
  readonly erased = new Set<SlotState>();
  /** The log may have got a new oldest needed record. */
  freesLog = false;
  /** A slot's log is no longer unproven: the machine record says so. */
  settled = false;
  /**
   * Who this is and what it was a member of must survive a power cut under `os` too: a slot that was forgotten whole
   * would pass for one that never held anything.
   */
  lasting = false;
  readonly #slots: SlotTable;
  readonly #record: number;
  readonly #writes: Writes;
  readonly #keys: ValueKeys;
  readonly #bases = new Set<SlotState>();
  readonly #assignments = new Set<SlotState>();
  #identity: Identity | null = null;

  constructor(slots: SlotTable, record: number, writes: Writes, keys: ValueKeys) {
    this.#slots = slots;
    this.#record = record;
    this.#writes = writes;
    this.#keys = keys;
  }

  /** Makes all changes of the batch; its log record is left to the caller. */
  make(batch: Batch): void {
    for (const item of batch.items) this.#change(item);
    for (const state of this.#bases) this.#writes.add(baseRecord(state));
    for (const { slot, assignment, version } of this.#assignments)
      this.#writes.add(metaRecord(slotMetaKey('assignment', slot), encodeJson({ version, assignment })));
    if (this.#identity !== null)
      this.#writes.add(metaRecord(metaKey('identity'), encodeJson(this.#identity)));
  }

  #change(item: PersistItem): void {
    if (item.kind === 'identity') {
      const { clusterId, epoch, reign, incarnation } = item;
      this.#identity = { clusterId, epoch, reign, incarnation };
      this.lasting = true;
      return;
    }
    const state = slotState(this.#slots, item.slot);
    switch (item.kind) {
      case 'append':
        checkSlot(item.slot, item.entries);
        state.log.append(this.#record, item.entries);
        return;
      case 'drop':
        state.log.drop(item.to);
        this.freesLog = true;
        return;
      case 'apply':
        checkSlot(item.slot, item.entries);
        this.#apply(state, item.entries);
        return;
      case 'repair':
        this.#repair(state, item.records);
        return;
      case 'marks':
        this.#mark(state, item);
        return;
      case 'sessions':
        this.#saveSessions(state, item);
        return;
      case 'assignment':
        this.#assign(state, item);
        return;
      case 'erase':
        this.#erase(state, item);
        return;
      case 'trim':
        this.#trim(state, item);
        return;
    }
  }

  /** In order: of two writes of a key in one LevelDB batch the later one wins. */
  #apply({ slot, generation }: SlotState, entries: readonly Entry[]): void {
    for (const e of entries) {
      if (!changesKey(e)) continue;
      const at = this.#keys.of(slot, generation, e.key);
      if (storesValue(e)) this.#writes.put(at, e.bytes);
      else this.#writes.del(at);
    }
  }

  #repair({ slot, generation }: SlotState, records: readonly RepairedRecord[]): void {
    for (const { key, record } of records) {
      const at = this.#keys.of(slot, generation, key);
      if (record === null) this.#writes.del(at);
      else this.#writes.put(at, record === 'damaged' ? damagedRecord : record.bytes);
    }
  }

  #mark(state: SlotState, item: Extract<PersistItem, { kind: 'marks' }>): void {
    const { commit, passed, promised, complete } = item;
    state.marks = { commit, passed, promised, complete };
    state.marksRecord = this.#record;
  }

  #saveSessions(state: SlotState, item: Extract<PersistItem, { kind: 'sessions' }>): void {
    const { slot, generation } = state;
    for (const { client, bytes } of item.put)
      this.#writes.add(metaRecord(sessionKey(slot, generation, client), bytes));
    for (const client of item.gone) this.#writes.del(sessionKey(slot, generation, client));
    if (item.forgotten.last === state.forgotten.last) return;
    state.forgotten = item.forgotten;
    this.#bases.add(state);
  }

  #assign(state: SlotState, { assignment, unproven }: Extract<PersistItem, { kind: 'assignment' }>): void {
    invariant(assignment.version >= state.version, 'a chain version is never lowered', {
      slot: state.slot,
      from: state.version,
      to: assignment.version,
    });
    state.assignment = assignment;
    state.version = assignment.version;
    this.#assignments.add(state);
    this.lasting = true;
    if (unproven !== true) this.#settle(state);
  }

  #erase(state: SlotState, { start }: Extract<PersistItem, { kind: 'erase' }>): void {
    state.log.erase(start);
    state.generation++;
    state.forgotten = nothingForgotten;
    state.marks = marksAtStart(start);
    state.marksRecord = this.#record;
    this.#bases.add(state);
    this.erased.add(state);
    this.lasting = true;
    this.freesLog = true;
    this.#settle(state);
  }

  #trim(state: SlotState, { start }: Extract<PersistItem, { kind: 'trim' }>): void {
    // A trim that was decided before the log began anew, or that comes twice, changes nothing.
    if (start.seq < state.log.start.seq) return;
    state.log.trim(start);
    this.#bases.add(state);
    this.freesLog = true;
  }

  #settle(state: SlotState): void {
    if (state.syncedEnd === null) return;
    state.syncedEnd = null;
    this.settled = true;
  }
}

const baseRecord = (state: SlotState): MetaRecord =>
  metaRecord(slotMetaKey('base', state.slot), encodeBase(baseOf(state)));

/** The marks of a slot outside the log, for when their log record goes. */
export function marksRecord(state: SlotState): MetaRecord {
  const body = Buffer.allocUnsafe(marksBytes);
  writeMarks(body, 0, state.marks);
  return metaRecord(slotMetaKey('marks', state.slot), body);
}

export function machineRecord(slots: SlotTable, holder: Holder): MetaRecord {
  const unproven: [number, number, number][] = [];
  for (const { slot, syncedEnd } of slots.values())
    if (syncedEnd !== null) unproven.push([slot, syncedEnd.version, syncedEnd.seq]);
  const machine: Machine = { ...holder, unproven };
  return metaRecord(metaKey('machine'), encodeJson(machine));
}

function checkSlot(slot: Slot, entries: readonly Entry[]): void {
  for (const e of entries)
    if (e.slot !== slot) invariant(false, 'entries are of the slot of their item', { slot, entry: e.slot });
}
