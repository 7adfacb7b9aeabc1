/** Which boot of which machine this is, and which file is locked on it. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { databaseOf } from './database.ts';

/** Who opened a store. */
export interface Holder {
  readonly boot: string | null;
  readonly lock: string | null;
  /** Batches are acknowledged before they are synced. */
  readonly lossy: boolean;
}

/** The boot id of the operating system (Linux), the same for all its processes; null where there is none. */
export async function machineBoot(): Promise<string | null> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  } catch {
    return null;
  }
}

/**
 * The file that holds the exclusive lock of a store, by device and number. A copy of the folder, or a second mount of a
 * cloned volume, has another one: its lock says nothing about who works on the original.
 */
export async function lockFile(folder: string): Promise<string | null> {
  try {
    const { dev, ino } = await stat(join(databaseOf(folder), 'LOCK'), { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return null;
  }
}
