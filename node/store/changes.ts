/**
 * What one batch changes: applied to the slots in memory at once, and collected as operations for one LevelDB batch.
 * A broken rule throws InvariantBroken halfway; the store that tried is failed by then and its memory not used again.
 */
import { changesKey, type Entry, storesValue } from '../../protocol/entry.ts';
import { invariant } from '../../protocol/errors.ts';
import type { Batch, Identity, PersistItem } from '../../protocol/persist.ts';
import type { Key, Slot } from '../../protocol/words.ts';
import { metaKey, slotMetaKey, valueKey } from './keys.ts';
import { encodeBase, encodeJson, type Machine, marksBytes, sealMeta, writeMarks } from './meta.ts';
import { baseOf, marksAtStart, type SlotState, type SlotTable, slotState } from './slots.ts';

export type Operation =
  | { readonly type: 'put'; readonly key: Buffer; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Buffer };

export class Changes {
  /** Slots whose values of generations before are garbage now. */
  readonly erased = new Set<SlotState>();
  /** The log may have got a new oldest needed record. */
  freesLog = false;
  /** A slot's log is no longer unproven: the machine record says so. */
  settled = false;
  readonly #slots: SlotTable;
  readonly #record: number;
  /** Newest entry of each changed key: every key is put once a batch. */
  readonly #values = new Map<SlotState, Map<Key, Entry>>();
  readonly #bases = new Set<SlotState>();
  readonly #assignments = new Set<SlotState>();
  #identity: Identity | null = null;

  constructor(slots: SlotTable, record: number, batch: Batch) {
    this.#slots = slots;
    this.#record = record;
    for (const item of batch.items) this.#change(item);
  }

  #change(item: PersistItem): void {
    if (item.kind === 'identity') {
      const { clusterId, epoch, incarnation } = item;
      this.#identity = { clusterId, epoch, incarnation };
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
      case 'marks':
        this.#mark(state, item);
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

  #apply(state: SlotState, entries: readonly Entry[]): void {
    let values = this.#values.get(state);
    if (values === undefined) {
      values = new Map();
      this.#values.set(state, values);
    }
    for (const e of entries) if (changesKey(e)) values.set(e.key, e);
  }

  #mark(state: SlotState, item: Extract<PersistItem, { kind: 'marks' }>): void {
    const { commit, passed, promised, complete } = item;
    state.marks = { commit, passed, promised, complete };
    state.marksRecord = this.#record;
    if (item.dedupe === null) return;
    state.dedupe = item.dedupe;
    this.#bases.add(state);
  }

  #assign(state: SlotState, { assignment }: Extract<PersistItem, { kind: 'assignment' }>): void {
    invariant(assignment.version >= state.version, 'a chain version is never lowered', {
      slot: state.slot,
      from: state.version,
      to: assignment.version,
    });
    state.assignment = assignment;
    state.version = assignment.version;
    this.#assignments.add(state);
    this.#settle(state);
  }

  #erase(state: SlotState, { start }: Extract<PersistItem, { kind: 'erase' }>): void {
    state.log.erase(start);
    state.generation++;
    state.dedupe = null;
    state.marks = marksAtStart(start);
    state.marksRecord = this.#record;
    this.#values.delete(state);
    this.#bases.add(state);
    this.erased.add(state);
    this.freesLog = true;
    this.#settle(state);
  }

  #trim(state: SlotState, { start, dedupe }: Extract<PersistItem, { kind: 'trim' }>): void {
    // A trim that was decided before the log began anew, or that comes twice, changes nothing.
    if (start.seq < state.log.start.seq) return;
    state.log.trim(start);
    state.dedupe = dedupe;
    this.#bases.add(state);
    this.freesLog = true;
  }

  #settle(state: SlotState): void {
    if (state.syncedEnd === null) return;
    state.syncedEnd = null;
    this.settled = true;
  }

  /** Everything but the log record, in no order that matters: LevelDB writes all or nothing. */
  operations(): Operation[] {
    const all: Operation[] = [];
    for (const [state, values] of this.#values)
      for (const [key, entry] of values) {
        const at = valueKey(state.slot, state.generation, key);
        all.push(
          storesValue(entry) ? { type: 'put', key: at, value: entry.bytes } : { type: 'del', key: at },
        );
      }
    for (const state of this.#bases) all.push(putBase(state));
    for (const { slot, assignment, version } of this.#assignments)
      all.push(putMeta(slotMetaKey('assignment', slot), encodeJson({ version, assignment })));
    if (this.#identity !== null) all.push(putMeta(metaKey('identity'), encodeJson(this.#identity)));
    return all;
  }
}

export function putMeta(key: Buffer, body: Uint8Array): Operation & { type: 'put' } {
  return { type: 'put', key, value: sealMeta(key, body) };
}

const putBase = (state: SlotState): Operation =>
  putMeta(slotMetaKey('base', state.slot), encodeBase(baseOf(state)));

/** The marks of a slot outside the log, for when their log record goes. */
export function putMarks(state: SlotState): Operation {
  const body = Buffer.allocUnsafe(marksBytes);
  writeMarks(body, 0, state.marks);
  return putMeta(slotMetaKey('marks', state.slot), body);
}

export function putMachine(
  slots: SlotTable,
  boot: string | null,
  lossy: boolean,
): Operation & { type: 'put' } {
  const unproven: [number, number, number][] = [];
  for (const { slot, syncedEnd } of slots.values())
    if (syncedEnd !== null) unproven.push([slot, syncedEnd.version, syncedEnd.seq]);
  const machine: Machine = { boot, lossy, unproven };
  return putMeta(metaKey('machine'), encodeJson(machine));
}

function checkSlot(slot: Slot, entries: readonly Entry[]): void {
  for (const e of entries)
    invariant(e.slot === slot, 'entries are of the slot of their item', { slot, entry: e.slot });
}
