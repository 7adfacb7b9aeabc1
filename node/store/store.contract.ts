/**
 * What every store must do, as cases for any test runner: each gets a fresh harness, and throws when the store does
 * not keep the contract of store.ts.
 */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { type Entry, readEntry } from '../../protocol/entry.ts';
import { InvariantBroken } from '../../protocol/errors.ts';
import type { BootSlot } from '../../protocol/persist.ts';
import {
  epoch,
  type Incarnation,
  type Key,
  key,
  origin,
  reign,
  type Seq,
  type Slot,
  seq,
  slot,
} from '../../protocol/words.ts';
import { readDuringWrites } from './store.concurrent.ts';
import {
  append,
  apply,
  assignment,
  at,
  batch,
  drop,
  erase,
  Head,
  marks,
  sessions,
  trim,
} from './store.samples.ts';
import type { Opened, Retention, Store } from './store.ts';

export interface Harness {
  /** Opens the same store again and again; a store that it opened before is closed first by the case. */
  open(options?: { retention?: Retention }): Promise<Opened>;
  /** Lets the next write fail as a full disk would. */
  failNextWrite(): void;
  /** Flips one bit in the stored value of a key, while the store is closed. */
  damageValue(of: Slot, key: Key): Promise<void>;
  /** What the stores take for the present, ms since 1970. */
  wallMs: number;
}

export interface Case {
  readonly name: string;
  run(harness: Harness): Promise<void>;
}

