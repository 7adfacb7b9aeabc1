/** What is checked of reads during writes is not kept by a store that shows too little. */
import { expect, test } from 'vitest';
import { type Key, type Slot, storeId } from '../../protocol/words.ts';
import { MemoryDisk, openMemoryStore } from './memory.ts';
import { readDuringWrites } from './store.concurrent.ts';
import type { Store } from './store.ts';

function wrapped(change: Partial<Store>, store: Store): Store {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(name in change ? change : target, name);
      return typeof member === 'function' ? member.bind(name in change ? change : target) : member;
    },
  });
}

const memory = (): Store => openMemoryStore({ disk: new MemoryDisk(storeId('s')), wallMs: () => 0 }).store;

test('a scan that shows what was there before it was asked for', async () => {
  const store = memory();
  const old = new Map<string, Awaited<ReturnType<Store['scan']>>>();
  const scan = async (of: Slot, after: Key | null, maxBytes: number) => {
    const name = `${after} ${maxBytes}`;
    const shown = old.get(name) ?? (await store.scan(of, after, maxBytes));
    old.set(name, shown);
    return shown;
  };
  await expect(readDuringWrites(wrapped({ scan }, store))).rejects.toThrow('which it was not since');
});

test('a scan that leaves a key out', async () => {
  const store = memory();
  const scan = async (of: Slot, after: Key | null, maxBytes: number) => {
    const shown = await store.scan(of, after, maxBytes);
    return shown === 'corrupt' ? shown : { ...shown, values: shown.values.slice(1) };
  };
  await expect(readDuringWrites(wrapped({ scan }, store))).rejects.toThrow('shown as absent');
});
