/** What every state store must do, whatever keeps its objects. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { StateStore, Written } from './state-store.ts';

export interface StateStoreWorld {
  /** Another coordinator's way to the same objects. */
  open(): Promise<StateStore>;
  /** Removes the objects. */
  clear(): Promise<void>;
}

/** `make` gives a world without any object. */
export function stateStoreContract(title: string, make: () => Promise<StateStoreWorld>): void {
  describe(title, () => {
    let world: StateStoreWorld;
    let store: StateStore;

    beforeEach(async () => {
      world = await make();
      store = await world.open();
    });
    afterEach(async () => {
      await store.close();
      await world.clear();
    });

    test('an object that was never written is absent', async () => {
      expect(await store.read('lease')).toEqual({ value: null, tag: null });
      expect(await store.read('state')).toEqual({ value: null, tag: null });
    });

    test('what is written is read, with the tag of that writing', async () => {
      const tag = tagOf(await store.write('state', 'one', null));
      expect(await store.read('state')).toEqual({ value: 'one', tag });
    });

    test('the objects do not touch each other', async () => {
      tagOf(await store.write('state', 'a state', null));
      tagOf(await store.write('lease', 'a lease', null));
      expect((await store.read('state')).value).toBe('a state');
      expect((await store.read('lease')).value).toBe('a lease');
    });

    test('a write over the expected content swaps it, each time with a new tag', async () => {
      const seen = new Set<string>();
      let tag: string | null = null;
      for (let i = 0; i < 20; i++) {
        tag = tagOf(await store.write('lease', `content ${i}`, tag));
        seen.add(tag);
      }
      expect(seen.size).toBe(20);
      expect(await store.read('lease')).toEqual({ value: 'content 19', tag });
    });

    test('a write that expects absence does not replace an object', async () => {
      const tag = tagOf(await store.write('state', 'first', null));
      expect(await store.write('state', 'second', null)).toEqual({ kind: 'conflict' });
      expect(await store.read('state')).toEqual({ value: 'first', tag });
    });

    test('a write that expects an older content does not replace a newer one', async () => {
      const old = tagOf(await store.write('state', 'first', null));
      const tag = tagOf(await store.write('state', 'second', old));
      expect(await store.write('state', 'third', old)).toEqual({ kind: 'conflict' });
      expect(await store.read('state')).toEqual({ value: 'second', tag });
    });

    test('a write that expects an object does not make one', async () => {
      const tag = tagOf(await store.write('lease', 'there', null));
      expect(await store.write('state', 'made', tag)).toEqual({ kind: 'conflict' });
      expect(await store.read('state')).toEqual({ value: null, tag: null });
    });

    test('the same content written again has another tag', async () => {
      const first = tagOf(await store.write('state', 'same', null));
      const second = tagOf(await store.write('state', 'same', first));
      expect(second).not.toBe(first);
      expect(await store.write('state', 'other', first)).toEqual({ kind: 'conflict' });
    });

    test('another coordinator reads what this one wrote, and swaps it', async () => {
      const other = await world.open();
      const tag = tagOf(await store.write('state', 'mine', null));
      expect(await other.read('state')).toEqual({ value: 'mine', tag });
      const next = tagOf(await other.write('state', 'yours', tag));
      expect(await store.write('state', 'mine again', tag)).toEqual({ kind: 'conflict' });
      expect(await store.read('state')).toEqual({ value: 'yours', tag: next });
      await other.close();
    });

    test('of writers that expect the same content exactly one wins', async () => {
      const stores = [store, await world.open(), await world.open(), await world.open()];
      let tag: string | null = null;
      for (let round = 0; round < 10; round++) {
        const expected: string | null = tag;
        const outcomes = await Promise.allSettled(
          stores.map((s, i) => s.write('state', `round ${round} writer ${i}`, expected)),
        );
        const won = outcomes.flatMap((o, i) =>
          o.status === 'fulfilled' && o.value.kind === 'written' ? [{ writer: i, tag: o.value.tag }] : [],
        );
        // Without an error nobody is left in doubt.
        if (outcomes.every((o) => o.status === 'fulfilled')) expect(won).toHaveLength(1);
        expect(won.length).toBeLessThanOrEqual(1);
        const now = await store.read('state');
        if (won[0] !== undefined)
          expect(now).toEqual({ value: `round ${round} writer ${won[0].writer}`, tag: won[0].tag });
        tag = now.tag;
      }
      for (const s of stores.slice(1)) await s.close();
    });

    test('a large state of many chains is kept as it is', async () => {
      const chains = Array.from({ length: 4096 }, (_, slot) => ({
        slot,
        members: ['a', 'b', 'c'],
        why: '“ß”\n',
      }));
      const value = JSON.stringify({ chains });
      tagOf(await store.write('state', value, null));
      expect((await store.read('state')).value).toBe(value);
    });
  });
}

function tagOf(written: Written): string {
  if (written.kind !== 'written') throw new Error(`the write met a ${written.kind}`);
  return written.tag;
}
