import { expect, test } from 'vitest';
import type { StoreOutcome } from '../../protocol/coordinator/contract.ts';
import { createRandom } from '../random.ts';
import { createSchedule } from './schedule.ts';
import { createStateStore, type StateStore } from './state-store.ts';

function stand(seed = 1): {
  store: StateStore;
  write(value: string, expect: string | null): StoreOutcome;
  run(): void;
} {
  const schedule = createSchedule();
  const store = createStateStore(
    schedule,
    createRandom(seed),
    () => {},
    () => {},
  );
  const run = (): void => {
    while (schedule.step());
  };
  return {
    store,
    run,
    write(value, tag) {
      let outcome: StoreOutcome | null = null;
      store.call('c0', { id: 1, op: 'write', object: 'state', value, expect: tag }, (o) => {
        outcome = o;
      });
      while (outcome === null) schedule.step();
      return outcome;
    },
  };
}

test('a write needs the tag of what it replaces', () => {
  const { store, write } = stand();
  expect(write('a', null)).toEqual({ kind: 'written', tag: '1' });
  expect(write('b', null)).toEqual({ kind: 'conflict' });
  expect(write('b', '1')).toEqual({ kind: 'written', tag: '2' });
  expect(write('c', '1')).toEqual({ kind: 'conflict' });
  expect(store.peek('state')).toBe('b');
});

test('a write of unknown outcome is lost, or there, or comes later', () => {
  const early = new Set<string | null>();
  const late = new Set<string | null>();
  for (let seed = 0; seed < 40; seed++) {
    const { store, write, run } = stand(seed);
    store.setUnknown(1);
    expect(write('a', null).kind).toBe('unknown');
    early.add(store.peek('state'));
    run();
    late.add(store.peek('state'));
    if (store.peek('state') === null) early.add('lost');
  }
  expect(early.has('a')).toBe(true);
  expect(early.has(null)).toBe(true);
  expect(late.has('a')).toBe(true);
});
