/** What one disk holds: the meaning of a batch, by the words of protocol/persist.ts, with every rule checked. */
import { changesKey, type Entry, storesValue } from '../../protocol/entry.ts';
import { invariant } from '../../protocol/errors.ts';
import {
  type Batch,
  type BootSlot,
  type Forgotten,
  type Identity,
  type Marks,
  nothingForgotten,
  type PersistItem,
} from '../../protocol/persist.ts';
import {
  type Assignment,
  type ChainVersion,
  type ClientId,
  type Epoch,
  type Key,
  noIncarnation,
  origin,
  type Position,
  type Reign,
  type Slot,
} from '../../protocol/words.ts';

export interface SlotContent {
  readonly slot: Slot;
  assignment: Assignment | null;
  version: ChainVersion;
  start: Position;
  /** Entries after `start`, without gaps. */
  log: Entry[];
  marks: Marks;
  sessions: Map<ClientId, Uint8Array>;
  forgotten: Forgotten;
  values: Map<Key, Entry>;
  /** Reads of the values that are under way. */
  readonly watches: Set<Watch>;
  /** After a power cut under durability `os`: the log is proven up to here only. */
  syncedEnd: Position | null;
}

/** What keys held since a read began, oldest first, each time before it changed; undefined = nothing. */
export type Watch = Map<Key, (Entry | undefined)[]>;

export interface Content {
  identity: Identity;
  /** Boot of the machine on which `identity` was written: who holds the store there follows that incarnation (R23). */
  registeredOn: number;
  readonly slots: Map<Slot, SlotContent>;
}

export const createContent = (): Content => ({
  identity: { clusterId: '', epoch: 0 as Epoch, reign: 0 as Reign, incarnation: noIncarnation },
  registeredOn: -1,
  slots: new Map(),
});

/** A copy that later batches on the original do not reach. */
export const copyContent = (c: Content): Content => ({
  identity: c.identity,
  registeredOn: c.registeredOn,
  slots: new Map(
    [...c.slots].map(([slot, s]) => [
      slot,
      {
        ...s,
        log: [...s.log],
        values: new Map(s.values),
        sessions: new Map(s.sessions),
        watches: new Set(),
      },
    ]),
  ),
});

/** @throws InvariantBroken when the batch asks for what no store may do. */
export function applyBatch(content: Content, batch: Batch, machineBoot: number): void {
  for (const item of batch.items) {
    if (item.kind === 'identity') {
      content.identity = item;
      content.registeredOn = machineBoot;
    } else applyItem(slotContent(content, item.slot), item);
  }
}

/**
 * A power cut left batches behind others that it took. The store cuts its log before them, as node/store/replay.ts does; but
 * values, results of writes and the beginning of the log lie beside the log, and are what those batches made of them. A slot
 * that they touched is no whole state any more.
 */
export function tearContent(content: Content, behind: readonly Batch[]): void {
  for (const item of behind.flatMap((batch) => batch.items)) {
    if (item.kind === 'identity') continue;
    const s = slotContent(content, item.slot);
    s.marks = { ...s.marks, complete: false };
    if (item.kind === 'apply' || item.kind === 'repair' || item.kind === 'sessions') applyItem(s, item);
    if (item.kind === 'trim') cutBefore(s, item.start);
  }
}

/** The commit mark that the cut log tells may lie below what a later batch trimmed: the store raises it, see `tear` there. */
function cutBefore(s: SlotContent, start: Position): void {
  if (start.seq <= s.start.seq) return;
  s.log = s.log.filter((e) => e.seq > start.seq);
  s.start = start;
  if (s.marks.commit.seq < start.seq) s.marks = { ...s.marks, commit: start };
}

export const endOf = (s: SlotContent): Position => {
  const last = s.log[s.log.length - 1];
  return last === undefined ? s.start : { version: last.version, seq: last.seq };
};

/** The entry at a sequence; undefined when it is trimmed, or not there. */
export const entryAt = (s: SlotContent, seq: number): Entry | undefined => s.log[seq - s.start.seq - 1];

/** Whether the log holds this very entry, or is trimmed beyond it. */
export const holdsEntry = (s: SlotContent, entry: Entry): boolean =>
  entry.seq <= s.start.seq || entryAt(s, entry.seq)?.version === entry.version;

export function bootSlotOf(s: SlotContent): BootSlot {
  const { slot, assignment, version, start, forgotten } = s;
  const boot: BootSlot = {
    slot,
    assignment,
    version,
    start,
    log: [...s.log],
    marks: s.marks,
    sessions: [...s.sessions.values()],
    forgotten,
  };
  return s.syncedEnd === null ? boot : { ...boot, syncedEnd: s.syncedEnd };
}

