/** A store in memory, for tests: what is written outlives the store, as a disk outlives a process. */
import { changesKey, type Entry, readEntry, storesValue } from '../../protocol/entry.ts';
import { invariant } from '../../protocol/errors.ts';
import {
  type Batch,
  type Boot,
  type BootSlot,
  type Forgotten,
  type Identity,
  type LogTop,
  type Marks,
  nothingForgotten,
  type PersistItem,
  type Scanned,
} from '../../protocol/persist.ts';
import {
  type Assignment,
  type ChainVersion,
  type ClientId,
  type Epoch,
  type Incarnation,
  type Key,
  origin,
  type Position,
  type Reign,
  type Seq,
  type Slot,
  type StoreId,
  samePosition,
  type WallMs,
} from '../../protocol/words.ts';
import {
  type Found,
  type Opened,
  type Retention,
  type Store,
  StoreError,
  type StoreState,
  type StoreStats,
} from './store.ts';

interface MemorySlot {
  assignment: Assignment | null;
  version: ChainVersion;
  start: Position;
  log: Entry[];
  marks: Marks | null;
  sessions: Map<ClientId, Uint8Array>;
  forgotten: Forgotten;
  values: Map<Key, Uint8Array>;
}

interface MemoryRecord {
  readonly bytes: number;
  readonly stampMs: WallMs;
  readonly tops: Map<Slot, Seq>;
}

export class MemoryDisk {
  readonly storeId: StoreId;
  identity: Identity = { clusterId: '', epoch: 0 as Epoch, reign: 0 as Reign, incarnation: 0 as Incarnation };
  readonly slots = new Map<Slot, MemorySlot>();
  records: MemoryRecord[] = [];
  /** Every write fails while it is set. */
  fault: Error | null = null;
  locked = false;

  constructor(storeId: string) {
    this.storeId = storeId as StoreId;
  }

  slot(slot: Slot): MemorySlot {
    let state = this.slots.get(slot);
    if (state === undefined) {
      state = {
        assignment: null,
        version: 0 as ChainVersion,
        start: origin,
        log: [],
        marks: null,
        sessions: new Map(),
        forgotten: nothingForgotten,
        values: new Map(),
      };
      this.slots.set(slot, state);
    }
    return state;
  }
}

export interface MemoryOptions {
  readonly disk: MemoryDisk;
  /** @default 64 MiB, one hour */
  readonly retention?: Retention;
  readonly wallMs?: () => WallMs;
}

export function openMemoryStore(options: MemoryOptions): Opened {
  const { disk } = options;
  if (disk.locked)
    throw new StoreError('STORE_LOCKED', `the memory store ${disk.storeId} is open already; close it first.`);
  disk.locked = true;
  const slots = [...disk.slots].sort(([a], [b]) => a - b).map(([slot, state]) => bootSlot(slot, state));
  const boot: Boot = { store: disk.storeId, identity: disk.identity, slots };
  const entries = slots.reduce((sum, s) => sum + s.log.length, 0);
  const recovery = {
    records: disk.records.length,
    entries,
    ms: 0,
    droppedBytes: 0,
    uncheckedBytes: 0,
    hole: null,
  };
  return { store: new MemoryStore(options), boot, lockProof: true, recovery };
}

function bootSlot(slot: Slot, state: MemorySlot): BootSlot {
  const { assignment, version, start, forgotten } = state;
  return {
    slot,
    assignment,
    version,
    start,
    log: [...state.log],
    marks: state.marks ?? emptyMarks(start),
    sessions: [...state.sessions.values()],
    forgotten,
  };
}

const emptyMarks = (start: Position): Marks => ({
  commit: start,
  passed: start,
  promised: start,
  complete: samePosition(start, origin),
});

class MemoryStore implements Store {
  state: StoreState = 'serving';
  readonly #disk: MemoryDisk;
  readonly #retention: Retention;
  readonly #wallMs: () => WallMs;
  #writing: Promise<void> | null = null;
  #reason = '';
  #batches = 0;
  #bytes = 0;
  #corruptReads = 0;

  constructor({ disk, retention, wallMs }: MemoryOptions) {
    this.#disk = disk;
    this.#retention = retention ?? { bytes: 64 * 1024 * 1024, ageMs: 3_600_000 };
    this.#wallMs = wallMs ?? Date.now;
  }

