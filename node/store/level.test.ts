import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterEach, beforeEach, test, vi } from 'vitest';
import { databaseOf, encodings } from './database.ts';
import { createStore } from './identity.ts';
import { valueKey } from './keys.ts';
import { openStore } from './open.ts';
import { type Harness, storeContract } from './store.contract.ts';
import type { Store } from './store.ts';
import { Writes } from './writes.ts';

let folder: string;
const opened: Store[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'store-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const store of opened.splice(0)) await store.close();
  await rm(folder, { recursive: true });
});

test.each(storeContract)('level store: $name', async ({ run }) => {
  await createStore(folder, 'test');
  const harness: Harness = {
    wallMs: 1_700_000_000_000,
    open: async ({ retention } = {}) => {
      const world = { wallMs: () => harness.wallMs, monoMs: () => performance.now(), machineBoot: 'boot-1' };
      const found = await openStore({
        folder,
        clusterName: 'test',
        lockWaitMs: 100,
        world,
        ...(retention && { retention }),
      });
      opened.push(found.store);
      return found;
    },
    failNextWrite: () => {
      vi.spyOn(Writes.prototype, 'write').mockRejectedValueOnce(
        new Error('IO error: No space left on device'),
      );
    },
    damageValue: async (slot, key) => {
      const database = new ClassicLevel<Buffer, Uint8Array>(databaseOf(folder), encodings);
      const value = (await database.get(valueKey(slot, 0, key))) as Uint8Array;
      value[value.length - 1]! ^= 1;
      await database.put(valueKey(slot, 0, key), value);
      await database.close();
    },
  };
  await run(harness);
});
