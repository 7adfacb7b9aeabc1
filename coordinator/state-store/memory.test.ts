import { createMemoryStateStore } from './memory.ts';
import { stateStoreContract } from './state-store.contract.ts';

stateStoreContract('the state store in memory', async () => {
  const store = createMemoryStateStore();
  return { open: async () => store, clear: async () => {} };
});