  async write(batch: Batch): Promise<void> {
    this.#assertOpen();
    if (this.state === 'failed') throw this.#failed();
    invariant(this.#writing === null, 'one batch is written at a time', { batch: batch.id });
    this.#writing = this.#write(batch);
    try {
      await this.#writing;
    } catch (error) {
      this.#reason = `a write failed: ${(error as Error).message}`;
      this.state = this.state === 'closed' ? 'closed' : 'failed';
      throw this.#failed(error);
    } finally {
      this.#writing = null;
    }
  }

  async #write(batch: Batch): Promise<void> {
    await Promise.resolve();
    if (this.#disk.fault !== null) throw this.#disk.fault;
    const changed = new Map<Slot, MemorySlot>();
    let identity = this.#disk.identity;
    for (const item of batch.items) {
      if (item.kind === 'identity')
        identity = {
          clusterId: item.clusterId,
          epoch: item.epoch,
          reign: item.reign,
          incarnation: item.incarnation,
        };
      else change(this.#copied(changed, item.slot), item);
    }
    // Nothing threw: the whole batch at once.
    this.#disk.identity = identity;
    for (const [slot, state] of changed) this.#disk.slots.set(slot, state);
    const { bytes, tops } = appended(batch);
    this.#disk.records.push({ bytes, stampMs: this.#wallMs(), tops });
    this.#trimRecords();
    this.#batches++;
    this.#bytes += bytes;
  }

  #copied(changed: Map<Slot, MemorySlot>, slot: Slot): MemorySlot {
    let copy = changed.get(slot);
    if (copy === undefined) {
      const state = this.#disk.slot(slot);
      copy = {
        ...state,
        log: [...state.log],
        values: new Map(state.values),
        sessions: new Map(state.sessions),
      };
      changed.set(slot, copy);
    }
    return copy;
  }

  #trimRecords(): void {
    const needed = this.#disk.records.findIndex((r) =>
      [...r.tops].some(([slot, seq]) => seq > this.#disk.slot(slot).start.seq),
    );
    this.#disk.records.splice(0, needed === -1 ? this.#disk.records.length : needed);
  }

  get(slot: Slot, key: Key): Found {
    this.#assertOpen();
    const value = this.#disk.slots.get(slot)?.values.get(key);
    if (value === undefined) return null;
    if (isValueOf(slot, key, value)) return value;
    this.#corruptReads++;
    return 'corrupt';
  }

  async getAsync(slot: Slot, key: Key): Promise<Found> {
    return this.get(slot, key);
  }

  async scan(slot: Slot, after: Key | null, maxBytes: number): Promise<Scanned | 'corrupt'> {
    this.#assertOpen();
    const values: Uint8Array[] = [];
    const damaged: Key[] = [];
    let bytes = 0;
    const stored = this.#disk.slots.get(slot)?.values ?? new Map<Key, Uint8Array>();
    for (const key of [...stored.keys()].sort()) {
      if (after !== null && key <= after) continue;
      const value = this.get(slot, key);
      if (value === null || value === 'corrupt') damaged.push(key);
      else values.push(value);
      bytes += stored.get(key)?.length ?? 0;
      if (bytes >= maxBytes) return { values, damaged, next: key };
    }
    return { values, damaged, next: null };
  }

  async readLog(slot: Slot, from: Seq, maxBytes: number): Promise<Entry[] | 'corrupt'> {
    this.#assertOpen();
    const state = this.#disk.slots.get(slot);
    const entries: Entry[] = [];
    if (state === undefined || from <= state.start.seq) return entries;
    let bytes = 0;
    for (const e of state.log.slice(from - state.start.seq - 1)) {
      if (bytes >= maxBytes) break;
      entries.push(e);
      bytes += e.bytes.length;
    }
    return entries;
  }

  oldestLog(): LogTop[] {
    const { bytes, ageMs } = this.#retention;
    const oldest = this.#wallMs() - ageMs;
    return this.#topsWhile((left, record) => left > bytes || record.stampMs < oldest);
  }

  overdueLog(): LogTop[] {
    return this.#topsWhile((left) => left > 2 * this.#retention.bytes);
  }

