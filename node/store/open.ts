/** Opens a store on disk: the only way from a folder to a store that serves. */
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClassicLevel } from 'classic-level';
import type { Boot } from '../../protocol/persist.ts';
import type { Slot } from '../../protocol/words.ts';
import { machineRecord } from './changes.ts';
import { type Database, databaseOf, encodings } from './database.ts';
import { readIdentity, type StoreIdentity } from './identity.ts';
import { logEnd, logKey, metaKey } from './keys.ts';
import { LevelStore, type World } from './level.ts';
import { type Holder, lockFile, machineBoot } from './machine.ts';
import { encodeNumber, metaRecord } from './meta.ts';
import {
  Damage,
  type Meta,
  markUnproven,
  type Replayed,
  readMeta,
  readSessions,
  replayLog,
  takeUnproven,
} from './replay.ts';
import { bootSlot } from './slots.ts';
import { isForWantOfRoom } from './space.ts';
import { type Durability, type Opened, type Retention, StoreError } from './store.ts';
import { checkTables } from './tables.ts';
import { Writes } from './writes.ts';

export interface OpenOptions {
  readonly folder: string;
  /** A store of another cluster is refused. */
  readonly clusterName: string;
  /** What a resolved write means. @default 'fsync' */
  readonly durability?: Durability;
  /** @default 64 MiB, one hour */
  readonly retention?: Retention;
  /** LevelDB's cache of blocks, in bytes. @default 64 MiB */
  readonly cacheBytes?: number;
  /** For how long to wait for a process that still holds the folder, such as the one before a fast restart. @default 10 000 */
  readonly lockWaitMs?: number;
  /** Under `os`: how often what was written is synced. @default 1000 */
  readonly syncEveryMs?: number;
  readonly world?: World;
}

const mebibyte = 1024 * 1024;
const defaultRetention: Retention = { bytes: 64 * mebibyte, ageMs: 3_600_000 };
/** Larger than LevelDB's 4 MiB: fewer tables, fewer stalls; read again at open. */
const writeBufferBytes = 16 * mebibyte;
const lockRetryMs = 100;

/**
 * Opens an existing store and checks it: identity, tables, every small record, every log record and entry, no gaps. Never
 * creates and never repairs anything; a store that is refused keeps its files.
 * @throws StoreError with any code but STORE_EXISTS and STORE_CLOSED
 */
export async function openStore(options: OpenOptions): Promise<Opened> {
  const { folder } = options;
  const identity = await readIdentity(folder, options.clusterName);
  await checkCurrent(folder);
  const { fault, uncheckedBytes } = await checkTables(databaseOf(folder));
  if (fault !== '') throw corrupt(folder, fault, undefined);
  const database = await openDatabase(folder, options);
  try {
    const opened = await openChecked(database, identity, options);
    return { ...opened, recovery: { ...opened.recovery, uncheckedBytes } };
  } catch (error) {
    await database.close();
    if (error instanceof StoreError) throw error;
    if (error instanceof Damage || codeOf(error) === 'LEVEL_CORRUPTION')
      throw corrupt(folder, (error as Error).message, error);
    throw new StoreError(
      'STORE_FAILED',
      `store ${folder} cannot be opened: ${(error as Error).message}; check the disk.`,
      error,
    );
  }
}

async function openChecked(
  database: Database,
  identity: StoreIdentity,
  options: OpenOptions,
): Promise<Opened> {
  const { folder, durability = 'fsync', retention = defaultRetention, syncEveryMs = 1000 } = options;
  const world = options.world ?? realWorld(await machineBoot());
  const began = world.monoMs();
  const meta = await readMeta(database);
  if (meta.storeId !== identity.storeId)
    throw new Damage(`its database belongs to store ${meta.storeId || '(none)'}, not to ${identity.storeId}`);
  const sameBoot = world.machineBoot !== null && world.machineBoot === meta.machine.boot;
  const lock = await lockFile(folder);
  const replayed = await replayLog(database, meta, retention, meta.machine.lossy && !sameBoot);
  const sessions = await readSessions(database, meta.slots);
  takeUnproven(meta);
  if (meta.machine.lossy && !sameBoot) markUnproven(meta.slots, replayed.synced);
  await settle(database, meta, replayed, { boot: world.machineBoot, lock, lossy: durability === 'os' });
  const store = new LevelStore({
    database,
    folder,
    slots: meta.slots,
    ledger: replayed.ledger,
    durability,
    syncEveryMs,
    world,
    lock,
  });
  return {
    store,
    boot: bootOf(identity, meta, replayed, sessions),
    lockProof: sameBoot && lock !== null && lock === meta.machine.lock,
    recovery: {
      records: replayed.ledger.count,
      entries: [...replayed.logs.values()].reduce((sum, log) => sum + log.length, 0),
      ms: world.monoMs() - began,
      droppedBytes: await droppedBytes(folder),
      uncheckedBytes: 0,
      hole: replayed.hole,
    },
  };
}

