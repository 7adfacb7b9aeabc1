/** Rebuilds what a store knows of its slots from what is on disk, and refuses what does not fit together. */
import type { Entry } from '../../protocol/entry.ts';
import { InvariantBroken } from '../../protocol/errors.ts';
import type { Identity } from '../../protocol/persist.ts';
import type {
  Assignment,
  ChainVersion,
  Epoch,
  Incarnation,
  Position,
  Reign,
  Seq,
  Slot,
} from '../../protocol/words.ts';
import { asBuffer, type Database } from './database.ts';
import {
  logEnd,
  logKey,
  logRecordOf,
  metaEnd,
  metaStart,
  placeOfSession,
  sessionsBegin,
  sessionsEnd,
} from './keys.ts';
import { Ledger } from './ledger.ts';
import { decodeBase, decodeJson, decodeNumber, type Machine, openMeta, readMarks } from './meta.ts';
import { type LoggedItem, readRecord } from './record.ts';
import { marksAtStart, type SlotState, type SlotTable, slotState } from './slots.ts';
import type { Retention } from './store.ts';

/** Says what on disk is damaged; `open.ts` makes a StoreError of it. */
export class Damage extends Error {
  override readonly name = 'Damage';
}

export interface Meta {
  readonly slots: SlotTable;
  storeId: string;
  identity: Identity;
  machine: Machine;
  /** Log records up to here were synced. */
  synced: number;
  /** Number of the oldest log record. */
  logStart: number;
}

export async function readMeta(database: Database): Promise<Meta> {
  const meta: Meta = {
    slots: new Map(),
    storeId: '',
    identity: { clusterId: '', epoch: 0 as Epoch, reign: 0 as Reign, incarnation: 0 as Incarnation },
    machine: { boot: null, lossy: false, unproven: [] },
    synced: 0,
    logStart: 1,
  };
  for await (const [key, value] of database.iterator({ gte: metaStart, lt: metaEnd })) {
    const name = key.toString();
    const body = openMeta(key, asBuffer(value));
    if (body === null) throw new Damage(`record ${name} is damaged`);
    takeMeta(meta, name, body);
  }
  return meta;
}

/** Records of sessions by slot; what was erased is left out. */
export async function readSessions(database: Database, slots: SlotTable): Promise<Map<Slot, Uint8Array[]>> {
  const found = new Map<Slot, Uint8Array[]>();
  for await (const [key, value] of database.iterator({ gte: sessionsBegin, lt: sessionsEnd })) {
    const { slot, generation } = placeOfSession(key);
    if (generation !== (slots.get(slot)?.generation ?? 0)) continue;
    const body = openMeta(key, asBuffer(value));
    if (body === null) throw new Damage(`a record of a session of slot ${slot} is damaged`);
    const records = found.get(slot);
    if (records === undefined) found.set(slot, [body]);
    else records.push(body);
  }
  return found;
}

function takeMeta(meta: Meta, name: string, body: Buffer): void {
  const [, word = '', slot] = name.split('/');
  const state = slot === undefined ? null : slotState(meta.slots, Number(slot) as Slot);
  if (state !== null) {
    takeSlotMeta(state, name, word, body);
    return;
  }
  switch (word) {
    case 'store':
      meta.storeId = (decodeJson(body) as { storeId: string }).storeId;
      return;
    case 'identity':
      meta.identity = decodeJson(body) as Identity;
      return;
    case 'machine':
      meta.machine = decodeJson(body) as Machine;
      return;
    case 'synced':
      meta.synced = decodeNumber(body);
      return;
    case 'log-start':
      meta.logStart = decodeNumber(body);
      return;
    default:
      throw new Damage(`record ${name} is of no known kind`);
  }
}

/** `base` sorts before `marks`, which a base alone would reset. */
function takeSlotMeta(state: SlotState, name: string, word: string, body: Buffer): void {
  switch (word) {
    case 'assignment': {
      const { assignment, version } = decodeJson(body) as { assignment: Assignment; version: ChainVersion };
      state.assignment = assignment;
      state.version = version;
      return;
    }
    case 'base': {
      const base = decodeBase(body);
      state.log.erase(base.start);
      state.generation = base.generation;
      state.forgotten = base.forgotten;
      state.marks = marksAtStart(base.start);
      return;
    }
    case 'marks':
      state.marks = readMarks(body, 0);
      return;
    default:
      throw new Damage(`record ${name} is of no known kind`);
  }
}

export interface Replayed {
  readonly ledger: Ledger;
  /** The retained log of each slot. */
  readonly logs: ReadonlyMap<Slot, readonly Entry[]>;
  /** Newest record of which it is proven that a power cut could not take it or any before it. */
  readonly synced: number;
  /** The first record that a power cut took although later ones are there; null = none. */
  readonly hole: number | null;
}

/** What one log record adds to the log of a slot, as far as nothing after it drops it. */
interface Part {
  readonly record: number;
  readonly entries: Entry[];
}

