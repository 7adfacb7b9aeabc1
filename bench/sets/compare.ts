/** This store beside etcd and Redis: the same loads, on the same machine, in the same run. */
import { missingPeers, startEtcd, startRedis } from '../cluster/peers.ts';
import { startStore } from '../cluster/store.ts';
import { cellSections, costSection } from '../report/sections.ts';
import { judge } from '../report/targets.ts';
import { get, put, sized, ycsb } from '../workload/workloads.ts';
import { type Bench, type Findings, type Load, measureAll, type Subject } from './bench.ts';

const concurrencies = [1, 32, 128, 512];
const kibibyte = 1024;

const small: readonly Load[] = [
  ...concurrencies.map((concurrency) => ({ workload: put, concurrency })),
  ...concurrencies.map((concurrency) => ({ workload: get, concurrency })),
  ...[ycsb.a, ycsb.b, ycsb.c].map((workload) => ({ workload, concurrency: 128 })),
];
const large: readonly Load[] = [
  { workload: sized(put, 16 * kibibyte), concurrency: 32 },
  { workload: sized(get, 16 * kibibyte), concurrency: 32 },
  { workload: sized(put, kibibyte * kibibyte), concurrency: 8 },
];
const gets = small.filter((load) => load.workload === get);

/** What is started, in the order in which each round goes through them. */
const subjects: readonly Subject[] = [
  {
    start: (folder) => startStore({ ...threeNodes, folder, durability: 'fsync' }),
    loads: [...small, ...large],
  },
  { start: startEtcd, loads: [...small, ...large] },
  { start: (folder) => startRedis(folder, 'always'), loads: [...small, ...large] },
  { start: (folder) => startStore({ ...threeNodes, folder, durability: 'os' }), loads: small },
  { start: (folder) => startRedis(folder, 'everysec'), loads: small },
  {
    name: 'redis, callers share 4 connections',
    start: (folder) => startRedis(folder, 'everysec'),
    loads: gets,
    generator: { connections: 4 },
  },
];

const threeNodes = { nodes: 3, replicationFactor: 3, slots: 64 } as const;

/** @throws Error that says how to install what is missing. */
export async function compare(bench: Bench): Promise<Findings> {
  const missing = missingPeers();
  if (missing.length > 0)
    throw new Error(['the comparison needs programs that are not here', ...missing].join('\n  '));
  const cells = await measureAll(bench, subjects);
  return { cells, sections: [...cellSections(cells), costSection(cells)], targets: judge(cells) };
}
