/** Goes through everything that is stored, slot by slot, page by page. */
import { setTimeout as sleep } from 'node:timers/promises';
import { readEntry, storesValue } from '../protocol/entry.ts';
import { ChainError } from '../protocol/errors.ts';
import type { Listed } from '../protocol/messages.ts';
import type { Key, Slot } from '../protocol/words.ts';
import type { Caller } from './caller.ts';
import { type Found, readResult } from './results.ts';

export interface StoredEntry extends Found {
  readonly key: Uint8Array;
  readonly slot: Slot;
}

export interface EntriesOptions {
  /** Only these slots. @default all of them, in order */
  readonly slots?: readonly Slot[] | undefined;
  /** How long one page may be tried for, at one member after the other, in ms. @default that of the client */
  readonly timeoutMs?: number | undefined;
  /**
   * Told of each key of which no member has a record that fits its checksum; the entries go on without it.
   * @default the entries end with CORRUPT, which names the key
   */
  readonly onDamaged?: ((key: Uint8Array, slot: Slot) => void) | undefined;
}

const pauseMs = 50;

/**
 * See `Client.entries`. Each page holds every write of its keys that was acknowledged before the page was asked for, and may hold
 * later ones; the whole is no snapshot: a key that is written while the pages are read is shown as one of them found it.
 */
export async function* entriesOf(
  caller: Caller,
  options: EntriesOptions & { timeoutMs: number },
): AsyncGenerator<StoredEntry> {
  const damaged = options.onDamaged ?? refuseDamaged;
  const slots = options.slots ?? Array.from({ length: caller.slots }, (_, slot) => slot as Slot);
  for (const slot of slots) {
    let after: Key | null = null;
    do {
      const page: Listed = await pageOf(caller, slot, after, options.timeoutMs);
      for (const key of page.damaged) damaged(Buffer.from(key, 'latin1'), slot);
      for (const bytes of page.values) yield entryOf(bytes, slot, page);
      after = page.next;
    } while (after !== null);
  }
}

function refuseDamaged(key: Uint8Array, slot: Slot): never {
  throw new ChainError(
    'CORRUPT',
    `no member of slot ${slot} has a record of ${JSON.stringify(Buffer.from(key).toString())} that fits its checksum; ` +
      'put or delete the key, bring back a member that holds it, or go on without it (onDamaged)',
  );
}

/** From any member that gives it. */
async function pageOf(caller: Caller, slot: Slot, after: Key | null, timeoutMs: number): Promise<Listed> {
  const until = performance.now() + timeoutMs;
  for (let attempt = 0; ; attempt++)
    try {
      return await caller.page(slot, after, attempt);
    } catch (error) {
      if (!(error instanceof ChainError) || error.code === 'BAD_REQUEST') throw error;
      if (performance.now() > until)
        throw new ChainError(
          error.code,
          `no member of slot ${slot} gave its values within ${timeoutMs} ms: ${error.message}`,
          { cause: error, outcome: 'definite' },
        );
      caller.refresh();
      await sleep(pauseMs);
    }
}

function entryOf(bytes: Uint8Array, slot: Slot, { at }: Listed): StoredEntry {
  const entry = readEntry(bytes);
  if (entry === null || !storesValue(entry))
    throw new ChainError(
      'CORRUPT',
      `a listed value of slot ${slot} does not fit its checksum; look at that node's disk`,
    );
  const found = readResult(entry, at) as Found;
  return Object.assign(found, { key: Buffer.from(entry.key, 'latin1'), slot });
}