/** What the disk holds of a slot; nothing, when it never held any of it. */
export const heldOf = (content: Content, slot: Slot): SlotContent =>
  content.slots.get(slot) ?? emptySlot(slot);

function slotContent(content: Content, slot: Slot): SlotContent {
  let s = content.slots.get(slot);
  if (s === undefined) {
    s = emptySlot(slot);
    content.slots.set(slot, s);
  }
  return s;
}

const emptySlot = (slot: Slot): SlotContent => ({
  slot,
  assignment: null,
  version: 0 as ChainVersion,
  start: origin,
  log: [],
  marks: marksAt(origin),
  sessions: new Map(),
  forgotten: nothingForgotten,
  values: new Map(),
  watches: new Set(),
  syncedEnd: null,
});

const marksAt = (start: Position): Marks => ({
  commit: start,
  passed: start,
  promised: start,
  complete: start.seq === 0,
});

function applyItem(s: SlotContent, item: Exclude<PersistItem, { kind: 'identity' }>): void {
  switch (item.kind) {
    case 'append':
      for (const entry of item.entries) append(s, entry);
      return;
    case 'drop':
      invariant(item.to >= s.start.seq, 'a drop stays within the retained log', {
        slot: s.slot,
        to: item.to,
      });
      s.log.length = Math.min(s.log.length, item.to - s.start.seq);
      return;
    case 'apply':
      for (const entry of item.entries) applyEntry(s, entry);
      return;
    case 'repair':
      for (const { key, record } of item.records) {
        if (record === null) s.values.delete(key);
        else if (record !== 'damaged') repairRecord(s, record);
      }
      return;
    case 'marks':
      s.marks = item;
      return;
    case 'sessions':
      for (const { client, bytes } of item.put) s.sessions.set(client, bytes);
      for (const client of item.gone) s.sessions.delete(client);
      s.forgotten = item.forgotten;
      return;
    case 'assignment':
      invariant(item.assignment.version >= s.version, 'a chain version is never lowered', { slot: s.slot });
      s.assignment = item.assignment;
      s.version = item.assignment.version;
      if (item.unproven !== true) s.syncedEnd = null;
      return;
    case 'erase':
      s.start = item.start;
      s.log = [];
      if (s.watches.size > 0) for (const key of s.values.keys()) noteChange(s, key);
      s.values.clear();
      s.marks = marksAt(item.start);
      s.sessions.clear();
      s.forgotten = nothingForgotten;
      s.syncedEnd = null;
      return;
    case 'trim':
      trim(s, item.start);
      return;
  }
}

function append(s: SlotContent, entry: Entry): void {
  const end = endOf(s);
  const follows =
    entry.slot === s.slot &&
    entry.seq === end.seq + 1 &&
    entry.versionBefore === end.version &&
    entry.version >= end.version;
  invariant(follows, 'an entry on disk follows the end of its log (R20)', {
    slot: s.slot,
    entry: `${entry.version}:${entry.seq} after ${entry.versionBefore}`,
    end,
  });
  s.log.push(entry);
}

function applyEntry(s: SlotContent, entry: Entry): void {
  if (!changesKey(entry)) return;
  if (s.watches.size > 0) noteChange(s, entry.key);
  if (storesValue(entry)) s.values.set(entry.key, entry);
  else s.values.delete(entry.key);
}

function noteChange(s: SlotContent, key: Key): void {
  const before = s.values.get(key);
  for (const watch of s.watches) {
    const held = watch.get(key);
    if (held === undefined) watch.set(key, [before]);
    else held.push(before);
  }
}

/** What lies there still is what was written before it rotted: a repair must not be older. */
function repairRecord(s: SlotContent, record: Entry): void {
  const before = s.values.get(record.key);
  invariant(before === undefined || before.seq <= record.seq, 'a repair never overwrites a newer record', {
    slot: s.slot,
    key: record.key,
    before: before?.seq,
    seq: record.seq,
  });
  s.values.set(record.key, record);
}

function trim(s: SlotContent, start: Position): void {
  if (start.seq < s.start.seq) return;
  invariant(start.seq <= endOf(s).seq, 'a trim stays within the log', { slot: s.slot, start });
  invariant(start.seq <= s.marks.commit.seq, 'a log is never trimmed above the commit mark (R41)', {
    slot: s.slot,
    start,
    commit: s.marks.commit,
  });
  s.log.splice(0, start.seq - s.start.seq);
  s.start = start;
}
