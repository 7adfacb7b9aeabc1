import { describe, test } from 'vitest';
import { createMemoryStateStore } from './memory.ts';
import { stateStoreCases } from './state-store.contract.ts';

describe('the state store in memory', () => {
  for (const { name, run } of stateStoreCases)
    test(name, async () => {
      const store = createMemoryStateStore();
      await run({ open: async () => store, clear: async () => {} });
    });
});
