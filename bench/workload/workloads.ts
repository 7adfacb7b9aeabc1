/** What is done with the keys: mixes of operations, those of YCSB among them. */
import type { Distribution } from './keys.ts';

export type Operation = 'read' | 'write' | 'modify' | 'insert' | 'test-and-set';

export interface Workload {
  readonly name: string;
  /** What it stands for, for the report. */
  readonly what: string;
  /** Shares of operations; they add up to 1. `modify`: a read, then a conditional write of the same key. */
  readonly mix: Readonly<Partial<Record<Operation, number>>>;
  readonly distribution: Distribution;
  readonly keys: number;
  readonly valueBytes: number;
  /** Only these numbers of keys, all alike, instead of the distribution. */
  readonly chosen?: readonly number[];
}

const keys = 10_000;
const valueBytes = 100;
const base = { keys, valueBytes } as const;

export const put: Workload = {
  ...base,
  name: 'put',
  what: 'writes, all keys alike',
  mix: { write: 1 },
  distribution: 'uniform',
};

export const get: Workload = {
  ...base,
  name: 'get',
  what: 'strong reads, all keys alike',
  mix: { read: 1 },
  distribution: 'uniform',
};

/** YCSB's core workloads. E needs scans, which the store does not have. */
export const ycsb: Readonly<Record<'a' | 'b' | 'c' | 'd' | 'f', Workload>> = {
  a: {
    ...base,
    name: 'YCSB A',
    what: 'half writes, some keys popular',
    mix: { read: 0.5, write: 0.5 },
    distribution: 'zipfian',
  },
  b: {
    ...base,
    name: 'YCSB B',
    what: '5 % writes, some keys popular',
    mix: { read: 0.95, write: 0.05 },
    distribution: 'zipfian',
  },
  c: {
    ...base,
    name: 'YCSB C',
    what: 'reads only, some keys popular',
    mix: { read: 1 },
    distribution: 'zipfian',
  },
  d: {
    ...base,
    name: 'YCSB D',
    what: '5 % inserts, the newest keys popular',
    mix: { read: 0.95, insert: 0.05 },
    distribution: 'latest',
  },
  f: {
    ...base,
    name: 'YCSB F',
    what: 'half read-modify-writes, some keys popular',
    mix: { read: 0.5, modify: 0.5 },
    distribution: 'zipfian',
  },
};

/** The same work on other sizes. */
export const sized = (workload: Workload, bytes: number): Workload => ({
  ...workload,
  name: `${workload.name} ${sizeName(bytes)}`,
  valueBytes: bytes,
  // What a store holds should fit in memory, whatever the values are.
  keys: Math.min(workload.keys, Math.max(64, Math.floor(67_108_864 / bytes))),
});

export const sizeName = (bytes: number): string =>
  bytes >= 1_048_576 ? `${bytes / 1_048_576} MiB` : bytes >= 1024 ? `${bytes / 1024} KiB` : `${bytes} B`;
