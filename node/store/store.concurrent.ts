/**
 * What reads of a store may show while it writes (R42): of each key, any state between the issuing of the read and its
 * end. What was on disk at the issuing is in it, and nothing that was never written. Throws when a store shows less or more.
 */
import { ok } from 'node:assert/strict';
import type { Entry } from '../../protocol/entry.ts';
import { readEntry } from '../../protocol/entry.ts';
import { type Key, key, slot } from '../../protocol/words.ts';
import { append, apply, batch, Head, marks } from './store.samples.ts';
import type { Store } from './store.ts';

const of = slot(1);
const keyCount = 300;
/** At least so many reads, and so many writes beside them. */
const reads = 60;
const writes = 20;
/** Values of a key, the oldest first; each holds from the write with its number on. null = absent. */
type States = { readonly write: number; readonly bytes: string | null }[];

/** Reads again and again, in every way, while writes go on. */
export async function readDuringWrites(store: Store): Promise<void> {
  const book = new Book(store);
  await book.write(book.names.map((name) => book.head.put(name, 'x'.repeat(200))));
  let reading = true;
  const writer = (async () => {
    for (let n = 0; reading; n++)
      await book.write(
        [0, 1, 2, 3].map((i) => {
          const name = book.names[(n * 31 + i * 77) % keyCount] as string;
          return (n + i) % 3 === 0 ? book.head.delete(name) : book.head.put(name, `${n}`.repeat(50));
        }),
      );
  })();
  try {
    for (let n = 0; n < reads || book.durable < writes; n++) {
      const after = n % 4 === 0 ? null : key(book.names[(n * 53) % keyCount] as string);
      if (n % 3 === 0) await oneRead(store, book, key(book.names[(n * 17) % keyCount] as string));
      else await oneScan(store, book, after, [300, 5000, 1e9][n % 3] as number);
    }
  } finally {
    reading = false;
    await writer;
  }
}

class Book {
  readonly names = Array.from({ length: keyCount }, (_, i) => `k${String(i).padStart(3, '0')}`);
  readonly head = new Head(of);
  /** Writes that were begun, and that are on disk. */
  begun = 0;
  durable = 0;
  readonly #store: Store;
  readonly #states = new Map<Key, States>();

  constructor(store: Store) {
    this.#store = store;
  }

  async write(entries: readonly Entry[]): Promise<void> {
    this.begun++;
    for (const e of entries) {
      const states = this.#states.get(e.key) ?? [{ write: 0, bytes: null }];
      this.#states.set(e.key, states);
      states.push({ write: this.begun, bytes: e.kind === 'delete' ? null : hex(e.bytes) });
    }
    await this.#store.write(batch(append(...entries), apply(...entries), marks(of, this.head.end)));
    this.durable = this.begun;
  }

  /** @throws when the key never was like that between the write `since`, and the newest that was begun. */
  check(of: Key, shown: string | null, since: number): void {
    const states = this.#states.get(of) ?? [];
    const first = states.findLastIndex((s) => s.write <= since);
    const may = states.slice(Math.max(0, first)).map((s) => s.bytes);
    ok(
      may.includes(shown),
      `${of} is shown as ${shown?.slice(0, 40) ?? 'absent'}, which it was not since write ${since}`,
    );
  }
}

async function oneScan(store: Store, book: Book, after: Key | null, maxBytes: number): Promise<void> {
  const since = book.durable;
  const scanned = await store.scan(of, after, maxBytes);
  ok(scanned !== 'corrupt' && scanned.damaged.length === 0);
  const { next } = scanned;
  const shown = new Map(scanned.values.map((bytes) => [readEntry(bytes)?.key as Key, hex(bytes)]));
  ok(shown.size === scanned.values.length, 'no key is shown twice');
  const isIn = (k: Key): boolean => (after === null || k > after) && (next === null || k <= next);
  for (const k of shown.keys()) ok(isIn(k), `${k} is not within what was asked for`);
  for (const k of book.names.map(key)) if (isIn(k)) book.check(k, shown.get(k) ?? null, since);
}

async function oneRead(store: Store, book: Book, k: Key): Promise<void> {
  const since = book.durable;
  const found = await store.getAsync(of, k);
  ok(found !== 'corrupt');
  book.check(k, found === null ? null : hex(found), since);
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
