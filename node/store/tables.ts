/** Looks at the tables of a store before LevelDB opens it: once open, it may write what they hold into new ones. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { namedTables } from './named-tables.ts';
import { tableFault } from './table-file.ts';

/** What is looked at before a store opens: at most some seconds' worth. What is more is read by the scrub. */
const checkedBytesMax = 536_870_912;

export interface CheckedTables {
  /** What is wrong with one of them; '' = nothing was found. */
  readonly fault: string;
  /** Bytes of tables that were not looked at. */
  readonly uncheckedBytes: number;
}

export async function checkTables(database: string, bytesMax = checkedBytesMax): Promise<CheckedTables> {
  let checked = 0;
  let uncheckedBytes = 0;
  // Without a list, LevelDB will not open the store either.
  const named = (await namedTables(database)) ?? new Set();
  for (const name of await readdir(database).catch(() => [])) {
    // What is not named may be a piece of a table that was being written when its process was killed.
    if (!/\.(ldb|sst)$/.test(name) || !named.has(Number.parseInt(name, 10))) continue;
    const path = join(database, name);
    try {
      const { size } = await stat(path);
      if (checked + size > bytesMax) {
        uncheckedBytes += size;
        continue;
      }
      checked += size;
      const fault = await tableFault(path);
      if (fault !== '') return { fault: `${path}: ${fault}`, uncheckedBytes };
    } catch (error) {
      // Another process still has the store, and it goes on without this table.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return { fault: '', uncheckedBytes };
}
