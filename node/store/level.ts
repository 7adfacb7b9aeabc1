/** The store on LevelDB while it serves. `open.ts` makes one from a folder. */
import type { Entry } from '../../protocol/entry.ts';
import { invariant } from '../../protocol/errors.ts';
import type { Batch, LogTop, Scanned } from '../../protocol/persist.ts';
import type { Key, Seq, Slot } from '../../protocol/words.ts';
import { Changes, machineRecord, marksRecord } from './changes.ts';
import { asBuffer, type Database } from './database.ts';
import { logKey, metaKey, ValueKeys, valueKey } from './keys.ts';
import type { Ledger } from './ledger.ts';
import type { Holder } from './machine.ts';
import { encodeNumber, metaRecord } from './meta.ts';
import { RecordEncoder, readRecord, survivors } from './record.ts';
import type { Run } from './slot-log.ts';
import type { SlotState, SlotTable } from './slots.ts';
import { levelStats, WriteClock } from './stats.ts';
import {
  type Durability,
  type Found,
  type Store,
  StoreError,
  type StoreState,
  type StoreStats,
} from './store.ts';
import { syncLogFiles } from './sync-point.ts';
import { isValueOf, scanValues, sweepErased } from './values.ts';
import { Writes } from './writes.ts';

/** What the store takes from its surroundings. */
export interface World {
  /** ms since 1970; the age of log records. */
  readonly wallMs: () => number;
  /** ms of a monotonic clock; how long writes take. */
  readonly monoMs: () => number;
  /** The operating system's boot id; null where it has none. */
  readonly machineBoot: string | null;
}

export interface Parts {
  readonly database: Database;
  /** For messages. */
  readonly folder: string;
  readonly slots: SlotTable;
  readonly ledger: Ledger;
  readonly durability: Durability;
  /** How often records written without a sync are synced, under `os`. */
  readonly syncEveryMs: number;
  readonly world: World;
  /** The locked file. */
  readonly lock: string | null;
}

const readAheadRecords = 64;

export class LevelStore implements Store {
  state: StoreState = 'serving';
  #reason = '';
  readonly #database: Database;
  readonly #folder: string;
  readonly #slots: SlotTable;
  readonly #ledger: Ledger;
  readonly #durability: Durability;
  readonly #world: World;
  readonly #lock: string | null;
  readonly #clock: WriteClock;
  readonly #valueKeys = new ValueKeys();
  readonly #encoder = new RecordEncoder();
  readonly #syncTimer: NodeJS.Timeout | undefined;
  /** The batch under way; resolves when it ended, well or not. */
  #writing: Promise<void> | null = null;
  /** Newest log record that is durable at the configured level, and newest one that a power cut can't take. */
  #written: number;
  #synced: number;
  #syncing: Promise<void> | null = null;
  /** Ends when nothing erased is left to delete; one slot at a time. */
  #sweeping: Promise<void> = Promise.resolve();
  #corruptReads = 0;
  /** Newest log record that was found damaged; 0 = none. */
  #damagedLog = 0;
  #closed: Promise<void> | null = null;

