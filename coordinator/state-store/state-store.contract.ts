/**
 * What every state store must do, whatever keeps its objects, as cases for any test runner: each gets a world without any
 * object, and throws when the store does not keep the contract of state-store.ts.
 */
import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import type { StateStore, Written } from './state-store.ts';

export interface StateStoreWorld {
  /** Another coordinator's way to the same objects. */
  open(): Promise<StateStore>;
  /** Removes the objects. */
  clear(): Promise<void>;
}

export interface Case {
  readonly name: string;
  run(world: StateStoreWorld): Promise<void>;
}

type Body = (store: StateStore, world: StateStoreWorld) => Promise<void>;

const cases: Record<string, Body> = {
  async 'an object that was never written is absent'(store) {
    deepEqual(await store.read('lease'), { value: null, tag: null });
    deepEqual(await store.read('state'), { value: null, tag: null });
  },

  async 'what is written is read, with the tag of that writing'(store) {
    const tag = tagOf(await store.write('state', 'one', null));
    deepEqual(await store.read('state'), { value: 'one', tag });
  },

  async 'the objects do not touch each other'(store) {
    tagOf(await store.write('state', 'a state', null));
    tagOf(await store.write('lease', 'a lease', null));
    equal((await store.read('state')).value, 'a state');
    equal((await store.read('lease')).value, 'a lease');
  },

  async 'a write over the expected content swaps it, each time with a new tag'(store) {
    const seen = new Set<string>();
    let tag: string | null = null;
    for (let i = 0; i < 20; i++) {
      tag = tagOf(await store.write('lease', `content ${i}`, tag));
      seen.add(tag);
    }
    equal(seen.size, 20);
    deepEqual(await store.read('lease'), { value: 'content 19', tag });
  },

  async 'a write that expects absence does not replace an object'(store) {
    const tag = tagOf(await store.write('state', 'first', null));
    deepEqual(await store.write('state', 'second', null), { kind: 'conflict' });
    deepEqual(await store.read('state'), { value: 'first', tag });
  },

  async 'a write that expects an older content does not replace a newer one'(store) {
    const old = tagOf(await store.write('state', 'first', null));
    const tag = tagOf(await store.write('state', 'second', old));
    deepEqual(await store.write('state', 'third', old), { kind: 'conflict' });
    deepEqual(await store.read('state'), { value: 'second', tag });
  },

  async 'a write that expects an object does not make one'(store) {
    const tag = tagOf(await store.write('lease', 'there', null));
    deepEqual(await store.write('state', 'made', tag), { kind: 'conflict' });
    deepEqual(await store.read('state'), { value: null, tag: null });
  },

  async 'the same content written again has another tag'(store) {
    const first = tagOf(await store.write('state', 'same', null));
    const second = tagOf(await store.write('state', 'same', first));
    notEqual(second, first);
    deepEqual(await store.write('state', 'other', first), { kind: 'conflict' });
  },

  async 'another coordinator reads what this one wrote, and swaps it'(store, world) {
    const other = await world.open();
    const tag = tagOf(await store.write('state', 'mine', null));
    deepEqual(await other.read('state'), { value: 'mine', tag });
    const next = tagOf(await other.write('state', 'yours', tag));
    deepEqual(await store.write('state', 'mine again', tag), { kind: 'conflict' });
    deepEqual(await store.read('state'), { value: 'yours', tag: next });
    await other.close();
  },

  async 'of writers that expect the same content exactly one wins'(store, world) {
    const stores = [store, await world.open(), await world.open(), await world.open()];
    let tag: string | null = null;
    for (let round = 0; round < 10; round++) {
      const expected: string | null = tag;
      const outcomes: PromiseSettledResult<Written>[] = await Promise.allSettled(
        stores.map((s, i) => s.write('state', `round ${round} writer ${i}`, expected)),
      );
      const won = outcomes.flatMap((o, i) =>
        o.status === 'fulfilled' && o.value.kind === 'written' ? [{ writer: i, tag: o.value.tag }] : [],
      );
      // Without an error nobody is left in doubt.
      if (outcomes.every((o) => o.status === 'fulfilled')) equal(won.length, 1);
      ok(won.length <= 1);
      const now = await store.read('state');
      if (won[0] !== undefined)
        deepEqual(now, { value: `round ${round} writer ${won[0].writer}`, tag: won[0].tag });
      tag = now.tag;
    }
    for (const s of stores.slice(1)) await s.close();
  },

  async 'a large state of many chains is kept as it is'(store) {
    const chains = Array.from({ length: 4096 }, (_, slot) => ({
      slot,
      members: ['a', 'b', 'c'],
      why: '“ß”\n',
    }));
    const value = JSON.stringify({ chains });
    tagOf(await store.write('state', value, null));
    equal((await store.read('state')).value, value);
  },
};

export const stateStoreCases: readonly Case[] = Object.entries(cases).map(([name, body]) => ({
  name,
  async run(world) {
    const store = await world.open();
    try {
      await body(store, world);
    } finally {
      await store.close();
      await world.clear();
    }
  },
}));

function tagOf(written: Written): string {
  if (written.kind !== 'written') throw new Error(`the write met a ${written.kind}`);
  return written.tag;
}
