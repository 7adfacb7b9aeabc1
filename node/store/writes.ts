/** One LevelDB batch in the making. What is added is copied at once: it may lie in memory that is used again. */
import type { Database } from './database.ts';
import type { MetaRecord } from './meta.ts';

export class Writes {
  /** Adding to a chained batch costs half of what LevelDB's array of operations does, and no object an operation. */
  readonly #batch: ReturnType<Database['batch']>;
  /** Of all keys and values added. */
  bytes = 0;

  constructor(database: Database) {
    this.#batch = database.batch();
  }

  put(key: Buffer, value: Uint8Array): void {
    this.#batch.put(key, value);
    this.bytes += key.length + value.length;
  }

  add({ key, value }: MetaRecord): void {
    this.put(key, value);
  }

  del(key: Buffer): void {
    this.#batch.del(key);
    this.bytes += key.length;
  }

  /** Resolves when LevelDB has it, with a `sync` when the disk has it. */
  write(sync: boolean): Promise<void> {
    return this.#batch.write({ sync });
  }
}
