import { expect, test } from 'vitest';
import { type Key, key, type Slot, slot } from '../protocol/words.ts';
import type { Found, Store } from './store/store.ts';
import { ValueReads } from './value-reads.ts';

/** A store whose reads on the spot take `readMs` of a clock that stands still otherwise. */
function world() {
  const w = {
    mono: 0,
    readMs: 0.01,
    pending: [] as ((found: Found) => void)[],
    failing: false,
    busyOnly: false,
    diskReads: 0,
  };
  const store = {
    get(_: Slot, k: Key): Found {
      w.mono += w.readMs;
      if (w.readMs > 0.1 && !w.busyOnly) w.diskReads++;
      return Buffer.from(k);
    },
    getAsync: () =>
      new Promise<Found>((resolve, reject) =>
        w.failing ? reject(new Error('closed')) : w.pending.push(resolve),
      ),
  } as unknown as Store;
  const later: Found[] = [];
  const reads = new ValueReads(
    store,
    () => w.mono,
    () => w.diskReads,
  );
  const read = (name: string) => reads.read(slot(0), key(name), (found) => later.push(found));
  return { w, reads, read, later };
}

test('hot data is read on the spot, and from memory when it is read again and again', () => {
  const { read, reads } = world();
  for (let i = 0; i < 5; i++) expect(read('a')).toEqual(Buffer.from('a'));
  expect(reads.counts).toEqual({ fromMemory: 3, onTheSpot: 2, offTheLoop: 0 });
});

test('a slow read now and then is an accident', () => {
  const { w, read } = world();
  for (let i = 0; i < 500; i++) {
    w.readMs = i % 20 === 0 ? 5 : 0.01;
    expect(read(`k${i}`)).toEqual(Buffer.from(`k${i}`));
  }
});

test('reads during which another process ran are no sign of cold data', () => {
  const { w, read } = world();
  w.readMs = 50;
  w.busyOnly = true;
  for (let i = 0; i < 100; i++) expect(read(`k${i}`)).toEqual(Buffer.from(`k${i}`));
});

test('a read that is much too slow is enough to leave the event loop', () => {
  const { w, read } = world();
  w.readMs = 50;
  expect(read('a')).toEqual(Buffer.from('a'));
  expect(read('b')).toBeUndefined();
});

test('after some slow reads the next ones leave the event loop for a while', async () => {
  const { w, read, later } = world();
  w.readMs = 5;
  for (const name of ['a1', 'a2', 'a3']) expect(read(name)).toEqual(Buffer.from(name));
  expect(read('b')).toBeUndefined();
  w.pending[0]?.(null);
  await new Promise((resolve) => setImmediate(resolve));
  expect(later).toEqual([null]);
  w.mono += 1000;
  expect(read('c')).toEqual(Buffer.from('c'));
});

test('only some reads are in the thread pool at once, and all are answered', async () => {
  const { w, read, later } = world();
  w.readMs = 50;
  read('a');
  for (let i = 0; i < 20; i++) expect(read(`k${i}`)).toBeUndefined();
  expect(w.pending).toHaveLength(8);
  while (later.length < 20) {
    w.pending.shift()?.(null);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(w.pending).toHaveLength(0);
});

test('what waits behind a disk that hangs is given up when nobody can wait for it any more', async () => {
  const { w, read, later } = world();
  w.readMs = 50;
  read('a');
  for (let i = 0; i < 20; i++) expect(read(`k${i}`)).toBeUndefined();
  // Others go on asking, and the data stays cold.
  for (let i = 0; i < 700; i++) {
    w.mono += 100;
    read(`other ${i}`);
  }
  await new Promise((resolve) => setImmediate(resolve));
  expect(w.pending).toHaveLength(8);
  expect(later.length).toBeGreaterThanOrEqual(12);
  expect(new Set(later)).toEqual(new Set(['corrupt']));
});

test('an error of the store is told as a damaged value', async () => {
  const { w, read, later } = world();
  w.readMs = 50;
  read('a');
  w.failing = true;
  expect(read('b')).toBeUndefined();
  await new Promise((resolve) => setImmediate(resolve));
  expect(later).toEqual(['corrupt']);
});
