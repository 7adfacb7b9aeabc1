/** What this store wants to reach, as ratios within one run, and whether it did. */
import type { Cell } from '../measure/sample.ts';
import { summarize } from '../measure/statistics.ts';
import { figure, times } from './format.ts';
import type { Judged } from './report.ts';

interface Ratio {
  readonly workload: string;
  readonly concurrency: number;
  readonly system: string;
  readonly against: string;
  readonly atLeast: number;
}

const fsync = 'chaincluster fsync';
const os = 'chaincluster os';
const etcd = 'etcd';
const always = 'redis always';
const everysec = 'redis everysec';

const ratios: readonly Ratio[] = [
  ...row('put', fsync, etcd, { 1: 1.2, 32: 3.5, 128: 4, 512: 4 }),
  ...row('put', fsync, always, { 1: 1.1, 32: 1.6, 128: 1.8, 512: 2 }),
  ...row('put', os, everysec, { 1: 0.35, 32: 1, 128: 1.6, 512: 2.2 }),
  ...row('get', fsync, etcd, { 1: 5, 32: 10, 128: 12, 512: 14 }),
  ...row('get', fsync, always, { 32: 1.5, 128: 2.5, 512: 2.5 }),
  ...row('YCSB A', fsync, always, { 128: 1.2 }),
  ...row('YCSB B', fsync, always, { 128: 2 }),
  ...row('YCSB C', fsync, always, { 128: 2.5 }),
  ...row('put 16 KiB', fsync, etcd, { 32: 2 }),
  ...row('put 16 KiB', fsync, always, { 32: 2 }),
  ...row('put 1 MiB', fsync, etcd, { 8: 2 }),
  ...row('put 1 MiB', fsync, always, { 8: 2 }),
];

/** Figures of a chain over UDP that keeps its data in memory only, on a machine like this one (docs/performance.md). */
const memoryOnlyChain: Readonly<Record<string, number>> = {
  'YCSB A': 30_223,
  'YCSB B': 41_202,
  'YCSB C': 62_876,
};
/** Callers at which p99 is compared with p50, and the greatest ratio. */
const tails = { concurrency: 32, most: 5 } as const;

function row(
  workload: string,
  system: string,
  against: string,
  byConcurrency: Record<number, number>,
): Ratio[] {
  return Object.entries(byConcurrency).map(([concurrency, atLeast]) => ({
    workload,
    concurrency: Number(concurrency),
    system,
    against,
    atLeast,
  }));
}

/** Targets of which nothing was measured are left out. */
export function judge(cells: readonly Cell[]): Judged[] {
  return [...judgeRatios(cells), ...judgeMemoryOnly(cells), ...judgeTails(cells)];
}

function judgeRatios(cells: readonly Cell[]): Judged[] {
  return ratios.flatMap((ratio) => {
    const own = rateOf(cells, ratio.system, ratio.workload, ratio.concurrency);
    const other = rateOf(cells, ratio.against, ratio.workload, ratio.concurrency);
    if (own === null || other === null) return [];
    return {
      what: `${ratio.workload} c=${ratio.concurrency}: ${ratio.system} against ${ratio.against}`,
      wanted: `≥ ${times(ratio.atLeast)}`,
      got: `${times(own / other)} (${figure(own)} / ${figure(other)})`,
      holds: own / other >= ratio.atLeast,
    };
  });
}

function judgeMemoryOnly(cells: readonly Cell[]): Judged[] {
  return Object.entries(memoryOnlyChain).flatMap(([workload, least]) => {
    const own = rateOf(cells, fsync, workload, 128);
    if (own === null) return [];
    const what = `${workload} c=128: ${fsync} against a memory-only chain over UDP`;
    return { what, wanted: `≥ ${figure(least)}/s`, got: `${figure(own)}/s`, holds: own >= least };
  });
}

function judgeTails(cells: readonly Cell[]): Judged[] {
  return ['put', 'get'].flatMap((workload) => {
    const cell = find(cells, fsync, workload, tails.concurrency);
    if (cell === undefined) return [];
    const { p99, p50 } = summarize(cell);
    const what = `${workload} c=${tails.concurrency}: p99 / p50 of ${fsync}`;
    const got = `${figure(p99 / p50)} (${figure(p99)} / ${figure(p50)} ms)`;
    return { what, wanted: `≤ ${tails.most}`, got, holds: p99 / p50 <= tails.most };
  });
}

function rateOf(
  cells: readonly Cell[],
  system: string,
  workload: string,
  concurrency: number,
): number | null {
  const cell = find(cells, system, workload, concurrency);
  return cell === undefined ? null : summarize(cell).rate.median;
}

const find = (
  cells: readonly Cell[],
  system: string,
  workload: string,
  concurrency: number,
): Cell | undefined =>
  cells.find((c) => c.system === system && c.workload === workload && c.concurrency === concurrency);
