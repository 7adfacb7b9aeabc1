/** This store alone. */
import { startStore } from '../cluster/store.ts';
import type { System } from '../cluster/system.ts';
import { cellSections, costSection } from '../report/sections.ts';
import { judge } from '../report/targets.ts';
import { get, put, sized, ycsb } from '../workload/workloads.ts';
import { type Bench, type Findings, type Load, measureAll, type Subject } from './bench.ts';

const concurrencies = [1, 32, 128, 512];
const threeNodes = { nodes: 3, replicationFactor: 3, slots: 64 } as const;

const basic: readonly Load[] = [
  ...concurrencies.map((concurrency) => ({ workload: put, concurrency })),
  ...concurrencies.map((concurrency) => ({ workload: get, concurrency })),
  ...[ycsb.a, ycsb.b, ycsb.c].map((workload) => ({ workload, concurrency: 128 })),
];

/** The two-minute set. */
export const quick = (bench: Bench): Promise<Findings> => measureStores(bench, [store('fsync', basic)]);

/** Everything that is measured of this store without peers, but scaling, failures and the papers' experiments. */
export function full(bench: Bench): Promise<Findings> {
  const more: Load[] = [ycsb.d, ycsb.f].map((workload) => ({ workload, concurrency: 128 }));
  const large: Load[] = [
    { workload: sized(put, 1024), concurrency: 32 },
    { workload: sized(put, 16_384), concurrency: 32 },
    { workload: sized(get, 16_384), concurrency: 32 },
    { workload: sized(put, 1_048_576), concurrency: 8 },
  ];
  const fixedRates: Load[] = [1000, 2000, 5000, 10_000, 20_000, 40_000].map((rate) => ({
    workload: { ...put, name: 'put at a fixed rate' },
    concurrency: openLoopMax,
    rate,
  }));
  return measureStores(bench, [
    store('fsync', [...basic, ...more, ...fixedRates, ...large]),
    store('os', basic),
    {
      ...store('fsync', basic),
      name: 'chaincluster fsync, client library',
      generator: { client: 'library' },
    },
  ]);
}

/** Operations that an open loop may have under way at once, before it counts errors. */
const openLoopMax = 20_000;

/** One of YCSB's workloads at several numbers of callers. */
export function ycsbSet(bench: Bench, letter: keyof typeof ycsb): Promise<Findings> {
  return measureStores(bench, [
    store(
      'fsync',
      concurrencies.map((concurrency) => ({ workload: ycsb[letter], concurrency })),
    ),
  ]);
}

/** A cluster that runs already, whose keys `key00000000` and following are overwritten. */
export function against(bench: Bench, endpoints: readonly string[]): Promise<Findings> {
  const system: System = {
    name: endpoints.join(','),
    kind: 'chaincluster',
    durability: 'as it was set up',
    replicas: 0,
    endpoints,
    pids: [],
    stop: async () => {},
  };
  return measureStores(bench, [{ start: async () => system, loads: basic }]);
}

const store = (durability: 'fsync' | 'os', loads: readonly Load[]): Subject => ({
  start: (folder) => startStore({ ...threeNodes, folder, durability }),
  loads,
});

async function measureStores(bench: Bench, subjects: readonly Subject[]): Promise<Findings> {
  const cells = await measureAll(bench, subjects);
  return { cells, sections: [...cellSections(cells), costSection(cells)], targets: judge(cells) };
}
