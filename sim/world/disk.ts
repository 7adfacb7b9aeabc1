/**
 * A disk with one write under way at a time. A batch is durable as a whole or not at all; when the power goes while
 * it is being written, chance decides; it can be read a moment before it is reported. Reads, scans and log reads begin
 * and end, and what they show lies in between (reads.ts). Under durability `os` a written batch is in the page cache first: it survives
 * the process, and is lost with the machine until the next flush: what the power takes then is any part of what was not
 * flushed, and the store finds the hole (tearContent).
 */
import type { Entry } from '../../protocol/entry.ts';
import type { SpaceLevel } from '../../protocol/messages.ts';
import type { Batch, Boot, PersistItem, Scanned } from '../../protocol/persist.ts';
import { type Key, type Seq, type Slot, storeId } from '../../protocol/words.ts';
import type { Random } from '../random.ts';
import {
  applyBatch,
  bootSlotOf,
  type Content,
  copyContent,
  createContent,
  endOf,
  heldOf,
  tearContent,
} from './content.ts';
import { beginFetch, beginLogRead, beginScan } from './reads.ts';
import type { Schedule } from './schedule.ts';

export interface DiskOptions {
  readonly durability: 'fsync' | 'os';
  /** A write takes `writeMs`, up to `spreadMs` more, and now and then ten times that. */
  readonly writeMs: number;
  readonly spreadMs: number;
  /** A scan or a read of the log takes up to so long. */
  readonly scanMs: number;
}

export interface Disk {
  readonly id: string;
  /** What every process would read now. */
  readonly content: Content;
  /** How much room it has: what a look at it finds. */
  space: SpaceLevel;
  /** Nothing more fits, whatever the marks say: each write fails. */
  exhausted: boolean;
  /** Records of the log are damaged up to here: a read that meets one says so. */
  readonly logRotten: Map<Slot, Seq>;
  /** A batch is being written. */
  readonly busy: boolean;
  /** No value is damaged, and no read fails. */
  readonly readable: boolean;
  /** Values that the disk gives back damaged. */
  readonly rotten: Set<Key>;
  /** A machine takes the disk; `boot` numbers the times that machines were booted. */
  mount(boot: number): void;
  write(batch: Batch, done: () => void, failed: (why: string) => void): void;
  /** Each read begins now and calls back when it ends: in this very moment, or later. */
  fetch(slot: Slot, key: Key, done: (found: Found) => void): void;
  readLog(
    slot: Slot,
    from: Seq,
    maxBytes: number,
    done: (entries: readonly Entry[] | 'corrupt') => void,
    failed: (why: string) => void,
  ): void;
  scan(slot: Slot, after: Key | null, maxBytes: number, done: (result: Scanned | 'corrupt') => void): void;
  boot(): Boot;
  /** Nothing is written for so long. */
  stall(ms: number): void;
  unstall(): void;
  /** The write under way, or the next one, fails: the batch may be there or not. */
  breakNext(): void;
  mendNext(): void;
  /** From now on everything takes so many times as long; 1 = as before. */
  slow(times: number): void;
  /** Each read fails with this probability: a value counts as damaged, a log that can't be read ends the store. */
  breakReads(probability: number): void;
  /** The process ended: what it was writing may have arrived. */
  abandon(): void;
  /** The machine lost its power. */
  powerLoss(): void;
  /** As a volume that was detached and given to another machine: the same content, from now on apart. */
  clone(): Disk;
  flush(): void;
  /** Remembers everything as it is; what it returns brings that state back, as a restored volume would. */
  save(): () => void;
}

export type Found = Uint8Array | null | 'corrupt';

/** Now and then a single read takes up to so long, while others do not. */
const slowReadMs = 2000;

