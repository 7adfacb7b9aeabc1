import { expect, test } from 'vitest';
import type { Entry } from '../../protocol/entry.ts';
import type { Batch, PersistItem } from '../../protocol/persist.ts';
import { entryAt } from '../../protocol/testing/samples.ts';
import { type Key, key, seq, slot } from '../../protocol/words.ts';
import { createRandom } from '../random.ts';
import { applyBatch, type Content, createContent, heldOf } from './content.ts';
import { beginFetch, beginLogRead, beginScan } from './reads.ts';

const s0 = slot(0);

const entry = (n: number, k: string, kind: 'put' | 'delete' = 'put'): Entry =>
  entryAt(n, { kind, key: key(k) });

function write(content: Content, ...entries: Entry[]): void {
  const items: PersistItem[] = [
    { kind: 'append', slot: s0, entries },
    { kind: 'apply', slot: s0, entries },
  ];
  applyBatch(content, { id: 1, items } satisfies Batch, 0);
}

/** `a` at 1, `b` at 2; while the read is under way `a` is overwritten twice, `b` deleted and `c` put. */
function during<T>(
  begin: (content: Content, seed: number) => () => T,
  show: (found: T) => string,
): Set<string> {
  const seen = new Set<string>();
  for (let seed = 0; seed < 400; seed++) {
    const content = createContent();
    write(content, entry(1, 'a'), entry(2, 'b'));
    const end = begin(content, seed);
    write(content, entry(3, 'a'));
    write(content, entry(4, 'b', 'delete'), entry(5, 'c'));
    write(content, entry(6, 'a'));
    seen.add(show(end()));
    expect(heldOf(content, s0).watches.size).toBe(0);
  }
  return seen;
}

const seqs = (entries: readonly Entry[]): string => entries.map((e) => `${e.key}${e.seq}`).join(' ');

test('a read of one key shows any state that it had meanwhile', () => {
  const seen = during(
    (content, seed) => beginFetch(createRandom(seed), heldOf(content, s0), key('a')),
    (e) => String(e?.seq),
  );
  expect([...seen].sort()).toEqual(['1', '3', '6']);
});

test('a scan shows each key as it was at any moment meanwhile, whole states and mixed ones', () => {
  const seen = during(
    (content, seed) => beginScan(createRandom(seed), heldOf(content, s0), null, 1e6),
    ({ entries, next }) => {
      expect(next).toBe(null);
      return seqs(entries);
    },
  );
  expect(seen).toContain('a1 b2');
  expect(seen).toContain('a3 b2');
  expect(seen).toContain('a6 c5');
  expect(seen).toContain('a6 b2');
  expect(seen).toContain('a1 c5');
  // Three states of `a`, two of each other key, each with each.
  expect(seen.size).toBe(12);
});

test('a scan ends with the value that reaches its limit, and goes on behind it', () => {
  const content = createContent();
  write(content, entry(1, 'a'), entry(2, 'b'), entry(3, 'c'));
  const scan = (after: Key | null): string => {
    const { entries, next } = beginScan(createRandom(1), heldOf(content, s0), after, 1)();
    return `${seqs(entries)} then ${next}`;
  };
  expect(scan(null)).toBe('a1 then a');
  expect(scan(key('a'))).toBe('b2 then b');
  expect(scan(key('b'))).toBe('c3 then null');
  expect(scan(key('c'))).toBe(' then null');
});

test('a log read shows one moment, whole or its beginning', () => {
  const seen = during(
    (content, seed) => beginLogRead(createRandom(seed), heldOf(content, s0), seq(2), 1e6),
    seqs,
  );
  expect(seen).toContain('b2');
  expect(seen).toContain('b2 a3 b4 c5 a6');
  for (const found of seen) expect('b2 a3 b4 c5 a6'.startsWith(found)).toBe(true);
});
