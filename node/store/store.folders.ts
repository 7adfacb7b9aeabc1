/** Folders with stores for tests: made, copied as a crash would leave them, damaged, and removed at the end. */
import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { type Database, databaseOf, encodings } from './database.ts';
import { createStore } from './identity.ts';
import type { World } from './level.ts';
import { type OpenOptions, openStore } from './open.ts';
import type { Opened, Store } from './store.ts';

export class Folders {
  readonly #folders: string[] = [];
  readonly #stores = new Map<string, Store>();

  async empty(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'store-'));
    this.#folders.push(folder);
    return folder;
  }

  async created(): Promise<string> {
    const folder = await this.empty();
    await createStore(folder, 'test');
    return folder;
  }

  async open(folder: string, options: Partial<OpenOptions> = {}): Promise<Opened> {
    const opened = await openStore({ folder, clusterName: 'test', lockWaitMs: 0, ...options });
    this.#stores.set(folder, opened.store);
    return opened;
  }

  /** Closes the store of a folder, if it is open. */
  async close(folder: string): Promise<void> {
    await this.#stores.get(folder)?.close();
    this.#stores.delete(folder);
  }

  /** The folder as it would be if the process died now. */
  async image(folder: string): Promise<string> {
    const copy = await this.empty();
    await cp(folder, copy, { recursive: true });
    return copy;
  }

  async clean(): Promise<void> {
    for (const store of this.#stores.values()) await store.close();
    this.#stores.clear();
    for (const folder of this.#folders.splice(0)) await rm(folder, { recursive: true, force: true });
  }
}

export const world = (machineBoot: string | null, wallMs = 1_700_000_000_000): World => ({
  wallMs: () => wallMs,
  monoMs: () => performance.now(),
  machineBoot,
});

/** Opens the LevelDB of a store without the store. */
export async function raw<T>(folder: string, use: (database: Database) => Promise<T>): Promise<T> {
  const database: Database = new ClassicLevel(databaseOf(folder), encodings);
  try {
    return await use(database);
  } finally {
    await database.close();
  }
}

/** Paths of the files of a store's LevelDB whose names end so. */
export async function files(folder: string, ending: string): Promise<string[]> {
  const names = await readdir(databaseOf(folder));
  return names.filter((name) => name.endsWith(ending)).map((name) => join(databaseOf(folder), name));
}

/** LevelDB's own log of what is not in tables yet. */
export async function logFile(folder: string): Promise<string> {
  const paths = await files(folder, '.log');
  if (paths.length !== 1) throw new Error(`${paths.length} log files`);
  return paths[0] as string;
}

export async function flipBit(path: string, offset: number): Promise<void> {
  const bytes = await readFile(path);
  if (offset >= bytes.length) throw new Error(`${path} ends before ${offset}`);
  bytes[offset] = (bytes[offset] as number) ^ 4;
  await writeFile(path, bytes);
}

export const sizeOf = async (path: string): Promise<number> => (await stat(path)).size;