  /** What `parts` describe is on disk, synced. */
  constructor(parts: Parts) {
    this.#database = parts.database;
    this.#folder = parts.folder;
    this.#slots = parts.slots;
    this.#ledger = parts.ledger;
    this.#durability = parts.durability;
    this.#world = parts.world;
    this.#lock = parts.lock;
    this.#clock = new WriteClock(parts.world.monoMs);
    this.#written = parts.ledger.last;
    this.#synced = parts.ledger.last;
    if (this.#durability === 'os') {
      this.#syncTimer = setInterval(() => void this.#syncPoint(), parts.syncEveryMs);
      this.#syncTimer.unref();
    }
    for (const state of this.#slots.values()) if (state.generation > 0) this.#sweep(state);
  }

  async write(batch: Batch): Promise<void> {
    this.#assertServing();
    invariant(this.#writing === null, 'one batch is written at a time', { batch: batch.id });
    const ended = Promise.withResolvers<void>();
    this.#writing = ended.promise;
    try {
      await this.#write(batch);
    } catch (error) {
      throw this.#fail('a write failed', error);
    } finally {
      this.#writing = null;
      ended.resolve();
    }
    // Something else failed meanwhile: nothing is acknowledged any more.
    if (this.state === 'failed') throw this.#fail('', undefined);
  }

  async #write(batch: Batch): Promise<void> {
    const number = this.#ledger.last + 1;
    const writes = new Writes(this.#database);
    const changes = new Changes(this.#slots, number, writes, this.#valueKeys);
    changes.make(batch);
    if (changes.settled) writes.add(machineRecord(this.#slots, this.#holder(this.#lossy)));
    if (changes.freesLog || number % 64 === 0) this.#trimLog(writes);
    const head = { number, stampMs: this.#world.wallMs(), synced: !this.#lossy };
    const record = this.#encoder.encode(head, batch.items);
    writes.put(logKey(number), record);
    this.#ledger.add(record.length, head.stampMs);
    this.#clock.begin();
    await writes.write(head.synced || changes.lasting);
    this.#clock.end(writes.bytes);
    this.#written = number;
    if (head.synced) this.#synced = number;
    for (const state of changes.erased) this.#sweep(state);
  }

  get #lossy(): boolean {
    return this.#durability === 'os';
  }

  /**
   * Deletes whole log records in front of the oldest that is needed; marks that only they hold move out of the log.
   * What a power cut could bring back or tear is needed: a gap must stay visible (P61).
   */
  #trimLog(writes: Writes): void {
    let needed = this.#synced + 1;
    for (const state of this.#slots.values()) needed = Math.min(needed, state.log.oldestRecord);
    // A damaged one goes as soon as it may: with it in the log the store could not be opened again.
    const urgent = this.#damagedLog > 0 && this.#damagedLog < needed;
    const { first, count } = this.#ledger.slab(needed, urgent ? 1 : undefined);
    if (count === 0) return;
    this.#ledger.remove(count);
    for (let i = 0; i < count; i++) writes.del(logKey(first + i));
    for (const state of this.#slots.values()) {
      if (state.marksRecord === 0 || state.marksRecord >= this.#ledger.first) continue;
      state.marksRecord = 0;
      writes.add(marksRecord(state));
    }
    writes.add(metaRecord(metaKey('log-start'), encodeNumber(this.#ledger.first)));
  }

  get(slot: Slot, key: Key): Found {
    this.#assertOpen();
    const at = valueKey(slot, this.#generation(slot), key);
    try {
      return this.#verified(at, slot, this.#database.getSync(at));
    } catch (error) {
      return this.#unreadable(error);
    }
  }

  async getAsync(slot: Slot, key: Key): Promise<Found> {
    this.#assertOpen();
    const at = valueKey(slot, this.#generation(slot), key);
    try {
      return this.#verified(at, slot, await this.#database.get(at));
    } catch (error) {
      return this.#unreadable(error);
    }
  }

  #generation(slot: Slot): number {
    return this.#slots.get(slot)?.generation ?? 0;
  }

  #verified(at: Buffer, slot: Slot, value: Uint8Array | undefined): Found {
    if (value === undefined) return null;
    return isValueOf(at, slot, value) ? value : this.#corrupt();
  }

  /** A value that LevelDB can't read is as good as damaged. */
  #unreadable(error: unknown): 'corrupt' {
    this.#assertOpen();
    if (!(error as { code?: string }).code?.startsWith('LEVEL_')) throw error;
    return this.#corrupt();
  }

  #corrupt(): 'corrupt' {
    this.#corruptReads++;
    return 'corrupt';
  }

  async scan(slot: Slot, after: Key | null, maxBytes: number): Promise<Scanned | 'corrupt'> {
    this.#assertOpen();
    try {
      const values = { slot, generation: this.#generation(slot) };
      const scanned = await scanValues(this.#database, values, after, maxBytes);
      this.#corruptReads += scanned.damaged.length;
      return scanned;
    } catch (error) {
      return this.#unreadable(error);
    }
  }

  async readLog(slot: Slot, from: Seq, maxBytes: number): Promise<Entry[] | 'corrupt'> {
    this.#assertOpen();
    const entries: Entry[] = [];
    const state = this.#slots.get(slot);
    if (state === undefined) return entries;
    const runs = this.#runsOf(state, from, maxBytes);
    const records = await this.#readRecords(runs);
    if (records === 'corrupt') return this.#corruptLog(runs);
    let bytes = 0;
    for (const [i, run] of runs.entries()) {
      const record = records[i];
      // Trimmed meanwhile: what follows would leave a gap.
      if (record === undefined && run.record < this.#ledger.first) return [];
      const found = entriesOf(slot, run.record, record);
      // What lies before the damage is as good as ever.
      if (found === null) return entries.length > 0 ? entries : this.#corruptLog([run]);
      for (const e of found) {
        if (e.seq < run.first || e.seq > run.last) continue;
        if (bytes >= maxBytes) return entries;
        entries.push(e);
        bytes += e.bytes.length;
      }
    }
    return entries;
  }

  /** Durable runs from `from` on, as many as may hold `maxBytes`; as they are now, whatever is dropped later. */
  #runsOf(state: SlotState, from: Seq, maxBytes: number): Run[] {
    const runs: Run[] = [];
    let bytes = 0;
    for (const run of state.log.runsFrom(from)) {
      if (run.record > this.#written || bytes >= maxBytes || runs.length === readAheadRecords) break;
      runs.push(run);
      bytes += this.#ledger.sizeOf(run.record);
    }
    return runs;
  }

  async #readRecords(runs: readonly Run[]): Promise<(Uint8Array | undefined)[] | 'corrupt'> {
    try {
      return await this.#database.getMany(runs.map((run) => logKey(run.record)));
    } catch (error) {
      this.#assertOpen();
      if ((error as { code?: string }).code === 'LEVEL_CORRUPTION') return 'corrupt';
      throw this.#fail('the log could not be read', error);
    }
  }

  /** Remembered until these records are gone: a store with a damaged one in its log could not be opened again. */
  #corruptLog(runs: readonly Run[]): 'corrupt' {
    for (const { record } of runs) this.#damagedLog = Math.max(this.#damagedLog, record);
    return this.#corrupt();
  }

  oldestLog(): LogTop[] {
    if (this.#damagedLog < this.#ledger.first) this.#damagedLog = 0;
    return this.#topsOf(Math.max(this.#ledger.unwanted(this.#world.wallMs()), this.#damagedLog));
  }

  overdueLog(): LogTop[] {
    return this.#topsOf(this.#ledger.overdue());
  }

  /** How far the slots are in the records up to `record`. */
  #topsOf(record: number): LogTop[] {
    const tops: LogTop[] = [];
    if (record === 0) return tops;
    for (const { slot, log } of this.#slots.values()) {
      const { seq } = log.endAt(Math.min(record, this.#written));
      if (seq > log.start.seq) tops.push({ slot, seq });
    }
    return tops;
  }

  stats(): StoreStats {
    const { first, last, count, bytes } = this.#ledger;
    return {
      state: this.state,
      reason: this.#reason,
      slots: this.#slots.size,
      log: { records: count, bytes, first, last },
      writes: this.#clock.stats(),
      corruptReads: this.#corruptReads,
      levels: this.#database.status === 'open' ? levelStats(this.#database.getProperty('leveldb.stats')) : [],
    };
  }

  /** Deletes what was erased; a process that ends before goes on when it opens the store again. */
  #sweep(state: SlotState): void {
    const { slot, generation } = state;
    const serving = (): boolean => this.state === 'serving';
    this.#sweeping = this.#sweeping
      .then(() => (serving() ? sweepErased(this.#database, { slot, generation }, serving) : undefined))
      .catch((error: unknown) => {
        if (this.state !== 'closed') this.#fail('deleting erased values failed', error);
      });
  }

  /** Under `os`: brings all that was written so far to the disk, then says so. Never rejects; a failure latches. */
  #syncPoint(): Promise<void> {
    this.#syncing ??= this.#sync().finally(() => {
      this.#syncing = null;
    });
    return this.#syncing;
  }

  async #sync(): Promise<void> {
    const upTo = this.#written;
    if (this.state === 'failed' || upTo === this.#synced) return;
    try {
      await syncLogFiles(this.#database.location);
      const { key, value } = metaRecord(metaKey('synced'), encodeNumber(upTo));
      await this.#database.put(key, value, { sync: true });
      this.#synced = Math.max(this.#synced, upTo);
    } catch (error) {
      this.#fail('a sync failed', error);
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    clearInterval(this.#syncTimer);
    const failed = this.state === 'failed';
    this.state = 'closed';
    await this.#writing;
    await this.#syncing;
    await this.#sweeping;
    if (!failed && this.#lossy && this.#reason === '') await this.#closeSynced();
    await this.#database.close();
  }

  #holder(lossy: boolean): Holder {
    return { boot: this.#world.machineBoot, lock: this.#lock, lossy };
  }

  /** After an orderly end nothing is unproven, whatever happens to the machine. */
  async #closeSynced(): Promise<void> {
    await this.#sync();
    if (this.#synced !== this.#written) return;
    const { key, value } = machineRecord(this.#slots, this.#holder(false));
    await this.#database.put(key, value, { sync: true });
  }

  #fail(what: string, cause: unknown): StoreError {
    if (this.#reason === '') this.#reason = cause instanceof Error ? `${what}: ${cause.message}` : what;
    if (this.state === 'serving') this.state = 'failed';
    const next = 'it takes no more writes; stop the process, look at the disk, and start it again.';
    return new StoreError('STORE_FAILED', `store ${this.#folder}: ${this.#reason}; ${next}`, cause);
  }

  #assertServing(): void {
    if (this.state === 'failed') throw this.#fail('', undefined);
    this.#assertOpen();
  }

  #assertOpen(): void {
    if (this.state === 'closed') throw new StoreError('STORE_CLOSED', `store ${this.#folder} is closed`);
  }
}

/** The slot's entries that a record adds to its log; null when the record is missing or damaged. */
function entriesOf(slot: Slot, number: number, bytes: Uint8Array | undefined): Entry[] | null {
  const record = bytes === undefined ? 'missing' : readRecord(asBuffer(bytes), number, slot);
  return typeof record === 'string' ? null : survivors(record);
}
