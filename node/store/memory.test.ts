import { test } from 'vitest';
import { MemoryDisk, openMemoryStore } from './memory.ts';
import { type Harness, storeContract } from './store.contract.ts';

test.each(storeContract)('memory store: $name', async ({ run }) => {
  const disk = new MemoryDisk('memory');
  const harness: Harness = {
    wallMs: 1_700_000_000_000,
    open: async ({ retention } = {}) => {
      disk.fault = null;
      return openMemoryStore({ disk, wallMs: () => harness.wallMs, ...(retention && { retention }) });
    },
    failNextWrite: () => {
      disk.fault = new Error('No space left on device');
    },
    damageValue: async (slot, key) => {
      const value = disk.slot(slot).values.get(key) as Uint8Array;
      value[value.length - 1]! ^= 1;
    },
  };
  await run(harness);
});