const cases: Record<string, (h: Harness) => Promise<void>> = {
  async 'a new store boots with its id and nothing else'(h) {
    const { store, boot, recovery } = await h.open();
    ok(boot.store.length > 0);
    deepEqual(
      [boot.slots, boot.identity, recovery.records],
      [[], { clusterId: '', epoch: 0, incarnation: 0, reign: 0 }, 0],
    );
    const again = await reopened(h, store);
    equal(again.boot.store, boot.store);
  },

  async 'everything of a batch is there after opening again'(h) {
    const head = new Head(3);
    const entries = [head.put('a'), head.put('b'), head.refuse('c')];
    const identity = { clusterId: 'one', epoch: epoch(4), reign: reign(8), incarnation: 9 as Incarnation };
    const { store } = await h.open();
    await store.write(
      batch(
        { kind: 'identity', ...identity },
        assignment(3, 7),
        append(...entries),
        apply(entries[0] as Entry),
        marks(3, at(1, 1)),
        sessions(3, { 7: 'seen' }, [], 5),
      ),
    );
    const { boot, recovery, store: again } = await reopened(h, store);
    deepEqual(boot.identity, identity);
    const found = bootOf(boot.slots, 3);
    deepEqual(
      [found.version, found.assignment?.members.length, found.start, bytesOf(found.log)],
      [7, 1, origin, bytesOf(entries)],
    );
    deepEqual(found.marks, {
      commit: at(1, 1),
      passed: at(1, 1),
      promised: origin,
      complete: true,
    });
    deepEqual([texts(found.sessions), found.forgotten], [['seen'], { last: 5, stamp: 5 }]);
    deepEqual([recovery.records, recovery.entries], [1, 3]);
    deepEqual(hex(again.get(slot(3), key('a'))), hex((entries[0] as Entry).bytes));
  },

  async 'the last marks win, and stay when others say nothing'(h) {
    const { store } = await h.open();
    const head = new Head(1);
    await store.write(batch(append(...head.puts(2)), marks(1, at(1, 1))));
    await store.write(batch(marks(1, at(1, 2)), assignment(1, 1)));
    await store.write(batch(append(head.put('x'))));
    const found = bootOf((await reopened(h, store)).boot.slots, 1);
    deepEqual(found.marks.commit, at(1, 2));
  },

  async 'a slot without marks is whole only before its first entry'(h) {
    const { store } = await h.open();
    await store.write(batch(assignment(1, 1), erase(2, at(3, 40)), erase(4, origin)));
    const { slots } = (await reopened(h, store)).boot;
    const none = { passed: origin, promised: origin };
    deepEqual(bootOf(slots, 1).marks, { commit: origin, ...none, complete: true });
    deepEqual(bootOf(slots, 4).marks, { commit: origin, ...none, complete: true });
    const start = at(3, 40);
    deepEqual(bootOf(slots, 2).marks, {
      commit: start,
      passed: start,
      promised: start,
      complete: false,
    });
  },

  async 'records of sessions replace those of the same client, and go one by one'(h) {
    const { store } = await h.open();
    await store.write(batch(assignment(1, 1), sessions(1, { 1: 'one', 2: 'two', 3: 'three' })));
    await store.write(batch(assignment(2, 1), sessions(2, { 1: 'other' })));
    await store.write(batch(sessions(1, { 1: 'one again', 9007199254740991: 'last' }, [3], 7)));
    const { slots } = (await reopened(h, store)).boot;
    deepEqual(texts(bootOf(slots, 1).sessions), ['last', 'one again', 'two']);
    deepEqual(bootOf(slots, 1).forgotten, { last: 7, stamp: 7 });
    deepEqual(texts(bootOf(slots, 2).sessions), ['other']);
  },

  async 'what is dropped is gone, and the log goes on with another version'(h) {
    const { store } = await h.open();
    const old = new Head(1);
    const kept = old.puts(4);
    await store.write(batch(append(...kept, ...old.puts(3))));
    const head = new Head(1, at(1, 4), 2);
    const later = head.puts(2);
    await store.write(batch(drop(1, 4), append(...later)));
    deepEqual(bytesOf(await logOf(store, slot(1), seq(1), 1e6)), bytesOf([...kept, ...later]));
    const again = await reopened(h, store);
    deepEqual(bytesOf(bootOf(again.boot.slots, 1).log), bytesOf([...kept, ...later]));
    await again.store.write(batch(append(head.put('on'))));
    equal((await logOf(again.store, slot(1), seq(7), 1e6)).length, 1);
  },

  async 'items of one batch apply in order'(h) {
    const { store } = await h.open();
    const old = new Head(1);
    const kept = old.puts(2);
    const head = new Head(1, at(1, 2), 5);
    const later = head.puts(3);
    await store.write(batch(append(...kept, ...old.puts(5)), drop(1, 2), append(...later), drop(1, 4)));
    const expected = bytesOf([...kept, ...later.slice(0, 2)]);
    deepEqual(bytesOf(await logOf(store, slot(1), seq(1), 1e6)), expected);
    const again = await reopened(h, store);
    deepEqual(bytesOf(bootOf(again.boot.slots, 1).log), expected);
  },

  async 'a drop at or above the end changes nothing'(h) {
    const { store } = await h.open();
    const entries = new Head(1).puts(2);
    await store.write(batch(append(...entries), drop(1, 2), drop(1, 9)));
    deepEqual(bytesOf(bootOf((await reopened(h, store)).boot.slots, 1).log), bytesOf(entries));
  },

  async 'the newest applied value is found, the deleted one is not'(h) {
    const { store } = await h.open();
    const head = new Head(1);
    const [a1, b, a2, bGone, refused] = [
      head.put('a', '1'),
      head.put('b'),
      head.put('a', '2'),
      head.delete('b'),
      head.refuse('a'),
    ];
    await store.write(batch(append(a1, b), apply(a1, b)));
    equal(hex(store.get(slot(1), key('b'))), hex(b.bytes));
    await store.write(batch(append(a2, bGone, refused), apply(a2, bGone), apply(refused)));
    const check = async (s: Store): Promise<void> => {
      deepEqual([hex(s.get(slot(1), key('a'))), s.get(slot(1), key('b'))], [hex(a2.bytes), null]);
      deepEqual(
        [hex(await s.getAsync(slot(1), key('a'))), await s.getAsync(slot(1), key('b'))],
        [hex(a2.bytes), null],
      );
      deepEqual([s.get(slot(2), key('a')), await s.getAsync(slot(2), key('a'))], [null, null]);
    };
    await check(store);
    await check((await reopened(h, store)).store);
  },

  async 'keys are bytes, and slots do not mix'(h) {
    const { store } = await h.open();
    const names = ['\x00', '\x00\x00', '\x7f', '\x80', '\xff', '\xff\xff', 'a', 'aa', 'a\x00'];
    const [one, two] = [new Head(255), new Head(256)];
    const [ones, twos] = [names.map((n) => one.put(n, '1')), names.map((n) => two.put(n, '2'))];
    await store.write(batch(append(...ones), append(...twos), apply(...ones), apply(...twos)));
    for (const [i, name] of names.entries()) {
      equal(hex(store.get(slot(255), key(name))), hex((ones[i] as Entry).bytes));
      equal(hex(store.get(slot(256), key(name))), hex((twos[i] as Entry).bytes));
    }
    const all = await scanAll(store, 255, 1);
    deepEqual(
      all,
      [...names].sort().map((n) => hex((ones[names.indexOf(n)] as Entry).bytes)),
    );
  },

  async 'a scan goes through a slot in chunks, in key order'(h) {
    const { store } = await h.open();
    const head = new Head(1);
    const entries = Array.from({ length: 200 }, (_, i) => head.put(`k${(i * 37) % 200}`, 'x'.repeat(i)));
    await store.write(batch(append(...entries), apply(...entries)));
    const sorted = [...entries].sort((a, b) => (a.key < b.key ? -1 : 1)).map((e) => hex(e.bytes));
    for (const bytes of [1, 1000, 1e9]) deepEqual(await scanAll(store, 1, bytes), sorted);
    const chunk = await store.scan(slot(1), null, 1000);
    ok(chunk !== 'corrupt' && chunk.values.length > 1 && chunk.values.length < 20);
    const rest = await store.scan(slot(1), key('k99'), 1e9);
    deepEqual(rest, { values: [], damaged: [], next: null });
    deepEqual(await store.scan(slot(9), null, 1e9), { values: [], damaged: [], next: null });
  },

  async 'erasing takes values and log, and what follows in the batch stays'(h) {
    const { store } = await h.open();
    const [head, other] = [new Head(1), new Head(2)];
    const [entries, others] = [head.puts(5), other.puts(3)];
    await store.write(
      batch(
        append(...entries),
        apply(...entries),
        append(...others),
        apply(...others),
        marks(1, at(1, 5)),
        sessions(1, { 1: 'old', 2: 'older' }, [], 4),
      ),
    );
    const source = new Head(1, at(6, 90), 6);
    const [before, copied, live] = [
      head.put('gone'),
      new Head(1, at(6, 50), 6).put('copied'),
      source.put('live'),
    ];
    await store.write(
      batch(
        append(before),
        apply(before),
        erase(1, at(6, 90)),
        apply(copied),
        append(live),
        marks(1, at(6, 90), false),
        sessions(1, { 1: 'new' }),
      ),
    );
    const check = async (s: Store): Promise<void> => {
      deepEqual(await scanAll(s, 1, 1e9), [hex(copied.bytes)]);
      equal(s.get(slot(1), key('key-1')), null);
      equal((await logOf(s, slot(1), seq(1), 1e6)).length, 0);
      deepEqual(bytesOf(await logOf(s, slot(1), seq(91), 1e6)), bytesOf([live]));
      equal((await scanAll(s, 2, 1e9)).length, 3);
    };
    await check(store);
    const { boot, store: again } = await reopened(h, store);
    await check(again);
    const found = bootOf(boot.slots, 1);
    deepEqual(
      [found.start, bytesOf(found.log), texts(found.sessions), found.forgotten.last, found.marks.complete],
      [at(6, 90), bytesOf([live]), ['new'], 0, false],
    );
  },

  async 'trimming moves the start, never back'(h) {
    const { store } = await h.open();
    const entries = new Head(1).puts(10);
    await store.write(batch(append(...entries), marks(1, at(1, 8))));
    await store.write(batch(trim(1, at(1, 6))));
    await store.write(batch(trim(1, at(1, 3))));
    equal((await logOf(store, slot(1), seq(6), 1e6)).length, 0);
    deepEqual(bytesOf(await logOf(store, slot(1), seq(7), 1e6)), bytesOf(entries.slice(6)));
    const found = bootOf((await reopened(h, store)).boot.slots, 1);
    deepEqual([found.start, bytesOf(found.log)], [at(1, 6), bytesOf(entries.slice(6))]);
  },

  async 'a log trimmed to its end goes on after it'(h) {
    const { store } = await h.open();
    const head = new Head(1);
    await store.write(batch(append(...head.puts(3)), marks(1, at(1, 3))));
    await store.write(batch(trim(1, at(1, 3))));
    const again = await reopened(h, store);
    const found = bootOf(again.boot.slots, 1);
    deepEqual([found.start, found.log, found.marks.commit], [at(1, 3), [], at(1, 3)]);
    head.version = 4;
    const next = head.put('next');
    await again.store.write(batch(append(next)));
    deepEqual(bytesOf(bootOf((await reopened(h, again.store)).boot.slots, 1).log), bytesOf([next]));
  },

  async 'the log is read from any place, by bytes, at least one entry'(h) {
    const { store } = await h.open();
    const [one, two] = [new Head(1), new Head(2)];
    const all: Entry[] = [];
    for (let i = 0; i < 100; i++) {
      const entries = one.puts(1 + (i % 4));
      all.push(...entries);
      await store.write(batch(append(...two.puts(i % 3)), append(...entries)));
    }
    for (const from of [1, 2, 77, all.length]) {
      equal((await logOf(store, slot(1), seq(from), 1)).length, 1);
      deepEqual(bytesOf(await readAll(store, 1, from)), bytesOf(all.slice(from - 1)));
    }
    equal((await logOf(store, slot(1), seq(all.length + 1), 1e6)).length, 0);
    equal((await logOf(store, slot(5), seq(1), 1e6)).length, 0);
    const some = await logOf(store, slot(1), seq(1), 2000);
    ok(some.length > 1 && bytesOf(some).join('').length / 2 < 2000 + 200);
  },

  async 'retention by bytes names what is too much, until it is trimmed'(h) {
    const { store } = await h.open({ retention: { bytes: 20_000, ageMs: 1e9 } });
    const [one, two] = [new Head(1), new Head(2)];
    for (let i = 0; i < 100; i++)
      await store.write(batch(append(...one.puts(1, 900)), ...(i < 50 ? [append(...two.puts(1, 100))] : [])));
    const tops = store.oldestLog();
    const top = tops.find((t) => t.slot === 1)?.seq ?? 0;
    ok(top >= 70 && top <= 95, `${top} of 100 entries of 900 bytes are beyond 20 000 bytes`);
    equal(tops.find((t) => t.slot === 2)?.seq, 50);
    // What is beyond twice that waits for nobody.
    const overdue = store.overdueLog().find((t) => t.slot === 1)?.seq ?? 0;
    ok(overdue >= 45 && overdue <= 75, `${overdue} of 100 entries of 900 bytes are beyond 40 000 bytes`);
    await store.write(batch(...tops.map((t) => trim(t.slot, at(1, t.seq)))));
    for (let i = 0; i < 3; i++) await store.write(batch(append(...one.puts(1, 10))));
    deepEqual([store.oldestLog(), store.overdueLog()], [[], []]);
  },

  async 'retention by age names what is too old'(h) {
    const { store } = await h.open({ retention: { bytes: 4000, ageMs: 60_000 } });
    const head = new Head(1);
    await store.write(batch(append(...head.puts(20))));
    deepEqual(store.oldestLog(), []);
    h.wallMs += 50_000;
    await store.write(batch(append(...head.puts(2))));
    h.wallMs += 20_000;
    deepEqual(store.oldestLog(), [{ slot: 1, seq: 20 }]);
  },

  async 'a batch that breaks a rule is refused as a whole, and latches'(h) {
    const good = new Head(1);
    let { store } = await h.open();
    await store.write(batch(append(...good.puts(5)), assignment(1, 5)));
    const bad = {
      gap: append(new Head(1, at(1, 6)).put('x')),
      again: append(new Head(1, at(1, 4)).put('x')),
      'other version before': append(new Head(1, at(2, 5), 2).put('x')),
      'older version': append(new Head(1, at(1, 5), 0).put('x')),
      'other slot': { ...append(new Head(2).put('x')), slot: slot(1) } as ReturnType<typeof append>,
      'lower chain version': assignment(1, 4),
      'trim beyond the end': trim(1, at(1, 6)),
    };
    for (const [what, item] of Object.entries(bad)) {
      await rejects(
        store.write(batch(append(new Head(7).put('half')), item)),
        { code: 'STORE_FAILED' },
        what,
      );
      await rejects(store.write(batch(assignment(1, 6))), { code: 'STORE_FAILED' });
      equal(store.state, 'failed');
      const again = await reopened(h, store);
      store = again.store;
      equal(again.boot.slots.filter((s) => s.slot === 7 && s.log.length > 0).length, 0, what);
      equal(bootOf(again.boot.slots, 1).log.length, 5, what);
    }
  },

  async 'the first failed write latches; opening again brings back what was acknowledged'(h) {
    const { store } = await h.open();
    const head = new Head(1);
    const kept = head.puts(3);
    await store.write(batch(append(...kept)));
    h.failNextWrite();
    await rejects(store.write(batch(append(head.put('lost')))), { code: 'STORE_FAILED' });
    equal(store.state, 'failed');
    ok(store.stats().reason.length > 0);
    await rejects(store.write(batch(assignment(1, 1))), { code: 'STORE_FAILED' });
    const again = await reopened(h, store);
    deepEqual(bytesOf(bootOf(again.boot.slots, 1).log), bytesOf(kept));
    await again.store.write(batch(append(new Head(1, at(1, 3)).put('next'))));
  },

  async 'one batch at a time'(h) {
    const { store } = await h.open();
    const head = new Head(1);
    const [first, second] = [
      store.write(batch(append(head.put('a')))),
      store.write(batch(append(head.put('b')))),
    ];
    await rejects(second, InvariantBroken);
    await first;
    equal(store.state, 'serving');
  },

  async 'closing waits for the write under way, and ends everything'(h) {
    const { store } = await h.open();
    const entry = new Head(1).put('a');
    const write = store.write(batch(append(entry)));
    await store.close();
    await write;
    await store.close();
    await rejects(store.write(batch(assignment(1, 1))), { code: 'STORE_CLOSED' });
    await rejects(store.scan(slot(1), null, 1), { code: 'STORE_CLOSED' });
    await rejects(store.readLog(slot(1), seq(1), 1), { code: 'STORE_CLOSED' });
    await rejects((async () => store.get(slot(1), key('a')))(), { code: 'STORE_CLOSED' });
    deepEqual(bytesOf(bootOf((await h.open()).boot.slots, 1).log), bytesOf([entry]));
  },

  async 'only one may have it open'(h) {
    const { store } = await h.open();
    await rejects((async () => h.open())(), { code: 'STORE_LOCKED' });
    await reopened(h, store);
  },

  async 'a damaged value is said to be damaged'(h) {
    const { store } = await h.open();
    const head = new Head(1);
    const entries = [head.put('a'), head.put('b')];
    const [first] = entries as [Entry, Entry];
    await store.write(batch(append(...entries), apply(...entries)));
    await store.close();
    await h.damageValue(slot(1), key('b'));
    const again = (await h.open()).store;
    equal(hex(again.get(slot(1), key('a'))), hex((entries[0] as Entry).bytes));
    deepEqual(
      [again.get(slot(1), key('b')), await again.getAsync(slot(1), key('b'))],
      ['corrupt', 'corrupt'],
    );
    const scanned = await again.scan(slot(1), null, 1e9);
    ok(scanned !== 'corrupt');
    deepEqual([scanned.values.map(hex), scanned.damaged, scanned.next], [[hex(first.bytes)], ['b'], null]);
    equal(again.stats().corruptReads, 3);
  },

  async 'what is read during writes was there between the question and the answer'(h) {
    const { store } = await h.open();
    await readDuringWrites(store);
  },

  async 'a scan goes on behind damaged records, also when they fill a chunk'(h) {
    const { store } = await h.open();
    const head = new Head(1);
    const entries = ['a', 'b', 'c'].map((k) => head.put(k));
    await store.write(batch(append(...entries), apply(...entries)));
    await store.close();
    await h.damageValue(slot(1), key('a'));
    await h.damageValue(slot(1), key('b'));
    const again = (await h.open()).store;
    const first = await again.scan(slot(1), null, 1);
    ok(first !== 'corrupt');
    deepEqual([first.values, first.damaged, first.next], [[], ['a'], 'a']);
    const rest = await again.scan(slot(1), key('a'), 1e9);
    ok(rest !== 'corrupt');
    deepEqual([rest.values.length, rest.damaged, rest.next], [1, ['b'], null]);
  },

  async 'a repair puts records in the place of damaged ones, takes them away, or says that nobody has them'(
    h,
  ) {
    const { store } = await h.open();
    const head = new Head(1);
    const entries = ['a', 'b', 'c'].map((k) => head.put(k));
    // A copy: the store in memory damages the very bytes that it was given.
    const a = readEntry(Buffer.from((entries[0] as Entry).bytes)) as Entry;
    await store.write(batch(append(...entries), apply(...entries)));
    await store.close();
    for (const k of ['a', 'b', 'c']) await h.damageValue(slot(1), key(k));
    const again = (await h.open()).store;
    const records = [
      { key: key('a'), record: a },
      { key: key('b'), record: null },
      { key: key('c'), record: 'damaged' as const },
    ];
    await again.write({ id: 2, items: [{ kind: 'repair', slot: slot(1), records }] });
    const found = (of: Store) => ['a', 'b', 'c'].map((k) => of.get(slot(1), key(k)));
    const bytes = (of: Store) => found(of).map((f) => (f instanceof Uint8Array ? hex(f) : f));
    deepEqual(bytes(again), [hex(a.bytes), null, 'corrupt']);
    deepEqual(bytes((await reopened(h, again)).store), [hex(a.bytes), null, 'corrupt']);
  },
};

