import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Boot, PersistItem } from '../../protocol/persist.ts';
import { origin, type Position, type Seq, type Slot, seq, slot } from '../../protocol/words.ts';
import { createStore } from './identity.ts';
import { MemoryDisk, openMemoryStore } from './memory.ts';
import { openStore } from './open.ts';
import { append, apply, assignment, at, drop, erase, Head, marks, sessions, trim } from './store.samples.ts';
import type { Store } from './store.ts';

const slots = [0, 1, 4095];
type Action = {
  readonly of: number;
  readonly what: 'put' | 'delete' | 'apply' | 'drop' | 'trim' | 'erase' | 'marks' | 'assign';
  readonly n: number;
};
type Step = readonly Action[] | 'reopen';

const action: fc.Arbitrary<Action> = fc.record({
  of: fc.constantFrom(...slots),
  what: fc.constantFrom(
    'put',
    'put',
    'put',
    'delete',
    'apply',
    'apply',
    'drop',
    'trim',
    'erase',
    'marks',
    'assign',
  ),
  n: fc.nat(50),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 9, arbitrary: fc.array(action, { maxLength: 8 }) },
  { weight: 1, arbitrary: fc.constant('reopen') },
);

test('the store on disk does what the one in memory does', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const folder = await mkdtemp(join(tmpdir(), 'random-'));
      try {
        await play(folder, steps);
      } finally {
        await rm(folder, { recursive: true });
      }
    }),
    { numRuns: 30 },
  );
});

async function play(folder: string, steps: readonly Step[]): Promise<void> {
  const { storeId } = await createStore(folder, 'test');
  const disk = new MemoryDisk(storeId);
  const open = async () => {
    const [level, memory] = [await openStore({ folder, clusterName: 'test' }), openMemoryStore({ disk })];
    expect(readable(level.boot)).toEqual(readable(memory.boot));
    return [level.store, memory.store] as const;
  };
  let stores = await open();
  const model = new Model();
  for (const next of [...steps, 'reopen' as const]) {
    if (next === 'reopen') {
      await compare(...stores);
      for (const store of stores) await store.close();
      stores = await open();
    } else {
      const items = next.flatMap((a) => model.items(a));
      for (const store of stores) await store.write({ id: 1, items });
    }
  }
  for (const store of stores) await store.close();
}

/** Turns arbitrary actions into items that a core could give: contiguous, trims within the log. */
class Model {
  readonly #heads = new Map(
    slots.map((of) => [
      of,
      { head: new Head(of), start: origin as Position, log: [] as Position[], version: 1 },
    ]),
  );

  items({ of, what, n }: Action): PersistItem[] {
    const s = this.#heads.get(of)!;
    switch (what) {
      case 'put':
      case 'delete': {
        const count = what === 'put' ? 1 + (n % 4) : 1;
        const entries = Array.from({ length: count }, (_, i) =>
          what === 'put' ? s.head.put(`k${(n + i) % 9}`) : s.head.delete(`k${n % 9}`),
        );
        s.log.push(...entries.map((e) => at(e.version, e.seq)));
        return [append(...entries), ...(n % 3 === 0 ? [apply(...entries)] : [])];
      }
      case 'apply':
        return [apply(new Head(of, at(1, n)).put(`k${n % 9}`))];
      case 'drop': {
        const keep = s.log.length === 0 ? 0 : n % (s.log.length + 1);
        s.log.length = keep;
        const end = s.log.at(-1) ?? s.start;
        s.head = new Head(of, end, ++s.version);
        return [drop(of, end.seq)];
      }
      case 'trim': {
        const start = s.log[n % (s.log.length + 1)] ?? s.start;
        s.log = s.log.filter((p) => p.seq > start.seq);
        s.start = start;
        return [sessions(of, { [n]: `${n}` }, [n + 1], n), marks(of, start), trim(of, start)];
      }
      case 'erase': {
        s.start = n % 5 === 0 ? origin : at(s.version, n);
        s.log = [];
        s.head = new Head(of, s.start, s.version);
        return [erase(of, s.start)];
      }
      case 'marks':
        return [marks(of, s.start, n % 3 === 0)];
      case 'assign':
        return [assignment(of, s.version)];
    }
  }
}

async function compare(level: Store, memory: Store): Promise<void> {
  for (const of of slots.map(slot)) {
    const [a, b] = [await values(level, of), await values(memory, of)];
    expect(a).toEqual(b);
    for (const from of [1, 5, 30].map(seq))
      expect(await log(level, of, from)).toEqual(await log(memory, of, from));
  }
}

async function values(store: Store, of: Slot): Promise<string[]> {
  const scanned = await store.scan(of, null, 1e9);
  return scanned === 'corrupt' ? ['corrupt'] : scanned.values.map(hex);
}

const log = async (store: Store, of: Slot, from: Seq): Promise<string[]> => {
  const entries = await store.readLog(of, from, 1e9);
  return entries === 'corrupt' ? ['corrupt'] : entries.map((e) => hex(e.bytes));
};

const readable = ({ slots, ...boot }: Boot): unknown => ({
  ...boot,
  // A slot of which nothing is known but values may be left out.
  slots: slots
    .filter(
      (s) =>
        s.version > 0 ||
        s.start.seq > 0 ||
        s.log.length > 0 ||
        s.marks.commit.seq > 0 ||
        s.sessions.length > 0,
    )
    .map((s) => ({ ...s, log: s.log.map((e) => hex(e.bytes)), sessions: s.sessions.map(hex).sort() })),
});

const hex = (b: Uint8Array): string => Buffer.from(b).toString('hex');
