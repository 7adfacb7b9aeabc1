import { describe, expect, test } from 'vitest';
import type { Operation } from '../../protocol/client/session.ts';
import { decodeHistograms } from '../measure/histogram.ts';
import { get, put, type Workload, ycsb } from '../workload/workloads.ts';
import type { Done, Driver } from './driver.ts';
import { fill, perform } from './loops.ts';
import type { Run } from './run.ts';

/** A store in memory that answers after `delayMs()`, with conditions on revisions. */
class FakeStore implements Driver {
  readonly values = new Map<string, { revision: number; bytes: number }>();
  readonly operations: Operation[] = [];
  underWay = 0;
  most = 0;
  #revision = 0;
  delayMs: () => number = () => 1;
  fail: (operation: Operation) => Parameters<Done>[0] = () => null;

  start(operation: Operation, done: Done): void {
    this.operations.push(operation);
    this.most = Math.max(this.most, ++this.underWay);
    setTimeout(() => {
      this.underWay--;
      this.#answer(operation, done);
    }, this.delayMs());
  }

  tailOf(): null {
    return null;
  }

  close(): void {}

  #answer(operation: Operation, done: Done): void {
    const failed = this.fail(operation);
    if (failed !== null) return done(failed, 0, -1);
    const known = this.values.get(operation.key);
    if (operation.op === 'get') return done(null, known?.revision ?? 0, known?.bytes ?? -1);
    if (operation.op !== 'put') throw new Error(`${operation.op} is not expected`);
    for (const condition of operation.conditions)
      if (condition.value !== (known?.revision ?? 0))
        return done('CONDITION_FAILED', known?.revision ?? 0, -1);
    this.values.set(operation.key, { revision: ++this.#revision, bytes: operation.value.length });
    done(null, this.#revision, -1);
  }
}

const small: Workload = { ...put, keys: 50 };
const run = (workload: Workload, more: Partial<Run> = {}): Run => ({
  workload,
  concurrency: 4,
  rate: 0,
  warmupMs: 50,
  windowMs: 400,
  seed: 1,
  readAt: 'any',
  bucketMs: 0,
  ...more,
});
const operationsOf = (encoded: string): number => decodeHistograms([encoded]).totalCount;

async function filled(): Promise<FakeStore> {
  const store = new FakeStore();
  await fill(store, small, 8, 1);
  store.operations.length = 0;
  store.most = 0;
  return store;
}

describe('a closed loop', () => {
  test('keeps exactly as many operations under way as it has callers, and counts those of the window', async () => {
    const store = await filled();
    const counted = await perform(store, run(small));
    expect(store.most).toBe(4);
    expect(store.underWay).toBe(0);
    expect(counted.operations).toBe(operationsOf(counted.writes));
    expect(counted.operations).toBeLessThan(store.operations.length);
    expect(counted.operations).toBeGreaterThan(0);
  });

  test('mixes reads and writes by their shares', async () => {
    const store = await filled();
    store.delayMs = () => 0;
    const counted = await perform(store, run({ ...ycsb.a, keys: 50 }, { concurrency: 32 }));
    const reads = operationsOf(counted.reads);
    const writes = operationsOf(counted.writes);
    expect(reads / (reads + writes)).toBeGreaterThan(0.35);
    expect(reads / (reads + writes)).toBeLessThan(0.65);
  });

  test('counts failures by their code, and not as operations', async () => {
    const store = await filled();
    store.fail = () => 'UNAVAILABLE';
    const counted = await perform(store, run(small));
    expect(counted.operations).toBe(0);
    expect(counted.errors.UNAVAILABLE).toBeGreaterThan(0);
  });

  test('takes a read of another length, or of nothing, for an error', async () => {
    const store = await filled();
    store.values.clear();
    const counted = await perform(store, run({ ...get, keys: 50 }));
    expect(counted.operations).toBe(0);
    expect(counted.errors.WRONG_VALUE).toBeGreaterThan(0);
  });

  test('repeats a read-modify-write that another caller overtook until it holds', async () => {
    const store = await filled();
    const counted = await perform(
      store,
      run({ ...ycsb.f, mix: { modify: 1 }, chosen: [0] }, { concurrency: 8 }),
    );
    const conditional = store.operations.filter((o) => o.op === 'put' && o.conditions.length === 1);
    expect(counted.errors).toEqual({});
    expect(counted.operations).toBeGreaterThan(0);
    expect(conditional.length).toBeGreaterThan(counted.operations);
  });

  test('inserts keys that were not there', async () => {
    const store = await filled();
    await perform(store, run({ ...ycsb.d, keys: 50, mix: { insert: 1 } }));
    expect(store.values.size).toBeGreaterThan(50);
  });

  test('sets on the condition of the revision that the caller itself wrote last', async () => {
    const store = await filled();
    const counted = await perform(store, run({ ...small, mix: { 'test-and-set': 1 } }));
    expect(counted.errors).toEqual({});
    expect(store.operations.filter((o) => o.op === 'get')).toHaveLength(4);
    expect(new Set(store.operations.map((o) => o.key)).size).toBe(4);
  });

  test('counts successes over time when it is asked to', async () => {
    const store = await filled();
    const counted = await perform(store, run(small, { bucketMs: 100 }));
    expect(counted.buckets).toHaveLength(4);
    expect(counted.buckets.reduce((a, b) => a + b, 0)).toBe(counted.operations);
  });
});

describe('an open loop', () => {
  test('begins operations at its rate although earlier ones have not ended', async () => {
    const store = await filled();
    store.delayMs = () => 100;
    const counted = await perform(store, run(small, { rate: 500, concurrency: 1000 }));
    expect(counted.operations).toBeGreaterThan(100);
    expect(counted.operations).toBeLessThan(300);
    expect(store.most).toBeGreaterThan(20);
  });

  test('charges a stall to all who would have come in the meantime', async () => {
    const store = await filled();
    const began = performance.now();
    // Until 300 ms from now nothing is answered.
    store.delayMs = () => Math.max(1, began + 300 - performance.now());
    const counted = await perform(store, run(small, { rate: 500, concurrency: 1000 }));
    const latency = decodeHistograms([counted.writes]);
    expect(latency.getValueAtPercentile(50) / 1000).toBeGreaterThan(30);
    expect(latency.maxValue / 1000).toBeGreaterThan(200);
  });

  test('counts an error for what it could not begin', async () => {
    const store = await filled();
    store.delayMs = () => 200;
    const counted = await perform(store, run(small, { rate: 500, concurrency: 5 }));
    expect(counted.errors.GENERATOR_FULL).toBeGreaterThan(0);
  });
});

describe('loading keys', () => {
  test('writes each key, and tries again what failed', async () => {
    const store = new FakeStore();
    let failures = 3;
    store.fail = () => (failures-- > 0 ? 'DEADLINE_EXCEEDED' : null);
    await fill(store, small, 8, 1);
    expect(store.values.size).toBe(50);
  });

  test('says which key could not be written', async () => {
    const store = new FakeStore();
    store.fail = ({ key }) => (key === 'key00000007' ? 'UNAVAILABLE' : null);
    await expect(fill(store, small, 8, 1)).rejects.toThrow(
      'key 7 could not be loaded in 5 attempts: UNAVAILABLE',
    );
  });
});