export const storeContract: readonly Case[] = Object.entries(cases).map(([name, run]) => ({ name, run }));

async function reopened(h: Harness, store: Store): Promise<Opened> {
  await store.close();
  return await h.open();
}

function bootOf(slots: readonly BootSlot[], of: number): BootSlot {
  const found = slots.find((s) => s.slot === of);
  ok(found !== undefined, `slot ${of} is known at boot`);
  return found;
}

async function scanAll(store: Store, of: number, bytes: number): Promise<string[]> {
  const all: string[] = [];
  for (let after: Key | null = null; ; ) {
    const chunk = await store.scan(slot(of), after, bytes);
    ok(chunk !== 'corrupt');
    all.push(...chunk.values.map((v) => hex(v)));
    if (chunk.next === null) return all;
    after = chunk.next;
  }
}

async function logOf(store: Store, of: Slot, from: Seq, maxBytes: number): Promise<Entry[]> {
  const entries = await store.readLog(of, from, maxBytes);
  ok(entries !== 'corrupt');
  return entries;
}

async function readAll(store: Store, of: number, from: number): Promise<Entry[]> {
  const all: Entry[] = [];
  for (;;) {
    const chunk = await logOf(store, slot(of), seq(from + all.length), 300);
    if (chunk.length === 0) return all;
    all.push(...chunk);
  }
}

const hex = (b: Uint8Array | string | null): string =>
  b instanceof Uint8Array ? Buffer.from(b).toString('hex') : String(b);
const texts = (records: readonly Uint8Array[]): string[] =>
  records.map((b) => Buffer.from(b).toString()).sort();
const bytesOf = (entries: readonly Entry[]): string[] => entries.map((e) => hex(e.bytes));