export function createDisk(
  schedule: Schedule,
  random: Random,
  id: string,
  options: DiskOptions,
  from: Content = createContent(),
): Disk {
  let content = from;
  /** Under `os`: what a power cut leaves for sure, and what was written since. */
  let synced = options.durability === 'os' ? copyContent(from) : null;
  let unsynced: Batch[] = [];
  let writing: { batch: Batch; gone: boolean; there: boolean } | null = null;
  let stalledUntil = 0;
  let breaks = false;
  let machineBoot = -1;
  let times = 1;
  let unreadable = 0;
  const rotten = new Set<Key>();

  function settle(batch: Batch): void {
    applyBatch(content, batch, machineBoot);
    if (synced !== null) unsynced.push(batch);
    if (batch.items.some(isPrecious)) flush();
    for (const item of batch.items) {
      if (item.kind === 'apply') for (const e of item.entries) rotten.delete(e.key);
      if (item.kind !== 'repair') continue;
      for (const { key, record } of item.records) {
        if (record === 'damaged') rotten.add(key);
        else rotten.delete(key);
      }
    }
  }

  function flush(): void {
    if (synced === null) return;
    for (const batch of unsynced) applyBatch(synced, batch, machineBoot);
    unsynced = [];
  }

  function writeTime(): number {
    const usual = (options.writeMs + random.next() * options.spreadMs) * times;
    return random.chance(0.01) ? usual * 10 : usual;
  }

  function write(batch: Batch, done: () => void, failed: (why: string) => void): void {
    const job = { batch, gone: false, there: false };
    writing = job;
    const finish = (): void => {
      if (job.gone) return;
      if (schedule.now < stalledUntil) {
        // Looked at again and again, because a stall may end before its time.
        if (Number.isFinite(stalledUntil)) schedule.at(Math.min(stalledUntil, schedule.now + 100), finish);
        return;
      }
      if (disk.exhausted) {
        writing = null;
        return failed('no space is left on the disk');
      }
      if (!breaks) {
        settle(batch);
        // It is there, and nobody was told yet.
        job.there = true;
        return after(random.chance(0.5) ? 0 : random.next() * options.spreadMs, () => {
          if (job.gone) return;
          writing = null;
          done();
        });
      }
      writing = null;
      breaks = false;
      if (random.chance(0.5)) settle(batch);
      failed('the disk reported an input/output error');
    };
    schedule.after(writeTime(), finish);
  }

  /** Reads wait for a stalled disk too; a volume that was taken away still has its cache. */
  function stallLeft(): number {
    return Number.isFinite(stalledUntil) ? Math.max(0, stalledUntil - schedule.now) : 0;
  }

  /** 0 now and then: what is read was in the cache. */
  function readTime(usualMs: number): number {
    if (usualMs === 0) return stallLeft();
    if (random.chance(0.5)) return 0;
    return (random.chance(0.02) ? slowReadMs : usualMs * times) * random.next() + stallLeft();
  }

  function after(ms: number, then: () => void): void {
    if (ms === 0) then();
    else schedule.after(ms, then);
  }

  function abandon(): void {
    if (writing === null) return;
    writing.gone = true;
    if (!writing.there && random.chance(0.5)) settle(writing.batch);
    writing = null;
  }

  function powerLoss(): void {
    abandon();
    if (synced === null) return;
    const proven = synced;
    const ends = new Map([...proven.slots].map(([slot, s]) => [slot, endOf(s)]));
    const first = random.int(unsynced.length + 1);
    for (const batch of unsynced.slice(0, first)) applyBatch(proven, batch, machineBoot);
    // Now and then some of what came later is there, behind a hole in the log.
    if (random.chance(0.5)) {
      const share = random.pick([0.1, 0.5, 1]);
      tearContent(
        proven,
        unsynced.slice(first + 1).filter(() => random.chance(share)),
      );
    }
    for (const [slot, s] of proven.slots)
      s.syncedEnd ??= ends.get(slot) ?? { version: s.start.version, seq: s.start.seq };
    content = proven;
    synced = copyContent(proven);
    unsynced = [];
  }

  const disk: Disk = {
    id,
    get content() {
      return content;
    },
    get busy() {
      return writing !== null;
    },
    space: 'ok',
    exhausted: false,
    logRotten: new Map(),
    get readable() {
      return rotten.size === 0 && unreadable === 0;
    },
    rotten,
    mount(boot) {
      machineBoot = boot;
    },
    write,
    fetch(slot, key, done) {
      const shown = beginFetch(random, heldOf(content, slot), key);
      after(readTime(options.writeMs), () => {
        const entry = shown();
        if (random.chance(unreadable)) done('corrupt');
        else done(entry === undefined ? null : rotten.has(key) ? 'corrupt' : entry.bytes);
      });
    },
    readLog(slot, from_, maxBytes, done, failed) {
      const shown = beginLogRead(random, heldOf(content, slot), from_, maxBytes);
      after(readTime(options.scanMs), () => {
        if (random.chance(unreadable)) failed('the log could not be read');
        else {
          const entries = shown();
          done((entries[0]?.seq ?? Infinity) <= (disk.logRotten.get(slot) ?? 0) ? 'corrupt' : entries);
        }
      });
    },
    scan(slot, after_, maxBytes, done) {
      const shown = beginScan(random, heldOf(content, slot), after_, maxBytes);
      after(readTime(options.scanMs), () => {
        const { entries, next } = shown();
        if (random.chance(unreadable)) return done('corrupt');
        done({
          values: entries.filter((e) => !rotten.has(e.key)).map((e) => e.bytes),
          damaged: entries.filter((e) => rotten.has(e.key)).map((e) => e.key),
          next,
        });
      });
    },
    boot: () => ({
      store: storeId(id),
      identity: content.identity,
      slots: [...content.slots.values()].map(bootSlotOf),
    }),
    stall(ms) {
      stalledUntil = Math.max(stalledUntil, schedule.now + ms);
    },
    unstall() {
      if (Number.isFinite(stalledUntil)) stalledUntil = 0;
    },
    breakNext() {
      breaks = true;
    },
    mendNext() {
      breaks = false;
    },
    slow(by) {
      times = by;
    },
    breakReads(probability) {
      unreadable = probability;
    },
    abandon,
    powerLoss,
    clone() {
      const copy = copyContent(content);
      if (writing?.there === false && random.chance(0.5)) applyBatch(copy, writing.batch, machineBoot);
      return createDisk(schedule, random, id, options, copy);
    },
    flush,
    save() {
      const kept = copyContent(content);
      return () => {
        content = kept;
        if (synced !== null) synced = copyContent(kept);
        unsynced = [];
      };
    },
  };
  return disk;
}

/** Written with a sync even under `os`: a store must not forget to what it belongs. */
const isPrecious = ({ kind }: PersistItem): boolean =>
  kind === 'identity' || kind === 'assignment' || kind === 'erase';
