/** Syncing what LevelDB wrote without a sync. */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Syncs all log files of a LevelDB, and their names. What was written before is then on disk: either in one of these
 * files, or in a table, which LevelDB syncs before it deletes the log file that it was made from. A synced write alone
 * would not do: LevelDB begins a new log file without syncing the old one (P61).
 */
export async function syncLogFiles(folder: string): Promise<void> {
  const names = await readdir(folder);
  for (const name of names) if (name.endsWith('.log')) await syncFile(join(folder, name));
  await syncFolder(folder);
}

async function syncFile(path: string): Promise<void> {
  try {
    await sync(path);
  } catch (error) {
    // Made into a table meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Makes the names of the files in a folder durable. */
export const syncFolder = (folder: string): Promise<void> => sync(folder);

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
