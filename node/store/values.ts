/** The value records of a slot: how they are checked, scanned and, after an erasure, removed. */
import { entryFault, entryHeaderBytes } from '../../protocol/entry.ts';
import type { Scanned } from '../../protocol/persist.ts';
import type { Key, Slot } from '../../protocol/words.ts';
import { asBuffer, type Database } from './database.ts';
import { generationStart, sessionsStart, valueKey, valueKeyOffset } from './keys.ts';

const sweepKeys = 1000;

/** The values of a slot since its last erasure. */
interface Values {
  readonly slot: Slot;
  readonly generation: number;
}

/** Whether `value`, found at database key `at`, is a whole entry that stores a value of that slot and key. */
export function isValueOf(at: Buffer, slot: Slot, value: Uint8Array): boolean {
  if (entryFault(value) !== null) return false;
  const b = asBuffer(value);
  const keyBytes = at.length - valueKeyOffset;
  const kind = b[9];
  return (
    (kind === 1 || kind === 3) &&
    b.readUInt16LE(12) === slot &&
    b.readUInt16LE(10) === keyBytes &&
    b.compare(at, valueKeyOffset, at.length, entryHeaderBytes, entryHeaderBytes + keyBytes) === 0
  );
}

/** A chunk as `Store.scan` promises it. */
export async function scanValues(
  database: Database,
  { slot, generation }: Values,
  after: Key | null,
  maxBytes: number,
): Promise<Scanned> {
  const from =
    after === null ? { gte: generationStart(slot, generation) } : { gt: valueKey(slot, generation, after) };
  const range = { ...from, lt: generationStart(slot, generation + 1), fillCache: false };
  const values: Uint8Array[] = [];
  const damaged: Key[] = [];
  let bytes = 0;
  // Leaving the loop closes the iterator.
  for await (const [at, value] of database.iterator(range)) {
    const key = at.toString('latin1', valueKeyOffset) as Key;
    if (isValueOf(at, slot, value)) values.push(value);
    else damaged.push(key);
    bytes += value.length;
    if (bytes >= maxBytes) return { values, damaged, next: key };
  }
  return { values, damaged, next: null };
}

/** Deletes what generations before the present one held, a slab at a time, unsynced: it means nothing. */
export async function sweepErased(
  database: Database,
  { slot, generation }: Values,
  goOn: () => boolean,
): Promise<void> {
  for (const start of [generationStart, sessionsStart])
    await sweep(database, { gte: start(slot, 0), lt: start(slot, generation) }, goOn);
}

async function sweep(
  database: Database,
  range: { readonly gte: Buffer; readonly lt: Buffer },
  goOn: () => boolean,
): Promise<void> {
  const iterator = database.keys({ ...range, fillCache: false });
  try {
    for (;;) {
      const keys = await iterator.nextv(sweepKeys);
      if (keys.length === 0 || !goOn()) return;
      await database.batch(keys.map((key) => ({ type: 'del', key })));
    }
  } finally {
    await iterator.close();
  }
}
