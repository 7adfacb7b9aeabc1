import { expect, test } from 'vitest';
import { type Entry, makeEntry } from '../protocol/entry.ts';
import { chainVersion, clientId, key, origin, requestNumber, seq, slot } from '../protocol/words.ts';
import { ValueCache } from './value-cache.ts';

const entry = (kind: 'put' | 'delete', k: string, n: number): Entry =>
  makeEntry({
    kind,
    slot: slot(1),
    version: chainVersion(1),
    versionBefore: chainVersion(1),
    seq: seq(n),
    stamp: 1,
    client: clientId(1),
    number: requestNumber(n),
    floor: requestNumber(n),
    objectVersion: 1,
    created: 1,
    replaced: origin,
    refusal: null,
    key: key(k),
    value: new Uint8Array(100),
  });

test('it follows what is written: newest values, deletes, erased slots', () => {
  const cache = new ValueCache(1_000_000);
  for (const k of ['a', 'b']) cache.put(slot(1), key(k), entry('put', k, 1).bytes);
  const second = entry('put', 'a', 2);
  cache.applied([
    { kind: 'apply', slot: slot(1), entries: [entry('put', 'a', 1), second, entry('put', 'b', 3)] },
  ]);
  expect(cache.get(slot(1), key('a'))).toEqual(Buffer.from(second.bytes));
  cache.applied([{ kind: 'apply', slot: slot(1), entries: [entry('delete', 'a', 4)] }]);
  expect(cache.get(slot(1), key('a'))).toBe(undefined);
  cache.applied([{ kind: 'erase', slot: slot(1), start: origin }]);
  expect(cache.get(slot(1), key('b'))).toBe(undefined);
});

test('it keeps what is used and stays within its bound', () => {
  const cache = new ValueCache(20_000);
  const record = new Uint8Array(100);
  for (let i = 0; i < 1000; i++) {
    cache.put(slot(1), key(`k${i}`), record);
    expect(cache.get(slot(1), key('k0'))).toBe(record);
  }
  const kept = Array.from({ length: 1000 }, (_, i) => cache.get(slot(1), key(`k${i}`))).filter(
    (r) => r !== undefined,
  );
  expect(kept.length).toBeLessThan(100);
});

test('what is read once takes no room, what is read twice stays', () => {
  const cache = new ValueCache(1_000_000);
  const record = new Uint8Array(100);
  cache.offer(slot(1), key('a'), record);
  expect(cache.get(slot(1), key('a'))).toBe(undefined);
  // The same key of another slot is another key.
  cache.offer(slot(2), key('a'), record);
  expect(cache.get(slot(2), key('a'))).toBe(undefined);
  cache.offer(slot(1), key('a'), record);
  expect(cache.get(slot(1), key('a'))).toBe(record);
});

test('reads of far more keys than fit leave nearly all of them outside', () => {
  const cache = new ValueCache(100_000_000);
  const record = new Uint8Array(100);
  const keys = Array.from({ length: 1_000_000 }, (_, i) => key(`key${i}`));
  for (let pass = 0; pass < 2; pass++) for (const k of keys) cache.offer(slot(1), k, record);
  expect(keys.filter((k) => cache.get(slot(1), k) !== undefined).length).toBeLessThan(20_000);
});

/** As it comes over a link: part of a larger buffer. */
const received = (e: Entry): Entry => {
  const frame = new Uint8Array(100_000);
  frame.set(e.bytes, 10);
  return { ...e, bytes: frame.subarray(10, 10 + e.bytes.length) };
};
const apply = (...entries: Entry[]) => [{ kind: 'apply', slot: slot(1), entries } as const];

test('it does not hold on to the buffer that an entry came in', () => {
  const cache = new ValueCache(1_000_000);
  cache.put(slot(1), key('a'), entry('put', 'a', 1).bytes);
  const second = entry('put', 'a', 2);
  cache.applied(apply(received(second)));
  expect(cache.get(slot(1), key('a'))).toEqual(Buffer.from(second.bytes));
  expect(cache.get(slot(1), key('a'))?.buffer.byteLength).toBe(second.bytes.length);
});

test('it keeps only keys that were read, and those follow every write', () => {
  const cache = new ValueCache(2000);
  cache.applied(apply(received(entry('put', 'unread', 1))));
  expect(cache.get(slot(1), key('unread'))).toBe(undefined);
  // Small: the generations change within one batch.
  let seqNow = 2;
  for (let round = 0; round < 20; round++) {
    const entries = Array.from({ length: 7 }, (_, i) => {
      const e = entry('put', `k${i % 3}`, seqNow++);
      return i % 2 === 0 ? e : received(e);
    });
    // Read before: the bytes do not matter, the batch replaces them.
    for (const name of ['k0', 'k1', 'k2']) cache.put(slot(1), key(name), new Uint8Array(200));
    cache.applied(apply(...entries));
    for (const name of ['k0', 'k1', 'k2']) {
      const newest = entries.filter((e) => e.key === name).at(-1) as Entry;
      const cached = cache.get(slot(1), key(name));
      if (cached !== undefined) expect(cached).toEqual(Buffer.from(newest.bytes));
    }
    expect(['k0', 'k1', 'k2'].some((name) => cache.get(slot(1), key(name)) !== undefined)).toBe(true);
  }
});
