/** A state store in memory: for tests, shared by the coordinators of one process. It forgets everything with the process. */
import type { StoredObject } from '../../protocol/coordinator/contract.ts';
import type { StateStore } from './state-store.ts';

export function createMemoryStateStore(): StateStore {
  const objects = new Map<StoredObject, { readonly value: string; readonly tag: string }>();
  let writes = 0;
  return {
    names: { lease: 'the lease in memory', state: 'the state in memory' },
    async read(object) {
      return objects.get(object) ?? { value: null, tag: null };
    },
    async write(object, value, expect) {
      if ((objects.get(object)?.tag ?? null) !== expect) return { kind: 'conflict' };
      writes++;
      const tag = `${writes}`;
      objects.set(object, { value, tag });
      return { kind: 'written', tag };
    },
    async close() {},
  };
}