/**
 * Reads all log records in order; fills in marks and the places of entries.
 *
 * `cutByPower`: batches were acknowledged before they were synced, and the machine lost power since. LevelDB has an older
 * and a newer log file while it makes a table of the older one, and a power cut may take the end of the older one alone. The
 * log is cut at such a hole; what follows it proves nothing (rule 2.7). The values of slots that had records behind it
 * are newer than their log in places: no whole state, so those slots come back by a copy.
 */
export async function replayLog(
  database: Database,
  meta: Meta,
  retention: Retention,
  cutByPower: boolean,
): Promise<Replayed> {
  const ledger = new Ledger(meta.logStart, retention);
  const parts = new Map<Slot, Part[]>();
  let hole: number | null = null;
  const torn = new Set<Slot>();
  const seen = new Map<Slot, Seq>();
  let synced = Math.max(meta.synced, meta.logStart - 1);
  for await (const [key, value] of database.iterator({ gte: logKey(meta.logStart), lt: logEnd })) {
    const number = logRecordOf(key);
    const next = ledger.last + 1;
    if (number !== next && !cutByPower)
      throw new Damage(`log record ${next} is missing, the next one is ${number}`);
    const record = readRecord(asBuffer(value), number);
    if (number !== next) {
      hole ??= next;
      if (typeof record !== 'string') for (const { slot } of record.items) torn.add(slot);
      continue;
    }
    if (typeof record === 'string') throw new Damage(`log record ${number} is damaged (${record})`);
    if (record.synced && synced === number - 1) synced = number;
    for (const item of record.items) {
      if (item.kind === 'append') seen.set(item.slot, item.entries.at(-1)?.seq ?? (0 as Seq));
      replayItem(slotState(meta.slots, item.slot), item, number, partsOf(parts, item.slot));
    }
    ledger.add(value.length, record.stampMs);
  }
  if (synced > ledger.last && cutByPower) {
    hole ??= ledger.last + 1;
    synced = ledger.last;
  }
  if (synced > ledger.last)
    throw new Damage(`the log ends at record ${ledger.last}, but ${synced} was synced`);
  const logs = new Map<Slot, readonly Entry[]>();
  for (const [slot, list] of parts) logs.set(slot, place(slotState(meta.slots, slot), list));
  if (hole !== null)
    for (const state of meta.slots.values()) tear(state, torn.has(state.slot), seen.get(state.slot));
  return { ledger, logs, synced, hole };
}

/** What a hole leaves of a slot. `seen`: the last sequence before it, if there was any. */
function tear(state: SlotState, torn: boolean, seen: Seq | undefined): void {
  const { start, end } = state.log;
  const { commit } = state.marks;
  // A trim from behind the hole speaks of entries that it took, or of commit marks.
  const overtaken = start.seq > (seen ?? 0) || start.seq > commit.seq;
  if (!torn && !overtaken && commit.seq <= end.seq) return;
  const within = commit.seq > end.seq ? end : commit.seq < start.seq ? start : commit;
  state.marks = { ...state.marks, commit: within, complete: false };
}

function partsOf(parts: Map<Slot, Part[]>, slot: Slot): Part[] {
  let list = parts.get(slot);
  if (list === undefined) {
    list = [];
    parts.set(slot, list);
  }
  return list;
}

function replayItem(state: SlotState, item: LoggedItem, record: number, parts: Part[]): void {
  switch (item.kind) {
    case 'append': {
      // What a later trim covers is not looked at any more.
      const entries = item.entries.filter((e) => e.seq > state.log.start.seq);
      if (entries.length > 0) parts.push({ record, entries });
      return;
    }
    case 'drop':
      dropAbove(parts, item.to);
      return;
    case 'marks':
      state.marks = item.marks;
      state.marksRecord = record;
      return;
    case 'erase':
      parts.length = 0;
      state.marks = marksAtStart(item.start);
      state.marksRecord = record;
      return;
  }
}

function dropAbove(parts: Part[], to: Seq): void {
  for (;;) {
    const last = parts.at(-1);
    if (last === undefined) return;
    while ((last.entries.at(-1)?.seq ?? 0) > to) last.entries.pop();
    if (last.entries.length > 0) return;
    parts.pop();
  }
}

/** Puts what survived into the slot's log, which checks that it follows the start without a gap. */
function place(state: SlotState, parts: readonly Part[]): Entry[] {
  const log: Entry[] = [];
  for (const { record, entries } of parts) {
    try {
      state.log.append(record, entries);
    } catch (error) {
      if (!(error instanceof InvariantBroken)) throw error;
      throw new Damage(
        `log record ${record} does not continue the log of slot ${state.slot}: ${error.message}`,
      );
    }
    for (const e of entries) log.push(e);
  }
  return log;
}

/** Where the proven part of each log ends, after a power cut may have taken what was not synced (rule 2.7). */
export function markUnproven(slots: SlotTable, upTo: number): void {
  for (const state of slots.values()) {
    const end = state.log.endAt(upTo);
    if (state.syncedEnd === null || end.seq < state.syncedEnd.seq) state.syncedEnd = end;
  }
}

export function takeUnproven(meta: Meta): void {
  for (const [slot, version, seq] of meta.machine.unproven)
    slotState(meta.slots, slot as Slot).syncedEnd = { version, seq } as Position;
}