/** Opening made tables of LevelDB's log and synced them, so all that was found is safe from here on. */
async function settle(database: Database, meta: Meta, replayed: Replayed, holder: Holder): Promise<void> {
  // In the log file of the synced write below: what was cut off never comes back beside what is written from here on.
  if (replayed.hole !== null) await database.clear({ gte: logKey(replayed.hole), lt: logEnd });
  const writes = new Writes(database);
  writes.add(machineRecord(meta.slots, holder));
  writes.add(metaRecord(metaKey('synced'), encodeNumber(replayed.ledger.last)));
  await writes.write(true);
}

function bootOf(
  identity: StoreIdentity,
  meta: Meta,
  replayed: Replayed,
  sessions: ReadonlyMap<Slot, Uint8Array[]>,
): Boot {
  const states = [...meta.slots.values()].sort((a, b) => a.slot - b.slot);
  const slots = states.map((state) =>
    bootSlot(state, replayed.logs.get(state.slot) ?? [], sessions.get(state.slot) ?? []),
  );
  return { store: identity.storeId, identity: meta.identity, slots };
}

/** LevelDB would take a folder without this file for an empty one, and a missing file that it names for a broken disk. */
async function checkCurrent(folder: string): Promise<void> {
  const path = join(databaseOf(folder), 'CURRENT');
  const named = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? corrupt(folder, `${path} is missing`, error) : refused(folder, error);
  });
  const manifest = named.trimEnd();
  if (!/^MANIFEST-\d+$/.test(manifest))
    throw corrupt(
      folder,
      `${path} names ${JSON.stringify(manifest.slice(0, 40))}, which is no MANIFEST`,
      undefined,
    );
  await access(join(databaseOf(folder), manifest)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw corrupt(folder, `${path} names ${manifest}, which is missing`, error);
  });
}

async function openDatabase(folder: string, options: OpenOptions): Promise<Database> {
  const { cacheBytes = 64 * mebibyte, lockWaitMs = 10_000 } = options;
  const database: Database = new ClassicLevel(databaseOf(folder), {
    ...encodings,
    createIfMissing: false,
    cacheSize: cacheBytes,
    writeBufferSize: writeBufferBytes,
  });
  for (let waitedMs = 0; ; waitedMs += lockRetryMs) {
    try {
      await database.open();
      return database;
    } catch (error) {
      if (codeOf(error) !== 'LEVEL_LOCKED') throw refused(folder, error);
      if (waitedMs >= lockWaitMs)
        throw new StoreError(
          'STORE_LOCKED',
          `store ${folder} is in use by another process; stop that one, or give this node another folder.`,
          error,
        );
      await sleep(lockRetryMs);
    }
  }
}

function refused(folder: string, error: unknown): StoreError {
  const cause = causeOf(error);
  if (codeOf(error) === 'LEVEL_CORRUPTION') return corrupt(folder, cause.message, error);
  return new StoreError(
    'STORE_FAILED',
    `store ${folder} cannot be opened: ${cause.message}; ${isForWantOfRoom(cause.message) ? 'make room on its disk' : 'check permissions and the disk'}.`,
    error,
  );
}

function corrupt(folder: string, what: string, cause: unknown): StoreError {
  const next = 'Move the folder away and let the node come back blank: its chains copy the data to it.';
  return new StoreError('STORE_CORRUPT', `store ${folder} is damaged: ${what}. ${next}`, cause);
}

/** LevelDB's own error is the cause of "database failed to open". */
const causeOf = (error: unknown): Error & { code?: string } => {
  const { cause } = error as Error;
  return cause instanceof Error ? cause : (error as Error);
};
const codeOf = (error: unknown): string | undefined => causeOf(error).code;

/** What LevelDB left out of its log is only said in its text file, which begins anew at each open. */
async function droppedBytes(folder: string): Promise<number> {
  const text = await readFile(join(databaseOf(folder), 'LOG'), 'utf8').catch(() => '');
  return Array.from(text.matchAll(/dropping (\d+) bytes/g)).reduce((sum, found) => sum + Number(found[1]), 0);
}

const realWorld = (boot: string | null): World => ({
  wallMs: Date.now,
  monoMs: () => performance.now(),
  machineBoot: boot,
});