  /** How far the slots are in the oldest records, as long as these are too much. `left`: bytes of those not looked at. */
  #topsWhile(isTooMuch: (left: number, record: MemoryDisk['records'][number]) => boolean): LogTop[] {
    const tops = new Map<Slot, Seq>();
    let left = this.#disk.records.reduce((sum, r) => sum + r.bytes, 0);
    for (const record of this.#disk.records) {
      if (!isTooMuch(left, record)) break;
      left -= record.bytes;
      for (const [slot, seq] of record.tops) tops.set(slot, seq);
    }
    return [...tops]
      .map(([slot, seq]) => ({ slot, seq: Math.min(seq, endOf(this.#disk.slot(slot)).seq) as Seq }))
      .filter(({ slot, seq }) => seq > this.#disk.slot(slot).start.seq);
  }

  stats(): StoreStats {
    const { records } = this.#disk;
    return {
      state: this.state,
      reason: this.#reason,
      slots: this.#disk.slots.size,
      log: {
        records: records.length,
        bytes: records.reduce((sum, r) => sum + r.bytes, 0),
        first: 1,
        last: records.length,
      },
      writes: { batches: this.#batches, bytes: this.#bytes, ms: 0, slowestMs: 0, pendingMs: 0 },
      corruptReads: this.#corruptReads,
      levels: [],
    };
  }

  async close(): Promise<void> {
    if (this.state === 'closed') return;
    this.state = 'closed';
    await this.#writing?.catch(() => {});
    this.#disk.locked = false;
  }

  #failed(cause?: unknown): StoreError {
    return new StoreError(
      'STORE_FAILED',
      `the memory store ${this.#disk.storeId} takes no more writes: ${this.#reason}; open it anew.`,
      cause,
    );
  }

  #assertOpen(): void {
    if (this.state === 'closed')
      throw new StoreError('STORE_CLOSED', `the memory store ${this.#disk.storeId} is closed`);
  }
}

function appended(batch: Batch): { readonly bytes: number; readonly tops: Map<Slot, Seq> } {
  const tops = new Map<Slot, Seq>();
  let bytes = 0;
  for (const item of batch.items) {
    if (item.kind !== 'append') continue;
    for (const e of item.entries) {
      bytes += e.bytes.length;
      tops.set(item.slot, e.seq);
    }
  }
  return { bytes, tops };
}

function change(state: MemorySlot, item: Exclude<PersistItem, { kind: 'identity' }>): void {
  switch (item.kind) {
    case 'append':
      for (const e of item.entries) append(state, e, item.slot);
      return;
    case 'drop':
      invariant(item.to >= state.start.seq, 'a drop stays within the retained log', {
        to: item.to,
        start: state.start,
      });
      state.log = state.log.filter((e) => e.seq <= item.to);
      return;
    case 'apply':
      for (const e of item.entries) apply(state, e, item.slot);
      return;
    case 'repair':
      for (const { key, record } of item.records) {
        if (record === null) state.values.delete(key);
        else state.values.set(key, record === 'damaged' ? noBytes : record.bytes);
      }
      return;
    case 'marks': {
      const { commit, passed, promised, complete } = item;
      state.marks = { commit, passed, promised, complete };
      return;
    }
    case 'sessions':
      for (const { client, bytes } of item.put) state.sessions.set(client, bytes);
      for (const client of item.gone) state.sessions.delete(client);
      state.forgotten = item.forgotten;
      return;
    case 'assignment':
      invariant(item.assignment.version >= state.version, 'a chain version is never lowered');
      state.assignment = item.assignment;
      state.version = item.assignment.version;
      return;
    case 'erase':
      Object.assign(state, {
        start: item.start,
        log: [],
        values: new Map(),
        sessions: new Map(),
        forgotten: nothingForgotten,
        marks: emptyMarks(item.start),
      });
      return;
    case 'trim':
      trim(state, item.start);
      return;
  }
}

/** No record verifies without a byte. */
const noBytes = new Uint8Array(0);

const endOf = (state: MemorySlot): Position => state.log.at(-1) ?? state.start;

function append(state: MemorySlot, e: Entry, slot: Slot): void {
  const end = endOf(state);
  const follows =
    e.slot === slot && e.seq === end.seq + 1 && e.versionBefore === end.version && e.version >= end.version;
  invariant(follows, 'an entry follows the end of its log', {
    slot,
    seq: e.seq,
    end: { version: end.version, seq: end.seq },
  });
  state.log.push(e);
}

function apply(state: MemorySlot, e: Entry, slot: Slot): void {
  invariant(e.slot === slot, 'entries are of the slot of their item', { slot, entry: e.slot });
  if (storesValue(e)) state.values.set(e.key, e.bytes);
  else if (changesKey(e)) state.values.delete(e.key);
}

function trim(state: MemorySlot, start: Position): void {
  if (start.seq < state.start.seq) return;
  const at = start.seq === state.start.seq ? state.start : state.log[start.seq - state.start.seq - 1];
  invariant(at !== undefined && at.version === start.version, 'a trim stays within the log', {
    start,
    end: endOf(state),
  });
  state.log = state.log.filter((e) => e.seq > start.seq);
  state.start = start;
}

function isValueOf(slot: Slot, key: Key, value: Uint8Array): boolean {
  const e = readEntry(value);
  return e !== null && e.slot === slot && e.key === key && storesValue(e);
}
